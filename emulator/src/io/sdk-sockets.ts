import type { TCP } from "../platform.ts";
import type { Message } from "../tasks.ts";
import { newFormat } from "./arguments.ts";
import type { Pcb, PcbFailure, PcbOwner } from "./pcb.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import type {
  ListenerOwner,
  ListenerRecord,
  SocketCode,
  TcpOwner,
  TcpRecord,
  UdpNews,
} from "./socket-code.ts";
import type { Stack } from "./stack.ts";

const READABLE = 1;
const WRITABLE = 2;
const ERROR = 4;
const OUTPUT = 8;

/** The C code of the Moddable SDK. */
export function sdkSockets(stack: Stack): SocketCode {
  return {
    halfCloses: false,
    pipes: false,
    convertsNumberFirst: false,
    closesListeners: false,
    addressBufferBytes: 32,
    checkFormat: newFormat,
    tcp: owner => new SdkTcp(stack, owner),
    listener: owner => new SdkListener(stack, owner),
    udpNews: owner => new SdkUdpNews(stack, owner),
    stop: () => {},
  };
}

/**
 * A TCP object as the ESP32 port has it. Read from modules/io/socket/lwip/tcp.c
 * @ 48ee02d; where it departs from ECMA-419, the port is followed:
 *
 * - events are posted, merge while they wait, and arrive as readable, then writable or error;
 * - the peer's FIN is an error: writing is over at once, `onError` waits until all was read, and
 *   comes again with each later event until `close`;
 * - `onReadable` comes with new bytes only, never again for those left unread;
 * - the connection itself closes when the events that wait at `close` have been served;
 * - where tcp.c follows a pointer to a control block that lwIP has freed, the board ends.
 */
class SdkTcp implements TcpRecord, PcbOwner, Message {
  next: Message | undefined;
  readonly halfCloses = false;
  /** Ignored: tcp.c has no keepalive. */
  keepaliveMs = 0;
  #stack: Stack;
  #owner: TcpOwner;
  /** The account of the program whose object this is. */
  #account: Stack["account"];
  #pcb: Pcb | undefined;
  #received: ReceiveQueue;
  #triggered = 0;
  /** An event of this socket is in the queue. */
  #posted = false;
  #ready = false;
  #error = false;
  #closed = false;

  constructor(stack: Stack, owner: TcpOwner) {
    this.#stack = stack;
    this.#owner = owner;
    this.#account = stack.account;
    this.#received = new ReceiveQueue(this.#account);
  }

