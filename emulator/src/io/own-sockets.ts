import type { NativePipeOptions, SocketFailure } from "../../../firmware/src/platform.ts";
import type { TCP } from "../platform.ts";
import { text } from "./arguments.ts";
import { ACCEPT, END, ERROR, News, type NewsOwner, PIPE, READABLE, WRITABLE } from "./news.ts";
import { OwnConnection, OwnStack } from "./own-connection.ts";
import { type Pipe, pipeOptions } from "./own-pipe.ts";
import type { Pcb } from "./pcb.ts";
import type {
  ListenerOwner,
  ListenerRecord,
  SocketCode,
  TcpOwner,
  TcpRecord,
  UdpNews,
} from "./socket-code.ts";
import type { Stack } from "./stack.ts";

/**
 * The firmware's own C code, firmware/native: binding.c here, sockets.c and listeners.c in own-connection.ts and news.ts.
 */
export function ownSockets(stack: Stack): SocketCode {
  const own = new OwnStack(stack);
  return {
    halfCloses: true,
    pipes: stack.kind.pipes,
    convertsNumberFirst: true,
    closesListeners: true,
    addressBufferBytes: 46,
    checkFormat: text,
    tcp: owner => new OwnTcp(own, owner),
    listener: owner => new OwnListener(own, owner),
    udpNews: owner => udpNews(own, owner),
    stop: () => own.stop(),
  };
}

/** A TCP object of the firmware's own sockets. */
class OwnTcp implements TcpRecord, NewsOwner {
  #own: OwnStack;
  #owner: TcpOwner;
  /** `undefined`: made without options, or taken over by another object. */
  #connection: OwnConnection | undefined;
  /** The connection has been there. */
  #ready = false;
  /** `onError` was called: nothing can be written any more. */
  #failed = false;

  constructor(own: OwnStack, owner: TcpOwner) {
    this.#own = own;
    this.#owner = owner;
  }

