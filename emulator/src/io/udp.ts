import type { Heap } from "../heap.ts";
import type { Datagram, UDP, UDPClass, UDPOptions } from "../platform.ts";
import type { Message } from "../tasks.ts";
import { dottedAddress } from "./address.ts";
import {
  argument,
  callback,
  checkPort,
  initialFormat,
  integer,
  text,
  viewOf,
} from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import type { Stack } from "./stack.ts";
import type { WireDatagrams, WireLookup } from "./wire.ts";

/** The class of one program, and the sockets that it has open. */
export interface UDPFamily {
  UDP: UDPClass;
  readonly open: number;
  /** Power off: closes every socket, without an event. */
  abort(): void;
}

/** UDP control blocks at once (ESP-IDF: CONFIG_LWIP_MAX_UDP_PCBS). */
const SOCKETS_MAX = 16;

/**
 * The largest payload that arrives: one frame less the headers of IP and UDP. ESP-IDF does not put
 * fragments together (CONFIG_LWIP_IP4_REASSEMBLY is off), so larger ones are lost.
 */
const ARRIVING_BYTES_MAX = 1500 - 28;

/** The most that UDP can carry. */
const LEAVING_BYTES_MAX = 65_507;

/** Heap per waiting datagram beside its bytes: UDPPacketRecord, pbuf, frame headers; about. */
const DATAGRAM_OVERHEAD_BYTES = 100;

/** State that the sockets of one program share. */
interface UDPProgram {
  readonly stack: Stack;
  readonly heap: Heap;
  readonly sockets: Set<EmulatedUDP>;
  readonly ports: Set<number>;
}

/**
 * `embedded:io/socket/udp` as the ESP32 port behaves. Read from modules/io/socket/lwip/udp.c @ 48ee02d:
 *
 * - one `onReadable` is queued at a time and counts all waiting datagrams when it is delivered; those left
 *   unread are not announced again until the next datagram comes;
 * - the queue has no limit of its own: datagrams wait until the heap is full, then newcomers are lost;
 * - there is no `onError`, and no `onWritable`: a datagram leaves at once or `write` throws.
 */
class EmulatedUDP extends HostObject implements UDP, Message {
  target: unknown;
  next: Message | undefined;
  #program: UDPProgram;
  #wire: WireDatagrams;
  #port: number;
  #onReadable: UDPOptions["onReadable"];
  #datagrams: Datagram[] = [];
  #posted = false;
  #closed = false;

