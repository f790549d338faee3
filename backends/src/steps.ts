import type { Duplex } from "node:stream";

/** Runs `task` once, `ms` milliseconds from now, unless the returned function is called first. */
export interface Timing {
  after(ms: number, task: () => void): () => void;
}

/** The computer's time. */
export const REAL_TIME: Timing = {
  after(ms, task) {
    const timeout = setTimeout(task, ms);
    return () => clearTimeout(timeout);
  },
};

/** A connection of `node:net`, or of an object with the same interface. */
export interface Socket extends Duplex {
  readonly localPort?: number | undefined;
  resetAndDestroy(): unknown;
}

/** One action of a backend or a client on a connection. */
export type Step =
  /** Sends bytes (one per character of a text), in pieces with `gapMs` between them if given. */
  | {
      readonly send: string | Buffer;
      readonly pieceBytes?: number | undefined;
      readonly gapMs?: number;
    }
  /** Sends this many bytes as fast as the peer reads. */
  | { readonly pour: number }
  | { readonly waitMs: number }
  | { readonly close: "end" | "destroy" | "reset" }
  /** Decides now: returns the next steps. */
  | { readonly run: () => Steps | undefined };

export type Steps = readonly Step[];

/** Bytes of the pattern, made once. */
const PIECE = Buffer.alloc(64 * 1024, "0123456789abcdef");

/** Does steps on a connection, one after the other; when it is closed, those that are left are forgotten. */
export class StepPlayer {
  readonly socket: Socket;
  protected readonly clock: Timing;
  #steps: Step[] = [];
  #busy = false;
  /** Ends the wait of a step. */
  #cancel: (() => void) | undefined;

  constructor(socket: Socket, clock: Timing) {
    this.socket = socket;
    this.clock = clock;
    socket.once("close", () => {
      this.#steps = [];
      this.#cancel?.();
    });
  }

  /** Steps that wait behind the one that is being done. */
  get waiting(): number {
    return this.#steps.length;
  }

  /** Does these steps behind those that are still to do. */
  play(steps: Steps): void {
    for (const step of steps) this.#steps.push(step);
    if (!this.#busy) this.#go();
  }

  #go(): void {
    this.#busy = true;
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      if ("run" in step) this.#steps.unshift(...(step.run() ?? []));
      else if ("close" in step) this.#close(step.close);
      else if ("send" in step) this.#send(step);
      else if ("waitMs" in step) {
        this.#cancel = this.clock.after(step.waitMs, () => this.#go());
        return;
      } else if (this.#isPouring(step.pour)) return;
    }
    this.#busy = false;
  }

  #send({ send, pieceBytes = Infinity, gapMs = 0 }: Extract<Step, { send: unknown }>): void {
    if (!this.socket.writable) return;
    const bytes = typeof send === "string" ? Buffer.from(send, "latin1") : send;
    if (bytes.byteLength > 0) this.socket.write(bytes.subarray(0, pieceBytes));
    if (bytes.byteLength <= pieceBytes) return;
    const rest = { send: bytes.subarray(pieceBytes), pieceBytes, gapMs };
    this.#steps.unshift(...(gapMs > 0 ? [{ waitMs: gapMs }, rest] : [rest]));
  }

  /** False when all of it is sent, or its client is gone. */
  #isPouring(bytes: number): boolean {
    for (let left = bytes; left > 0 && this.socket.writable; ) {
      const piece = left < PIECE.byteLength ? PIECE.subarray(0, left) : PIECE;
      left -= piece.byteLength;
      if (this.socket.write(piece)) continue;
      this.socket.once("drain", () => {
        this.#steps.unshift({ pour: left });
        this.#go();
      });
      return true;
    }
    return false;
  }

  #close(how: "end" | "destroy" | "reset"): void {
    if (how === "end") this.socket.end();
    else if (how === "destroy") this.socket.destroy();
    else this.socket.resetAndDestroy();
  }
}
