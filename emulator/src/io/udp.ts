import type { Heap } from "../heap.ts";
import type { Datagram, UDP, UDPClass, UDPOptions } from "../platform.ts";
import { dottedAddress } from "./address.ts";
import {
  argument,
  callback,
  checkPort,
  initialFormat,
  integer,
  signedInteger,
  text,
  viewOf,
} from "./arguments.ts";
import { HostObject } from "./host-object.ts";
import type { SocketCode, UdpNews } from "./socket-code.ts";
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

/** State that the sockets of one program share. */
interface UDPProgram {
  readonly stack: Stack;
  readonly heap: Heap;
  readonly code: SocketCode;
  readonly sockets: Set<EmulatedUDP>;
  readonly ports: Set<number>;
}

/** Bounds and sizes in which the two kinds of C code differ. */
interface UDPBounds {
  /** Heap of an open socket; about. */
  readonly socketBytes: number;
  /** Heap of a waiting datagram beside its bytes; about. */
  readonly overheadBytes: number;
  /** Datagrams, and bytes of theirs, that may wait. */
  readonly queueMax: number;
  readonly queueBytesMax: number;
}

/** A UDP socket of ECMA-419: what both kinds of C code have in common. */
abstract class EmulatedUDP extends HostObject implements UDP {
  target: unknown;
  protected readonly wire: WireDatagrams;
  protected readonly program: UDPProgram;
  #bounds: UDPBounds;
  #port: number;
  #onReadable: UDPOptions["onReadable"];
  #news: UdpNews;
  #datagrams: Datagram[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #closed = false;

