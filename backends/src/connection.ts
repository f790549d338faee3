import { METHODS } from "node:http";
import type { Behaviour, Connection, Stage } from "./behaviour.ts";
import { CONTINUE, nameItself, refuse } from "./http.ts";
import { type Message, MessageReader } from "./http-reader.ts";
import { echoLines } from "./lines.ts";
import { type Socket, StepPlayer } from "./steps.ts";

/** Limits of waiting steps and of bytes that the client has not read yet: beyond them no further request is read. */
const STEPS_MAX = 64;
const UNREAD_BYTES_MAX = 2 ** 18;

/** Bytes of the longest method that Node's parser accepts, and of the blank after it. */
const METHOD_BYTES_MAX = Math.max(...METHODS.map(({ length }) => length)) + 1;

/** One connection of a backend: HTTP or raw TCP, served as the behaviour says. */
export class ServedConnection extends StepPlayer implements Connection {
  readonly name: string;
  receive: (bytes: Buffer) => void = bytes => this.#sniff(bytes);
  finish = () => this.play([{ close: "end" }]);
  #behaviour: Behaviour;
  #stage: Stage;
  /** The first bytes, until they show whether it is HTTP. */
  #first: Buffer | undefined = Buffer.alloc(0);
  #reader: MessageReader | undefined;
  #raw = false;
  /** Cancels the timer of an idle connection. */
  #keep: (() => void) | undefined;

  constructor(socket: Socket, behaviour: Behaviour, stage: Stage) {
    super(socket, stage.clock);
    this.name = stage.name;
    this.#behaviour = behaviour;
    this.#stage = stage;
    socket.on("data", (bytes: Buffer) => this.receive(bytes));
    socket.on("end", () => this.#ended());
    socket.once("close", () => this.#keep?.());
    behaviour.accepts?.(this);
  }

  upgrade(receive: (bytes: Buffer) => void): void {
    const rest = this.#reader?.release();
    this.#reader = undefined;
    this.#raw = true;
    this.receive = receive;
    if (rest !== undefined && rest.byteLength > 0) receive(rest);
  }

  idle(): void {
    const { keepAliveMs } = this.#stage;
    if (keepAliveMs === undefined || this.#raw) return;
    this.#keep ??= this.clock.after(keepAliveMs, () => this.socket.end());
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
    else echoLines(this, first, this.#behaviour.latencyMs);
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
    const idle = { run: () => void this.idle() };
    const answer = () => {
      const steps = (this.#behaviour.answer ?? nameItself)(request, this);
      return steps.length === 0 ? steps : [...steps, idle];
    };
    this.play([...(latencyMs === undefined ? [] : [{ waitMs: latencyMs }]), { run: answer }]);
    if (!this.#behaviour.strict) this.throttle();
  }

  throttle(): void {
    const { socket } = this;
    if (this.waiting <= STEPS_MAX && socket.writableLength <= UNREAD_BYTES_MAX) return;
    socket.pause();
    const resume = () => {
      socket.resume();
      this.idle();
    };
    const wait = () => {
      this.#notIdle();
      if (socket.writableNeedDrain) socket.once("drain", resume);
      else resume();
    };
    this.play([{ run: () => void wait() }]);
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
    else this.finish();
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
