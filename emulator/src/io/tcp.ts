import { isIPv4, isIPv6 } from "node:net";
import type { TCP, TCPClass, TCPOptions } from "../platform.ts";
import type { Message } from "../tasks.ts";
import { Pcb, type PcbOwner } from "./pcb.ts";
import type { Stack } from "./stack.ts";

const READABLE = 1;
const WRITABLE = 2;
const ERROR = 4;
const OUTPUT = 8;

/** The classes of one board, and the way from an accepted control block to its bare TCP object. */
export interface TCPFamily {
  TCP: TCPClass;
  accepted(pcb: Pcb | undefined): TCP;
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
export function defineTCP(stack: Stack): TCPFamily {
  let adopted: Pcb | undefined;
  const { life } = stack;

  class EmulatedTCP implements TCP, PcbOwner, Message {
    target: unknown;
    next: Message | undefined;
    #pcb: Pcb | undefined;
    #segments: Buffer[] = [];
    /** Bytes of the first segment that were read already. */
    #offset = 0;
    #unread = 0;
    #triggered = 0;
    /** It waits in the event queue. */
    #posted = false;
    #ready = false;
    #error = false;
    #closed = false;
    #onReadable: TCPOptions["onReadable"];
    #onWritable: TCPOptions["onWritable"];
    #onError: TCPOptions["onError"];

    constructor(...given: [options?: TCPOptions]) {
      if (given.length === 0) {
        // What Listener.read() makes: no callbacks, but it reads and writes.
        this.#pcb = adopted;
        this.#ready = true; // even over nothing: a dud
        adopted?.own(this);
        stack.objects++;
        return;
      }
      if (!stack.online) throw new Error("no network");
      const options = given[0]!;
      if (options.format === "number") throw new Error('not emulated: format "number"');
      if (options.format && options.format !== "buffer") throw new RangeError("unimplemented");
      this.#onReadable = callback(options.onReadable);
      this.#onWritable = callback(options.onWritable);
      this.#onError = callback(options.onError);
      if ("from" in options) this.#take(options.from);
      else this.#connect(options);
      if ("nodelay" in options) this.#pcb!.nagle = !options.nodelay;
      this.target = options.target;
      stack.objects++;
    }

    #connect({ address, port: given }: TCPOptions): void {
      if (typeof address !== "string") throw new Error("invalid address");
      if (address.length >= 32) throw new RangeError("cannot buffer string");
      if (isIPv6(address)) throw new Error("not emulated: IPv6");
      if (!isIPv4(address)) throw new Error("invalid address");
      const port = portOf(given);
      if (!stack.available()) throw new RangeError("no socket");
      const socket = stack.parts.wire.connect({
        host: address,
        port,
        allowHalfOpen: true,
      });
      this.#pcb = new Pcb(stack, socket, { address, port });
      this.#pcb.own(this);
    }

    #take(from: unknown): void {
      if (!(from instanceof EmulatedTCP)) throw new SyntaxError("from: not a TCP");
      from.#open();
      if (from.#pcb === undefined || from.#dangles("from")) throw new Error("invalid from");
      this.#pcb = from.#pcb;
      this.#segments = from.#segments;
      this.#offset = from.#offset;
      this.#unread = from.#unread;
      this.#ready = from.#ready;
      // The port forgets `error` here: what the bare socket was told, the new one never hears.
      let triggered = from.#triggered;
      if (this.#onWritable && this.#pcb.sendSpace > 0) triggered |= WRITABLE;
      if (this.#onReadable && this.#unread > 0) triggered |= READABLE;
      from.#pcb = undefined;
      from.#segments = [];
      from.#unread = 0;
      from.#triggered = 0;
      from.close();
      this.#pcb.own(this);
      this.#trigger(triggered);
    }

    get remoteAddress(): string {
      return this.#native().remoteAddress;
    }

    get remotePort(): number {
      return this.#native().remotePort;
    }

    get format(): string {
      this.#open();
      return "buffer";
    }

    set format(format: string) {
      this.#open();
      if (format === "number") throw new Error('not emulated: format "number"');
      if (format !== "buffer") throw new RangeError("unimplemented");
    }

    read(into: ArrayBuffer | Uint8Array): number | undefined;
    read(count?: number): ArrayBuffer | undefined;
    read(...given: [into?: number | ArrayBuffer | Uint8Array]): ArrayBuffer | number | undefined {
      this.#open();
      if (this.#unread === 0) return undefined;
      const [into] = given;
      if (into === null || typeof into !== "object") {
        const bytes = new Uint8Array(
          this.#count(given.length === 0 ? this.#unread : integer(into)),
        );
        this.#fill(bytes);
        return bytes.buffer;
      }
      const view = viewOf(into);
      this.#fill(view.subarray(0, this.#count(view.byteLength)));
      return view.byteLength;
    }

    write(bytes: ArrayBuffer | Uint8Array): number | undefined {
      this.#open();
      if (!this.#ready) throw new Error("not ready");
      const pcb = this.#pcb;
      if (this.#error || pcb === undefined || this.#dangles("write")) return undefined;
      const view = viewOf(bytes);
      if (view.byteLength > pcb.sendSpace) throw new Error("would block");
      if (!pcb.write(view)) {
        this.#trigger(ERROR);
        return undefined;
      }
      this.#trigger(OUTPUT);
      return pcb.sendSpace;
    }

    close(): void {
      if (this.#closed) return;
      this.#dangles("close");
      this.#closed = true;
      this.#ready = false;
      this.#triggered = 0;
      for (const segment of this.#segments) hold(segment, -1);
      this.#segments = [];
      if (stack.life === life) stack.objects--;
      if (this.#posted) this.#pcb?.letGo();
      else this.#letClose();
    }

    #letClose(): void {
      this.#pcb?.close();
      this.#pcb = undefined;
    }

    /** tcp.c points to a block that lwIP has freed without telling: after FIN nobody listens. */
    #dangles(call: string): boolean {
      if (!this.#pcb?.gone) return false;
      this.#pcb = undefined;
      if (stack.life === life)
        stack.freedPointer(`${call} of a connection that broke after its peer's FIN`);
      return true;
    }

    connected(): void {
      this.#ready = true;
      this.#trigger(WRITABLE);
    }

    received(segment: Buffer): void {
      hold(segment, 1);
      this.#segments.push(segment);
      this.#unread += segment.byteLength;
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
      stack.parts.tasks.post(this);
    }

    deliver(): void {
      let triggered = this.#triggered;
      this.#triggered = 0;
      this.#posted = false;
      if (this.#closed) {
        this.#letClose();
        return;
      }
      if (triggered & ERROR) {
        triggered &= ~(OUTPUT | WRITABLE);
        this.#error = true;
        this.#ready = false;
      }
      if (triggered & OUTPUT) this.#pcb?.output();
      if (triggered & READABLE && this.#unread > 0) this.#onReadable?.call(this, this.#unread);
      if (this.#closed) return;
      if (!this.#error) {
        if (triggered & WRITABLE && this.#pcb) this.#onWritable?.call(this, this.#pcb.sendSpace);
      } else if (this.#unread === 0) {
        this.#onError?.call(this);
      }
    }

    #count(requested: number): number {
      if (requested <= 0 || requested > this.#unread) throw new Error("invalid");
      return requested;
    }

    /** The window opens by whole segments only, as tcp.c frees whole pbuf chains. */
    #fill(view: Uint8Array): void {
      let filled = 0;
      while (filled < view.byteLength) {
        const segment = this.#segments[0];
        const count = Math.min(view.byteLength - filled, segment.byteLength - this.#offset);
        segment.copy(view, filled, this.#offset, this.#offset + count);
        filled += count;
        this.#offset += count;
        if (this.#offset < segment.byteLength) break;
        this.#segments.shift();
        this.#offset = 0;
        hold(segment, -1);
        if (!this.#dangles("read")) this.#pcb?.recved(segment.byteLength);
      }
      this.#unread -= filled;
      if (this.#unread === 0 && this.#error) this.#trigger(ERROR);
    }

    #open(): void {
      if (this.#closed) throw new SyntaxError("C: xsGetHostData: no host data");
    }

    #native(): Pcb {
      this.#open();
      this.#dangles("remote address");
      if (this.#pcb === undefined) stack.die("remote address of a connection that is gone");
      return this.#pcb;
    }
  }

  /** The account of heap that a received segment takes, or gives back. */
  function hold(segment: Buffer, sign: 1 | -1): void {
    if (stack.life === life) stack.hold(sign * stack.receivedBytes(segment));
  }

  return {
    TCP: EmulatedTCP,
    accepted(pcb) {
      adopted = pcb;
      try {
        return new EmulatedTCP();
      } finally {
        adopted = undefined;
      }
    },
  };
}

/** A callback among the options: a function or nothing. */
export function callback<T>(value: T | null | undefined): T | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "function") throw new Error("not a function");
  return value;
}

/** What XS makes of a value where it wants an integer: 32 bits of it. */
function integer(value: unknown): number {
  return (value as number) | 0;
}

/** A port among the options: anything but `undefined`, made an integer. */
export function portOf(value: unknown): number {
  if (value === undefined) throw new Error("invalid");
  const port = integer(value);
  if (port < 0 || port > 65535) throw new RangeError("invalid port");
  return port;
}

/** The bytes that a program gave to be read or filled. */
export function viewOf(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes)) {
    const elementBytes = "BYTES_PER_ELEMENT" in bytes ? bytes.BYTES_PER_ELEMENT : 1; // a DataView
    if (elementBytes === 1) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  throw new TypeError("not a buffer of bytes");
}