  constructor(program: UDPProgram, bounds: UDPBounds, options: UDPOptions) {
    super(EmulatedUDP);
    this.program = program;
    this.#bounds = bounds;
    const { stack, heap, sockets, ports } = program;
    this.#onReadable = callback(options.onReadable);
    if (!stack.online) throw new Error("no network");
    this.#port = this.portOf(options);
    const timeToLive = "timeToLive" in options ? this.timeToLiveOf(options.timeToLive) : undefined;
    if (initialFormat(options, "buffer") !== "buffer") throw new RangeError("invalid format");
    if (sockets.size >= SOCKETS_MAX) throw new RangeError("no socket");
    if (ports.has(this.#port)) throw new Error("bind failed");
    const { wire } = stack.parts;
    if (wire.createSocket === undefined) throw new Error("not emulated: UDP on this wire");
    if (!heap.take(bounds.socketBytes)) throw new RangeError("no socket");

    this.wire = wire.createSocket({ type: "udp4", lookup: numeric });
    this.#news = program.code.udpNews({ deliver: () => this.#deliver() });
    try {
      this.#open(timeToLive);
    } catch (error) {
      heap.give(bounds.socketBytes);
      this.wire.close();
      throw error;
    }
    this.target = options.target;
  }

  protected abstract portOf(options: UDPOptions): number;
  protected abstract timeToLiveOf(given: unknown): number;

  get format(): string {
    return "buffer";
  }

  set format(format: string) {
    if (format !== "buffer") throw new RangeError();
  }

  protected get boundPort(): number {
    return this.#port === 0 ? this.wire.address().port : this.#port;
  }

  protected get droppedCount(): number {
    return this.#dropped;
  }

  read(): Datagram | undefined {
    checkOpen(this);
    const datagram = this.#datagrams.shift();
    if (datagram !== undefined) this.#release(datagram);
    return datagram;
  }

  abstract write(bytes: ArrayBuffer | Uint8Array, address: string, port: number): void;
  abstract add(address: string): void;
  abstract remove(address: string): void;

  close(): void {
    if (!HostObject.release(this, EmulatedUDP)) return;
    this.#closed = true;
    const { sockets, ports, heap } = this.program;
    sockets.delete(this);
    ports.delete(this.#port);
    this.#news.forget();
    for (const datagram of this.#datagrams.splice(0)) this.#release(datagram);
    heap.give(this.#bounds.socketBytes);
    this.wire.close();
  }

  #open(timeToLive: number | undefined): void {
    const { stack, sockets, ports } = this.program;
    this.wire.on("error", error => stack.parts.onServerError(error));
    this.wire.on("message", (payload: Buffer, from: { address: string; port: number }) =>
      this.#receive(payload, from),
    );
    // A port that is not published receives only the replies to what it sends.
    const { port: outside, host } = (this.#port === 0
      ? undefined
      : stack.parts.publish(this.#port)) ?? {
      port: 0,
    };
    this.wire.bind({ port: outside, address: host });
    if (timeToLive !== undefined) this.wire.setMulticastTTL?.(timeToLive);
    sockets.add(this);
    if (this.#port !== 0) ports.add(this.#port);
  }

  #release(datagram: Datagram): void {
    this.#waitingBytes -= datagram.byteLength;
    this.program.heap.give(datagram.byteLength + this.#bounds.overheadBytes);
  }

  #deliver(): void {
    const { length } = this.#datagrams;
    if (length > 0) this.#onReadable?.call(this, length); // after `close` there are none
  }

  #receive(payload: Buffer, { address, port }: { address: string; port: number }): void {
    const { stack } = this.program;
    if (this.#closed || !stack.online || payload.byteLength > ARRIVING_BYTES_MAX) return;
    if (!this.#takeRoom(payload.byteLength)) {
      this.#dropped++;
      return;
    }
    this.#datagrams.push(Object.assign(Uint8Array.from(payload).buffer, { address, port }));
    if (this.#onReadable !== undefined) this.#news.report();
  }

  #takeRoom(bytes: number): boolean {
    const { queueMax, queueBytesMax, overheadBytes } = this.#bounds;
    if (this.#datagrams.length >= queueMax || this.#waitingBytes + bytes > queueBytesMax)
      return false;
    if (!this.program.heap.take(bytes + overheadBytes)) return false;
    this.#waitingBytes += bytes;
    return true;
  }
}

/**
 * `embedded:io/socket/udp` as the ESP32 port behaves. Read from modules/io/socket/lwip/udp.c @ 48ee02d:
 *
 * - one `onReadable` is queued at a time and counts all waiting datagrams when it is delivered; those left
 *   unread are not announced again until the next datagram comes;
 * - the queue has no limit of its own: datagrams wait until the heap is full, then newcomers are lost;
 * - there is no `onError`, and no `onWritable`: a datagram leaves at once or `write` throws.
 */
class SdkUDP extends EmulatedUDP {
  constructor(program: UDPProgram, options: UDPOptions) {
    super(program, SDK_BOUNDS, options);
  }

  protected portOf(options: UDPOptions): number {
    return checkPort(integer(options.port));
  }

  protected timeToLiveOf(given: unknown): number {
    checkTimeToLive(integer(given));
    throw new Error("not emulated: timeToLive");
  }

  write(...given: [bytes: ArrayBuffer | Uint8Array, address: string, port: number]): void {
    checkOpen(this);
    const address = readAddress(argument(given, 1));
    const port = integer(argument(given, 2)) & 0xffff; // the port's variable has 16 bits
    const view = viewOf(given[0]);
    if (port === 0) throw new Error("not emulated: a datagram to port 0");
    if (isMulticast(address) || address === BROADCAST)
      throw new Error(`not emulated: a datagram to ${address}, to many at once`);
    if (view.byteLength > LEAVING_BYTES_MAX) {
      throw new Error(`not emulated: a datagram of ${view.byteLength} bytes`);
    }
    if (!this.program.stack.online) throw new Error("UDP send failed"); // no route (ERR_RTE)
    this.wire.send(Uint8Array.from(view), port, address);
  }

  add(...given: [address: string]): void {
    checkOpen(this);
    const address = readAddress(argument(given, 0));
    if (address === BROADCAST) throw new Error("broadcast is not multicast");
    throw new Error("not emulated: multicast");
  }

  remove(...given: [address: string]): void {
    checkOpen(this);
    readAddress(argument(given, 0));
    throw new Error("not emulated: multicast");
  }
}

/** UDPPacketRecord, pbuf, frame headers for each datagram. A socket's own record is not counted. */
const SDK_BOUNDS: UDPBounds = {
  socketBytes: 0,
  overheadBytes: 100,
  queueMax: Number.POSITIVE_INFINITY,
  queueBytesMax: Number.POSITIVE_INFINITY,
};

/** The firmware's own class: firmware/native/binding-udp.c and datagrams.c. */
class OwnUDP extends EmulatedUDP {
  #groups = new Set<string>();

  constructor(program: UDPProgram, options: UDPOptions) {
    super(program, OWN_BOUNDS, options);
    this.wire.setBroadcast?.(true);
  }

  protected portOf(options: UDPOptions): number {
    return "port" in options ? checkPort(signedInteger(options.port)) : 0;
  }

  protected timeToLiveOf(given: unknown): number {
    return checkTimeToLive(signedInteger(given));
  }

  /** The port on which it receives. */
  get port(): number {
    checkOpen(this);
    return this.boundPort;
  }

  /** Datagrams for which there was no room in the queue, or no memory. */
  get dropped(): number {
    checkOpen(this);
    return this.droppedCount;
  }

  write(...given: [bytes: ArrayBuffer | Uint8Array, address: string, port: number]): void {
    const address = readSomeAddress(argument(given, 1));
    const port = integer(argument(given, 2));
    checkOpen(this);
    if (port <= 0 || port > 65_535) throw new RangeError("invalid port");
    const view = viewOf(given[0]);
    if (view.byteLength > LEAVING_BYTES_MAX) throw new RangeError("too long");
    const { stack, heap } = this.program;
    if (!stack.online) throw new Error("unreachable");
    if (heap.freeBytes < view.byteLength + SENT_OVERHEAD_BYTES) throw new Error("no memory");
    if (address === BROADCAST && this.wire.setBroadcast === undefined)
      throw new Error("not emulated: a broadcast on this wire");
    this.wire.send(Uint8Array.from(view), port, address);
  }

  add(...given: [address: string]): void {
    const group = readSomeAddress(argument(given, 0));
    checkOpen(this);
    if (!isMulticast(group)) throw new RangeError("not a multicast group");
    if (this.#groups.has(group)) return;
    if (this.#groups.size === GROUPS_MAX) throw new Error("no memory");
    if (!this.program.stack.online) throw new Error("unreachable");
    if (this.wire.addMembership === undefined)
      throw new Error("not emulated: multicast on this wire");
    this.wire.addMembership(group);
    this.#groups.add(group);
  }

  remove(...given: [address: string]): void {
    const group = readSomeAddress(argument(given, 0));
    checkOpen(this);
    if (!this.#groups.delete(group)) throw new RangeError("not joined");
    this.wire.dropMembership!(group);
  }
}

/** A header of ESP-IDF's allocator (TLSF). */
const HEADER_BYTES = 4;

/** Groups of one socket (UDP_GROUPS_MAX of datagrams.h). */
const GROUPS_MAX = 4;

/** Heap of an open socket: UdpSocket, lwIP's struct udp_pcb with IPv6, UdpRecord. */
export const UDP_SOCKET_BYTES = 84 + HEADER_BYTES + 80 + HEADER_BYTES + 52 + HEADER_BYTES;

/** A Datagram; QUEUE_MAX and QUEUE_BYTES_MAX of binding-udp.c. */
const OWN_BOUNDS: UDPBounds = {
  socketBytes: UDP_SOCKET_BYTES,
  overheadBytes: 32 + HEADER_BYTES,
  queueMax: 16,
  queueBytesMax: 8192,
};

/** Heap of a datagram while it is sent: struct pbuf 16, room for the headers 64, the allocator's header. */
const SENT_OVERHEAD_BYTES = 16 + 64 + HEADER_BYTES;

/** The class for one program on this stack. */
export function defineUDP(stack: Stack, heap: Heap, code: SocketCode): UDPFamily {
  const sockets = new Set<EmulatedUDP>();
  const program = { stack, heap, code, sockets, ports: new Set<number>() };
  class Sdk extends SdkUDP {
    constructor(options: UDPOptions) {
      super(program, options);
    }
  }
  class Own extends OwnUDP {
    constructor(options: UDPOptions) {
      super(program, options);
    }
  }
  return {
    UDP: stack.kind.sockets === "own" ? Own : Sdk,
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

function checkTimeToLive(timeToLive: number): number {
  if (timeToLive <= 0 || timeToLive > 255) throw new RangeError("invalid timeToLive");
  return timeToLive;
}

/** The destination of a datagram, as the program gave it (resolveIP). */
function readAddress(given: unknown): string {
  const address = dottedAddress(text(given));
  if (address === undefined) throw new RangeError("invalid IP address");
  return address;
}

/** The same, and not 0.0.0.0 (addressOf of binding-udp.c). */
function readSomeAddress(given: unknown): string {
  const address = readAddress(given);
  if (address === "0.0.0.0") throw new RangeError("invalid IP address");
  return address;
}

/**
 * The wire's addresses are numbers, and need no search. Without one, Node binds and sends at once, as
 * the chip does: what was written just before `close` has left.
 */
const numeric: WireLookup = (address, _options, found) => found(null, address, 4);

/** A subnet's broadcast address cannot be distinguished from a host's. */
const BROADCAST = "255.255.255.255";

function isMulticast(address: string): boolean {
  return /^2(2[4-9]|3\d)\./.test(address);
}