  connect(address: string, port: number): void {
    if (!this.#stack.available()) throw new RangeError("no socket");
    this.#pcb = this.#stack.connect(address, port);
    this.#pcb.own(this);
  }

  /** Without a control block it becomes an empty socket. */
  adopt(pcb: Pcb | undefined): void {
    this.#pcb = pcb;
    this.#ready = true; // also without a block
    pcb?.own(this);
  }

  take(from: SdkTcp): void {
    if (from.#pcb === undefined || from.#dangles("from")) throw new Error("invalid from");
    const { onReadable, onWritable } = this.#owner.callbacks;
    this.#pcb = from.#pcb;
    this.#received = from.#received;
    this.#ready = from.#ready;
    // The port does not copy `error`: the new object never gets an error that the bare one got.
    let triggered = from.#triggered;
    if (onWritable && this.#pcb.sendSpace > 0) triggered |= WRITABLE;
    if (onReadable && this.#received.bytes > 0) triggered |= READABLE;
    from.#pcb = undefined;
    from.#received = new ReceiveQueue(this.#account);
    from.#triggered = 0;
    this.#pcb.own(this);
    this.#trigger(triggered);
  }

  started(): void {}

  get readable(): number {
    return this.#received.bytes;
  }

  set nagle(nagle: boolean) {
    this.#pcb!.nagle = nagle;
  }

  remote(): Pcb {
    this.#dangles("remote address");
    if (this.#pcb === undefined) this.#stack.die("remote address of a connection that is gone");
    return this.#pcb;
  }

  fill(view: Uint8Array): void {
    this.#received.fill(view, bytes => {
      if (!this.#dangles("read")) this.#pcb?.recved(bytes);
    });
    if (this.#received.bytes === 0 && this.#error) this.#trigger(ERROR);
  }

  canWrite(): boolean {
    if (!this.#ready) throw new Error("not ready");
    return !this.#error && this.#pcb !== undefined && !this.#dangles("write");
  }

  write(bytes: Uint8Array): number | undefined {
    const pcb = this.#pcb!;
    if (bytes.byteLength > pcb.sendSpace) throw new Error("would block");
    if (!pcb.write(bytes)) {
      this.#trigger(ERROR);
      return undefined;
    }
    this.#trigger(OUTPUT);
    return pcb.sendSpace;
  }

  end(): never {
    throw new Error("the SDK's sockets do not half-close");
  }

  pipe(): never {
    throw new Error("the SDK's sockets have no pipes");
  }

  unpipe(): void {}

  get piped(): undefined {
    return undefined;
  }

  get writable(): number {
    return this.#pcb?.sendSpace ?? 0;
  }

  unread(): never {
    throw new Error("the SDK's sockets take no bytes back");
  }

  close(): void {
    this.#closed = true;
    this.#dangles("close");
    this.#ready = false;
    this.#triggered = 0;
    this.#received.clear();
    if (this.#posted) this.#pcb?.release();
    else this.#letClose();
  }

  #letClose(): void {
    this.#pcb?.close();
    this.#pcb = undefined;
  }

  /** tcp.c still points to a block that lwIP has freed: after FIN or `close` it has no tcp_err. */
  #dangles(call: string, since = "after its peer's FIN"): boolean {
    if (!this.#pcb?.freed) return false;
    this.#pcb = undefined;
    if (!this.#account.closed)
      this.#stack.freedPointer(`${call} of a connection that broke ${since}`);
    return true;
  }

  connected(): void {
    this.#ready = true;
    this.#trigger(WRITABLE);
  }

  received(segment: Buffer): void {
    this.#received.push(segment);
    if (this.#owner.callbacks.onReadable) this.#trigger(READABLE);
  }

  sent(): void {
    if (this.#owner.callbacks.onWritable) this.#trigger(WRITABLE);
  }

  finished(): void {
    this.#trigger(ERROR);
  }

  failed(why: PcbFailure): void {
    this.#pcb = undefined;
    if (why === "timeout") this.#stack.freedWrite();
    if (this.#owner.callbacks.onError) this.#trigger(ERROR);
  }

  #trigger(events: number): void {
    if (events === 0 || this.#closed) return;
    this.#triggered |= events;
    if (this.#posted) return;
    this.#posted = true;
    this.#stack.parts.tasks.post(this);
  }

  deliver(): void {
    let triggered = this.#triggered;
    this.#triggered = 0;
    this.#posted = false;
    if (this.#closed) {
      if (!this.#dangles("close", "after close, before its event was served")) this.#letClose();
      return;
    }
    const { object, callbacks } = this.#owner;
    if (triggered & ERROR) {
      triggered &= ~(OUTPUT | WRITABLE);
      this.#error = true;
      this.#ready = false;
    }
    if (triggered & OUTPUT) this.#pcb?.output();
    if (triggered & READABLE && this.#received.bytes > 0)
      callbacks.onReadable?.call(object, this.#received.bytes);
    if (this.#closed) return;
    if (!this.#error) {
      if (triggered & WRITABLE && this.#pcb)
        callbacks.onWritable?.call(object, this.#pcb.sendSpace);
    } else if (this.#received.bytes === 0) {
      callbacks.onError?.call(object);
    }
  }
}

/**
 * A Listener object as the ESP32 port has it. Read from listener.js and tcp.c of
 * modules/io/socket/lwip @ 48ee02d:
 *
 * - `onReadable` is posted with each arrival and counts all that wait; those left are not announced
 *   again until the next one arrives;
 * - `read` makes its TCP object before it looks: reading past the end, or after `close`, leaks one;
 * - a SYN for which there is no control block puts an empty socket among those that wait: it reads as a TCP, but nothing
 *   is below it;
 * - one that broke while it waited leaves a pointer to freed memory, and so does `close` with an
 *   announcement under way.
 */
class SdkListener implements ListenerRecord, Message {
  next: Message | undefined;
  #stack: Stack;
  #owner: ListenerOwner;
  /** `undefined`: an empty socket. */
  #accepted: (Pcb | undefined)[] = [];
  #posted = false;
  #closed = false;

  constructor(stack: Stack, owner: ListenerOwner) {
    this.#stack = stack;
    this.#owner = owner;
  }

  refusePort(): never {
    this.#stack.leakBlock(); // it was bound, and is forgotten
    throw new RangeError("no memory");
  }

  beforeRead() {
    return this.#owner.newTcp();
  }

  read({ tcp, record }: { tcp: TCP; record: SdkTcp }): TCP | undefined {
    if (this.#accepted.length === 0) return undefined;
    const pcb = this.#accepted.shift();
    if (pcb?.freed) this.#stack.freedPointer("accepting a connection that broke while it waited");
    record.adopt(pcb?.freed ? undefined : pcb);
    return tcp;
  }

  arrived(pcb: Pcb | undefined): void {
    this.#accepted.push(pcb);
    if (this.#owner.onReadable === undefined || this.#posted) return;
    this.#posted = true;
    this.#stack.parts.tasks.post(this);
  }

  deliver(): void {
    this.#posted = false;
    if (this.#closed || this.#accepted.length === 0) return;
    this.#owner.onReadable?.call(this.#owner.object as never, this.#accepted.length);
  }

  close(): void {
    this.#closed = true;
    for (const pcb of this.#accepted) {
      if (pcb?.freed)
        this.#stack.freedPointer("closing a listener whose client broke while it waited");
      else pcb?.close();
    }
    if (this.#posted) this.#stack.freedPointer("a listener closed before its announcement came");
  }
}

/** The message of a UDP socket: one is queued at a time (udpReceive). */
class SdkUdpNews implements UdpNews, Message {
  next: Message | undefined;
  #stack: Stack;
  #owner: { deliver(): void };
  #posted = false;

  constructor(stack: Stack, owner: { deliver(): void }) {
    this.#stack = stack;
    this.#owner = owner;
  }

  report(): void {
    if (this.#posted) return;
    this.#posted = true;
    this.#stack.parts.tasks.post(this);
  }

  /** A message that is queued finds no datagram. */
  forget(): void {}

  deliver(): void {
    this.#posted = false;
    this.#owner.deliver();
  }
}
