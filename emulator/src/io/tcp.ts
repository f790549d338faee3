import type { TCP, TCPClass, TCPOptions } from "../platform.ts";
import type { Message } from "../tasks.ts";
import type { Account } from "./account.ts";
import { dottedAddress } from "./address.ts";
import {
  argument,
  callback,
  checkPort,
  initialFormat,
  integer,
  isReference,
  newFormat,
  signedInteger,
  text,
  viewOf,
} from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import type { Pcb, PcbOwner } from "./pcb.ts";
import { ReceiveQueue } from "./receive-queue.ts";
import type { Stack } from "./stack.ts";

/** The constructor's buffer for the address, its end mark included. */
const ADDRESS_BUFFER_BYTES = 32;

const READABLE = 1;
const WRITABLE = 2;
const ERROR = 4;
const OUTPUT = 8;

/** The class of one program, and what Listener.read() does to an object that was made without options. */
export interface TCPFamily {
  TCP: TCPClass;
  /** Without a control block it becomes an empty socket. */
  adopt(tcp: TCP, pcb: Pcb | undefined): void;
}

/**
 * `embedded:io/socket/tcp` as the ESP32 port behaves. Read from modules/io/socket/lwip/tcp.c
 * @ 48ee02d; where it departs from ECMA-419, the port is followed:
 *
 * - events are posted, merge while they wait, and arrive as readable, then writable or error;
 * - the peer's FIN is an error: writing is over at once, `onError` waits until all was read, and
 *   comes again with each later event until `close`;
 * - `onReadable` comes with new bytes only, never again for those left unread;
 * - after `close` every member throws SyntaxError; the connection itself closes when the events that
 *   wait have been served;
 * - where tcp.c follows a pointer to a control block that lwIP has freed, the board ends.
 */
class EmulatedTCP extends HostObject implements TCP, PcbOwner, Message {
  target: unknown;
  next: Message | undefined;
  #stack: Stack;
  /** The account of the program whose class this is. */
  #account: Account;
  #pcb: Pcb | undefined;
  #received: ReceiveQueue;
  #triggered = 0;
  /** An event of this socket is in the queue. */
  #posted = false;
  #format = "buffer";
  #ready = false;
  #error = false;
  #closed = false;
  #onReadable: TCPOptions["onReadable"];
  #onWritable: TCPOptions["onWritable"];
  #onError: TCPOptions["onError"];

  constructor(stack: Stack, account: Account, given: [options?: TCPOptions]) {
    super(EmulatedTCP);
    this.#stack = stack;
    this.#account = account;
    this.#received = new ReceiveQueue(account);
    if (given.length === 0) {
      account.objects++;
      return;
    }
    if (!stack.online) throw new Error("no network");
    const options = given[0]!;
    this.#format = checkFormat(initialFormat(options, "buffer"));
    this.#onReadable = callback(options.onReadable);
    this.#onWritable = callback(options.onWritable);
    this.#onError = callback(options.onError);
    if ("from" in options) this.#take(options.from);
    else this.#connect(options);
    if ("nodelay" in options) this.#pcb!.nagle = !options.nodelay;
    this.target = options.target;
    account.objects++;
  }

  #connect(options: TCPOptions): void {
    const given = text(options.address);
    if (Buffer.byteLength(given) >= ADDRESS_BUFFER_BYTES) {
      throw new RangeError("cannot buffer string");
    }
    const address = dottedAddress(given);
    if (address === undefined) throw new Error("invalid address");
    const port = checkPort(signedInteger(options.port));
    if (!this.#stack.available()) throw new RangeError("no socket");
    this.#pcb = this.#stack.connect(address, port);
    this.#pcb.own(this);
  }

  static adopt(tcp: TCP, pcb: Pcb | undefined): void {
    checkOpen(tcp);
    tcp.#pcb = pcb;
    tcp.#ready = true; // also without a block: an empty socket
    pcb?.own(tcp);
  }

