import { METHODS } from "node:http";
import type { BackendSocket, Behaviour, Connection, Stage, Step, Steps } from "./behaviour.ts";
import { CONTINUE, nameItself, refuse } from "./http.ts";
import { type Message, MessageReader } from "./http-reader.ts";
import { echoLines } from "./lines.ts";

/** Limits of waiting steps and of bytes that the client has not read yet: beyond them no further request is read. */
const STEPS_MAX = 64;
const UNREAD_BYTES_MAX = 2 ** 20;

/** The end of an answer. */
export const IDLE: Step = {
  run(connection) {
    connection.idle();
    return undefined;
  },
};

/** Bytes of the pattern, made once. */
const PIECE = Buffer.alloc(64 * 1024, "0123456789abcdef");

/** Bytes of the longest method that Node's parser accepts, and of the blank after it. */
const METHOD_BYTES_MAX = Math.max(...METHODS.map(({ length }) => length)) + 1;

/** One connection of a backend: HTTP or raw TCP, served as the behaviour says. */
export class ServedConnection implements Connection {
  readonly socket: BackendSocket;
  readonly name: string;
  receive: (bytes: Buffer) => void = bytes => this.#sniff(bytes);
  #behaviour: Behaviour;
  #stage: Stage;
  /** The first bytes, until they show whether it is HTTP. */
  #first: Buffer | undefined = Buffer.alloc(0);
  #reader: MessageReader | undefined;
  #raw = false;
  #steps: Step[] = [];
  #busy = false;
  /** Ends the wait of a step. */
  #cancel: (() => void) | undefined;
  /** Cancels the timer of an idle connection. */
  #keep: (() => void) | undefined;

  constructor(socket: BackendSocket, behaviour: Behaviour, stage: Stage) {
    this.socket = socket;
    this.name = stage.name;
    this.#behaviour = behaviour;
    this.#stage = stage;
    socket.on("data", (bytes: Buffer) => this.receive(bytes));
    socket.on("end", () => this.#ended());
    socket.once("close", () => {
      this.#steps = [];
      this.#cancel?.();
      this.#keep?.();
    });
    behaviour.accepts?.(this);
  }

  play(steps: Steps): void {
    this.#steps.push(...steps);
    if (!this.#busy) this.#go();
  }

  upgrade(receive: (bytes: Buffer) => void): void {
    const rest = this.#reader?.release();
    this.#reader = undefined;
    this.#raw = true;
    this.receive = receive;
    if (rest !== undefined && rest.byteLength > 0) receive(rest);
  }

  idle(): void {
    const { clock, keepAliveMs } = this.#stage;
    if (keepAliveMs === undefined || this.#raw) return;
    this.#keep ??= clock.after(keepAliveMs, () => this.socket.end());
  }

  // The client's side

  #sniff(bytes: Buffer): void {
    const { takes, speaksHttp = beginsRequest } = this.#behaviour;
    const before = this.#first!;
    const steps = before.byteLength === 0 ? takes?.(this) : undefined;
    if (steps !== undefined) {
      this.#first = undefined;
      this.receive = () => {};
      this.play(steps);
      return;
    }
    this.#first = before.byteLength === 0 ? bytes : Buffer.concat([before, bytes]);
    const http = speaksHttp(this.#first);
    if (http === true) this.#serveHttp(this.#first);
    else if (http === false) this.#talk(this.#first);
  }

  #talk(first: Buffer): void {
    this.#first = undefined;
    this.#raw = true;
    this.receive = () => {};
    if (this.#behaviour.talk) this.#behaviour.talk(this, first);
    else echoLines(this.socket, first, this.#behaviour, this.#stage);
  }

  #serveHttp(first: Buffer): void {
    const { strict = false, broken = refuse } = this.#behaviour;
    this.#first = undefined;
    const reader = new MessageReader(
      "request",
      request => this.#request(request),
      request => this.#head(request),
      strict,
    );
    this.#reader = reader;
    this.receive = bytes => {
      reader.feed(bytes);
      if (reader.broken === undefined) return;
      this.receive = () => {};
      this.play(broken(reader.broken, this));
    };
    this.receive(first);
  }

  #head(request: Message): void {
    this.#notIdle();
    if (this.#behaviour.head) this.play(this.#behaviour.head(request, this));
    else if (request.all("expect").includes("100-continue")) this.play([{ send: CONTINUE }]);
  }

  #request(request: Message): void {
    const { latencyMs } = this.#behaviour;
    if (latencyMs !== undefined) this.#steps.push({ waitMs: latencyMs });
    const answer = () => {
      const steps = (this.#behaviour.answer ?? nameItself)(request, this);
      return steps.length === 0 ? steps : [...steps, IDLE];
    };
    this.play([{ run: answer }]);
    const { socket } = this;
    if (this.#steps.length <= STEPS_MAX && socket.writableLength <= UNREAD_BYTES_MAX) return;
    socket.pause();
    const resume = () => {
      socket.resume();
      this.idle();
    };
    const wait = () => {
      this.#notIdle();
      if (socket.writableNeedDrain) socket.once("drain", resume);
      else resume();
      return undefined;
    };
    this.play([{ run: wait }]);
  }

  #notIdle(): void {
    this.#keep?.();
    this.#keep = undefined;
  }

  #ended(): void {
    // Half a method and an end is raw TCP, too; an end without bytes needs no answer.
    if (this.#first !== undefined && this.#first.byteLength > 0) this.#talk(this.#first);
    this.#reader?.end();
    if (this.#behaviour.ended) this.#behaviour.ended(this);
    else if (!this.#raw) this.play([{ close: "end" }]);
  }

  // The backend's side

  #go(): void {
    this.#busy = true;
    for (;;) {
      const step = this.#steps.shift();
      if (step === undefined) break;
      if ("run" in step) this.#steps.unshift(...(step.run(this) ?? []));
      else if ("close" in step) this.#close(step.close);
      else if ("waitMs" in step) {
        this.#cancel = this.#stage.clock.after(step.waitMs, () => this.#go());
        return;
      } else if ("send" in step) this.#send(step);
      else if (this.#isPouring(step.pour)) return;
    }
    this.#busy = false;
  }

  #send({
    send,
    pieceBytes = Number.POSITIVE_INFINITY,
    gapMs = 0,
  }: Extract<Step, { send: unknown }>): void {
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

/** Whether these first bytes begin a request with a method that Node knows. */
function beginsRequest(first: Buffer): boolean | undefined {
  const text = first.toString("latin1", 0, METHOD_BYTES_MAX);
  for (const method of METHODS) {
    if (text.startsWith(`${method} `)) return true;
    if (method.startsWith(text)) return undefined;
  }
  return false;
}