  constructor(program: UDPProgram, options: UDPOptions) {
    super(EmulatedUDP);
    this.#program = program;
    const { stack, sockets, ports } = program;
    this.#onReadable = callback(options.onReadable);
    if (!stack.online) throw new Error("no network");
    const port = checkPort(integer(options.port));
    if ("timeToLive" in options) {
      const timeToLive = integer(options.timeToLive);
      if (timeToLive <= 0 || timeToLive > 255) throw new RangeError("invalid timeToLive");
      throw new Error("not emulated: timeToLive");
    }
    this.target = options.target;
    if (initialFormat(options, "buffer") !== "buffer") throw new RangeError("invalid format");
    if (sockets.size >= SOCKETS_MAX) throw new RangeError("no socket");
    if (ports.has(port)) throw new Error("bind failed");
    if (stack.parts.wire.createSocket === undefined)
      throw new Error("not emulated: UDP on this wire");

    this.#port = port;
    this.#wire = stack.parts.wire.createSocket({ type: "udp4", lookup: numeric });
    this.#wire.on("error", error => stack.parts.onServerError(error));
    this.#wire.on("message", (payload: Buffer, from: { address: string; port: number }) =>
      this.#receive(payload, from),
    );
    // A port that is not published receives only the replies to what it sends.
    const { port: outside, host } = (port === 0 ? undefined : stack.parts.publish(port)) ?? {
      port: 0,
    };
    this.#wire.bind({ port: outside, address: host });
    sockets.add(this);
    if (port !== 0) ports.add(port);
  }

  get format(): string {
    return "buffer";
  }

  set format(format: string) {
    if (format !== "buffer") throw new RangeError();
  }

  read(): Datagram | undefined {
    checkOpen(this);
    const datagram = this.#datagrams.shift();
    if (datagram !== undefined)
      this.#program.heap.give(datagram.byteLength + DATAGRAM_OVERHEAD_BYTES);
    return datagram;
  }

  write(...given: [bytes: ArrayBuffer | Uint8Array, address: string, port: number]): void {
    checkOpen(this);
    const address = readAddress(argument(given, 1));
    const port = integer(argument(given, 2)) & 0xffff; // the port's variable has 16 bits
    const view = viewOf(given[0]);
    if (port === 0) throw new Error("not emulated: a datagram to port 0");
    if (isGroup(address))
      throw new Error(`not emulated: a datagram to ${address}, to many at once`);
    if (view.byteLength > LEAVING_BYTES_MAX) {
      throw new Error(`not emulated: a datagram of ${view.byteLength} bytes`);
    }
    if (!this.#program.stack.online) throw new Error("UDP send failed"); // no route (ERR_RTE)
    this.#wire.send(Uint8Array.from(view), port, address);
  }

  add(...given: [address: string]): void {
    checkOpen(this);
    const address = readAddress(argument(given, 0));
    if (address === "255.255.255.255") throw new Error("broadcast is not multicast");
    throw new Error("not emulated: multicast");
  }

  remove(...given: [address: string]): void {
    checkOpen(this);
    readAddress(argument(given, 0));
    throw new Error("not emulated: multicast");
  }

  close(): void {
    if (!HostObject.release(this, EmulatedUDP)) return;
    this.#closed = true;
    const { sockets, ports, heap } = this.#program;
    sockets.delete(this);
    ports.delete(this.#port);
    while (this.#datagrams.length > 0) {
      heap.give(this.#datagrams.shift()!.byteLength + DATAGRAM_OVERHEAD_BYTES);
    }
    this.#wire.close();
  }

  deliver(): void {
    this.#posted = false; // after `close` there are no datagrams
    if (this.#datagrams.length > 0) this.#onReadable?.call(this, this.#datagrams.length);
  }

  #receive(payload: Buffer, { address, port }: { address: string; port: number }): void {
    const { stack, heap } = this.#program;
    if (this.#closed || !stack.online || payload.byteLength > ARRIVING_BYTES_MAX) return;
    if (!heap.take(payload.byteLength + DATAGRAM_OVERHEAD_BYTES)) return;
    this.#datagrams.push(Object.assign(Uint8Array.from(payload).buffer, { address, port }));
    if (this.#onReadable === undefined || this.#posted) return;
    this.#posted = true;
    stack.parts.tasks.post(this);
  }
}

/** The class for one program on this stack. */
export function defineUDP(stack: Stack, heap: Heap): UDPFamily {
  const sockets = new Set<EmulatedUDP>();
  const program = { stack, heap, sockets, ports: new Set<number>() };
  return {
    UDP: class extends EmulatedUDP {
      constructor(options: UDPOptions) {
        super(program, options);
      }
    },
    get open() {
      return sockets.size;
    },
    abort() {
      for (const socket of sockets) socket.close();
    },
  };
}

function checkOpen(receiver: unknown): asserts receiver is EmulatedUDP {
  HostObject.validate(receiver, EmulatedUDP);
}

/** The destination of a datagram, as the program gave it (resolveIP). */
function readAddress(given: unknown): string {
  const address = dottedAddress(text(given));
  if (address === undefined) throw new RangeError("invalid IP address");
  return address;
}

/**
 * The wire's addresses are numbers, and need no search. Without one, Node binds and sends at once, as
 * the chip does: what was written just before `close` has left.
 */
const numeric: WireLookup = (address, _options, found) => found(null, address, 4);

/** Multicast, or broadcast to all; a subnet's broadcast address cannot be distinguished from a host's. */
function isGroup(address: string): boolean {
  return address === "255.255.255.255" || /^2(2[4-9]|3\d)\./.test(address);
}