  connect(address: string, port: number): void {
    const { stack } = this.#own;
    if (!this.#own.hasRecord || !this.#own.allocate()) throw new RangeError("no socket");
    this.#connection = new OwnConnection(this.#own, stack.connect(address, port), "connecting");
  }

  adopt(connection: OwnConnection): void {
    this.#connection = connection;
    this.#ready = true;
  }

  take(from: OwnTcp): void {
    if (from.#connection === undefined) throw new Error("invalid from");
    this.#connection = from.#connection;
    this.#ready = from.#ready;
    from.#connection = undefined;
    this.#connection.owner = undefined;
  }

  started(): void {
    this.#connection!.owner = this;
  }

  get readable(): number {
    return this.#connection?.readable ?? 0;
  }

  set nagle(nagle: boolean) {
    this.#connection!.nagle = nagle;
  }

  set keepaliveMs(ms: number) {
    this.#connection!.keepaliveMs = ms;
  }

  remote(): OwnConnection | undefined {
    return this.#connection;
  }

  fill(view: Uint8Array): void {
    this.#connection!.read(view);
  }

  canWrite(): boolean {
    const connection = this.#connection;
    if (connection !== undefined && connection.writable > 0) this.#ready = true;
    if (!this.#ready || this.#failed) throw new Error("not ready");
    return connection !== undefined && !connection.isWriteClosed;
  }

  write(bytes: Uint8Array): number | undefined {
    const connection = this.#connection!;
    if (bytes.byteLength > connection.writable) throw new Error("would block");
    const taken = connection.write(bytes);
    if (taken === 0 && bytes.byteLength > 0) throw new Error("would block"); // no memory
    if (taken < bytes.byteLength) {
      connection.abandon();
      return undefined;
    }
    return connection.writable;
  }

  end(): void {
    this.#connection?.end();
  }

  unread(bytes: Uint8Array): boolean {
    return this.#connection?.unread(bytes) ?? false;
  }

  pipe(to: OwnTcp, options: NativePipeOptions): void {
    const converted = pipeOptions(options); // may call the program
    if (to.#connection === undefined) throw new Error("invalid to");
    if (this.#connection === undefined) throw new Error("invalid");
    this.#connection.pipe(to.#connection, converted);
  }

  unpipe(): void {
    this.#connection?.unpipe();
  }

  get piped(): Pipe | undefined {
    return this.#connection?.pipeFrom;
  }

  get writable(): number {
    return this.#connection?.writable ?? 0;
  }

  close(reset: boolean): void {
    const connection = this.#connection;
    this.#connection = undefined;
    if (reset) connection?.reset();
    else connection?.close();
  }

  /** Each callback may close the socket. */
  deliver(events: number): void {
    const { object, callbacks } = this.#owner;
    if (events & PIPE) events = this.#deliverPiped(events);
    if (events & READABLE && this.readable > 0) callbacks.onReadable?.call(object, this.readable);
    if (events & WRITABLE && this.#connection) {
      this.#ready = true;
      callbacks.onWritable?.call(object, this.#connection.writable);
    }
    if (events & END && this.#connection) {
      if (callbacks.onEnd) callbacks.onEnd.call(object);
      else this.#fail("end");
    }
    if (events & ERROR && this.#connection) this.#fail(this.#connection.error!);
  }

  /** Returns the events that are left. */
  #deliverPiped(events: number): number {
    const pipe = this.piped;
    for (;;) {
      const event = pipe?.nextEvent();
      if (event === undefined) return events;
      this.#owner.callbacks.onPiped?.call(this.#owner.object, event);
      // Another pipe that the callback has begun has events of its own, that of bytes that it leaves included.
      if (this.piped !== pipe) return events & ~READABLE;
    }
  }

  #fail(code: SocketFailure | "end"): void {
    this.#failed = true;
    this.#owner.callbacks.onError?.call(this.#owner.object, code);
  }
}

/**
 * A Listener object of the firmware's own sockets. What connections receive before they are accepted is kept; one that is
 * lost meanwhile is taken out, and a client without a control block is not announced.
 */
class OwnListener implements ListenerRecord, NewsOwner {
  #own: OwnStack;
  #owner: ListenerOwner;
  #news = new News();
  #waiting: OwnConnection[] = [];

  constructor(own: OwnStack, owner: ListenerOwner) {
    this.#own = own;
    this.#owner = owner;
    this.#news.owner = this;
  }

  deliver(): void {
    const { onReadable, object } = this.#owner;
    const count = this.#waiting.length;
    if (count > 0) onReadable?.call(object as never, count);
  }

  refusePort(isTaken: boolean): never {
    throw new Error(isTaken ? "socket bind" : "no socket");
  }

  beforeRead(): void {}

  read(): TCP | undefined {
    const connection = this.#waiting.shift();
    if (connection === undefined) return undefined;
    connection.waitsAt = undefined;
    const { tcp, record } = this.#owner.newTcp();
    (record as OwnTcp).adopt(connection);
    connection.owner = undefined;
    return tcp;
  }

  arrived(pcb: Pcb | undefined): void {
    if (pcb === undefined) return;
    if (!this.#own.hasRecord) {
      pcb.abort();
      return;
    }
    const connection = new OwnConnection(this.#own, pcb, "open");
    connection.waitsAt = this;
    this.#waiting.push(connection);
    this.#own.news.report(this.#news, ACCEPT);
  }

  lost(connection: OwnConnection): void {
    this.#waiting.splice(this.#waiting.indexOf(connection), 1);
  }

  close(): void {
    for (const connection of this.#waiting) connection.reset();
    this.#waiting = [];
    this.#own.news.forget(this.#news);
    this.#news.owner = undefined;
  }
}

function udpNews({ news: queue }: OwnStack, owner: NewsOwner): UdpNews {
  const news = new News();
  news.owner = owner;
  return {
    report: () => queue.report(news, READABLE),
    forget: () => queue.forget(news),
  };
}
