import type { TCP, TCPClass, TCPOptions } from "../platform.ts";
import type { Message } from "../tasks.ts";
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
import { Pcb, type PcbOwner } from "./pcb.ts";
import type { Stack } from "./stack.ts";

/** The constructor's buffer for the address, its end mark included. */
const ADDRESS_BUFFER_BYTES = 32;

const READABLE = 1;
const WRITABLE = 2;
const ERROR = 4;
const OUTPUT = 8;

/** The class of one board, and what Listener.read() does to an object that was made without options. */
export interface TCPFamily {
  TCP: TCPClass;
  /** Without a control block it becomes a dud. */
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
export function defineTCP(stack: Stack): TCPFamily {
  const { life } = stack;

  class EmulatedTCP extends HostObject implements TCP, PcbOwner, Message {
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
    #format = "buffer";
    #ready = false;
    #error = false;
    #closed = false;
    #onReadable: TCPOptions["onReadable"];
    #onWritable: TCPOptions["onWritable"];
    #onError: TCPOptions["onError"];

    constructor(...given: [options?: TCPOptions]) {
      super(EmulatedTCP);
      if (given.length === 0) {
        stack.objects++;
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
      stack.objects++;
    }

    #connect(options: TCPOptions): void {
      const given = text(options.address);
      if (Buffer.byteLength(given) >= ADDRESS_BUFFER_BYTES) {
        throw new RangeError("cannot buffer string");
      }
      const address = dottedAddress(given);
      if (address === undefined) throw new Error("invalid address");
      const port = checkPort(signedInteger(options.port));
      if (!stack.available()) throw new RangeError("no socket");
      const socket = stack.parts.wire.connect({
        host: address,
        port,
        allowHalfOpen: true,
      });
      this.#pcb = new Pcb(stack, socket, { address, port });
      this.#pcb.own(this);
    }

    static adopt(tcp: TCP, pcb: Pcb | undefined): void {
      checkOpen(tcp);
      tcp.#pcb = pcb;
      tcp.#ready = true; // even over nothing: a dud
      pcb?.own(tcp);
    }

    #take(from: unknown): void {
      checkOpen(from);
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
      if (this.#unread === 0) return undefined;
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
      const bytes = new Uint8Array(this.#count(given.length === 0 ? this.#unread : integer(into)));
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

    /** tcp.c points to a block that lwIP has freed without telling: after FIN or `close` it has no tcp_err. */
    #dangles(call: string, since = "after its peer's FIN"): boolean {
      if (!this.#pcb?.gone) return false;
      this.#pcb = undefined;
      if (stack.life === life) stack.freedPointer(`${call} of a connection that broke ${since}`);
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
        if (!this.#dangles("close", "after close, before its event was served")) this.#letClose();
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

    #native(): Pcb {
      this.#dangles("remote address");
      if (this.#pcb === undefined) stack.die("remote address of a connection that is gone");
      return this.#pcb;
    }
  }

  function checkOpen(receiver: unknown): asserts receiver is EmulatedTCP {
    HostObject.validate(receiver, EmulatedTCP);
  }

  /** The account of heap that a received segment takes, or gives back. */
  function hold(segment: Buffer, sign: 1 | -1): void {
    if (stack.life === life) stack.hold(sign * stack.receivedBytes(segment));
  }

  return { TCP: EmulatedTCP, adopt: EmulatedTCP.adopt };
}

/** TCP has two formats. */
function checkFormat(format: string): string {
  if (format !== "buffer" && format !== "number") throw new RangeError("unimplemented");
  return format;
}
