import { Duplex } from "node:stream";

export interface SocketOptions {
  readonly allowHalfOpen: boolean;
  readonly noDelay: boolean;
}

/** Bytes that a socket takes before the board has acknowledged them. */
const SEND_BUFFER_BYTES = 65_536;

/** Bytes that one command sends. */
const COMMAND_BYTES_MAX = 65_536;

/** A change of a connection, as the engine reports it (board/wire.c). */
export interface Report {
  readonly ownPort: number;
  readonly ending: "none" | "finished" | "reset";
  readonly isEstablished: boolean;
  /** The bytes that have come since the last report. */
  readonly bytes: Buffer;
}

export function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}

/** A connection of the peer's lwIP, in the shape of `net.Socket`. */
export class PeerSocket extends Duplex {
  connecting: boolean;
  localPort: number | undefined;
  #tell: (word: string, text?: string) => void;
  /** Written, and not known to be acknowledged. */
  #unsentBytes = 0;
  /** Ends the write that waits for an acknowledgement. */
  #done: (() => void) | undefined;
  #isHeld = false;
  #isFinished = false;

  /** `tell` sends a command about this connection. */
  constructor(
    { allowHalfOpen }: SocketOptions,
    connecting: boolean,
    tell: (word: string, text?: string) => void,
  ) {
    super({ allowHalfOpen });
    this.connecting = connecting;
    this.#tell = tell;
  }

  setNoDelay(): this {
    this.#tell("nodelay");
    return this;
  }

  /** Every byte written so far is acknowledged. The result ends the write that waits for it. */
  acknowledge(): (() => void) | undefined {
    const done = this.#done;
    this.#done = undefined;
    this.#unsentBytes = 0;
    return done;
  }

  update({ ownPort, ending, isEstablished, bytes }: Report): void {
    if (this.destroyed) return;
    this.localPort = ownPort;
    if (this.connecting && isEstablished) {
      this.connecting = false;
      this.emit("connect");
    }
    if (bytes.byteLength > 0 && !this.push(bytes)) {
      this.#isHeld = true;
      this.#tell("hold");
    }
    if (ending === "reset") this.lose();
    else if (ending === "finished" && !this.#isFinished) {
      this.#isFinished = true;
      this.push(null);
      if (this.readableLength === 0) this.read(0); // so that "end" comes without a reader
    }
  }

  /** The connection is lost. The peer's lwIP does not tell a refusal from a time-out. */
  lose(): void {
    this.destroy(
      this.connecting ? systemError("ECONNREFUSED", "connect") : systemError("ECONNRESET", "read"),
    );
  }

  resetAndDestroy(): this {
    this.#tell("reset");
    return this.destroy();
  }

  override _read(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#tell("resume");
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#unsentBytes += bytes.byteLength;
    const mustWait = this.#unsentBytes > SEND_BUFFER_BYTES;
    if (mustWait) this.#done = done;
    for (let at = 0; at < bytes.byteLength; at += COMMAND_BYTES_MAX)
      this.#tell("send", bytes.toString("hex", at, at + COMMAND_BYTES_MAX));
    if (!mustWait) done();
  }

  override _final(done: () => void): void {
    this.#tell("finish");
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#tell("close");
    done(error);
  }
}