  #take(from: unknown): void {
    checkOpen(from);
    if (from.#pcb === undefined || from.#dangles("from")) throw new Error("invalid from");
    this.#pcb = from.#pcb;
    this.#received = from.#received;
    this.#ready = from.#ready;
    // The port does not copy `error`: the new object never gets an error that the bare one got.
    let triggered = from.#triggered;
    if (this.#onWritable && this.#pcb.sendSpace > 0) triggered |= WRITABLE;
    if (this.#onReadable && this.#received.bytes > 0) triggered |= READABLE;
    from.#pcb = undefined;
    from.#received = new ReceiveQueue(this.#account);
    from.#triggered = 0;
    from.close();
    this.#pcb.own(this);
    this.#trigger(triggered);
  }

  get remoteAddress(): string {
    checkOpen(this);
    return this.#native().remoteAddress;
  }

  get remotePort(): number {
    checkOpen(this);
    return this.#native().remotePort;
  }

  get format(): string {
    checkOpen(this);
    return this.#format;
  }

  set format(format: string) {
    checkOpen(this);
    this.#format = checkFormat(newFormat(format));
  }

  read(into: ArrayBuffer | Uint8Array): number | undefined;
  read(count?: number): ArrayBuffer | number | undefined;
  read(...given: [into?: number | ArrayBuffer | Uint8Array]): ArrayBuffer | number | undefined {
    checkOpen(this);
    if (this.#received.bytes === 0) return undefined;
    if (this.#format === "number") {
      const byte = new Uint8Array(1);
      this.#fill(byte);
      return byte[0];
    }
    const [into] = given;
    if (isReference(into)) {
      const view = viewOf(into);
      this.#fill(view.subarray(0, this.#count(view.byteLength)));
      return view.byteLength;
    }
    const bytes = new Uint8Array(
      this.#count(given.length === 0 ? this.#received.bytes : integer(into)),
    );
    this.#fill(bytes);
    return bytes.buffer;
  }

  write(...given: [bytes: ArrayBuffer | Uint8Array | number]): number | undefined {
    checkOpen(this);
    if (!this.#ready) throw new Error("not ready");
    const pcb = this.#pcb;
    if (this.#error || pcb === undefined || this.#dangles("write")) return undefined;
    const bytes = argument(given, 0);
    const view = this.#format === "number" ? Uint8Array.of(integer(bytes)) : viewOf(bytes);
    if (view.byteLength > pcb.sendSpace) throw new Error("would block");
    if (!pcb.write(view)) {
      this.#trigger(ERROR);
      return undefined;
    }
    this.#trigger(OUTPUT);
    return pcb.sendSpace;
  }

  close(): void {
    if (!HostObject.release(this, EmulatedTCP)) return;
    this.#closed = true;
    this.#dangles("close");
    this.#ready = false;
    this.#triggered = 0;
    this.#received.clear();
    this.#account.objects--;
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
    if (this.#onReadable) this.#trigger(READABLE);
  }

  sent(): void {
    if (this.#onWritable) this.#trigger(WRITABLE);
  }

  finished(): void {
    this.#trigger(ERROR);
  }

  failed(): void {
    this.#pcb = undefined;
    if (this.#onError) this.#trigger(ERROR);
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
    if (triggered & ERROR) {
      triggered &= ~(OUTPUT | WRITABLE);
      this.#error = true;
      this.#ready = false;
    }
    if (triggered & OUTPUT) this.#pcb?.output();
    if (triggered & READABLE && this.#received.bytes > 0)
      this.#onReadable?.call(this, this.#received.bytes);
    if (this.#closed) return;
    if (!this.#error) {
      if (triggered & WRITABLE && this.#pcb) this.#onWritable?.call(this, this.#pcb.sendSpace);
    } else if (this.#received.bytes === 0) {
      this.#onError?.call(this);
    }
  }

  #count(requested: number): number {
    if (requested <= 0 || requested > this.#received.bytes) throw new Error("invalid");
    return requested;
  }

  #fill(view: Uint8Array): void {
    this.#received.fill(view, bytes => {
      if (!this.#dangles("read")) this.#pcb?.recved(bytes);
    });
    if (this.#received.bytes === 0 && this.#error) this.#trigger(ERROR);
  }

  #native(): Pcb {
    this.#dangles("remote address");
    if (this.#pcb === undefined) this.#stack.die("remote address of a connection that is gone");
    return this.#pcb;
  }
}

/** The class for one program on this stack. */
export function defineTCP(stack: Stack): TCPFamily {
  const { account } = stack;
  return {
    TCP: class extends EmulatedTCP {
      constructor(...given: [options?: TCPOptions]) {
        super(stack, account, given);
      }
    },
    adopt: EmulatedTCP.adopt,
  };
}

function checkOpen(receiver: unknown): asserts receiver is EmulatedTCP {
  HostObject.validate(receiver, EmulatedTCP);
}

/** TCP has two formats. */
function checkFormat(format: string): string {
  if (format !== "buffer" && format !== "number") throw new RangeError("unimplemented");
  return format;
}
