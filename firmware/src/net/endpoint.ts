import type { Platform, TCPSocket } from "../platform.ts";
import type { Scan } from "./keywords.ts";
import type { Address } from "./proxy-protocol.ts";
import { type PumpSide, pump, SCRATCH_BYTES } from "./pump.ts";

/** What a session hears of its endpoints. Nothing else ever calls it. */
export interface EndpointOwner {
  /** Bytes arrived, or there is room again. */
  moved(endpoint: Endpoint): void;
  /** The peer is gone and every byte it sent has been read. */
  lost(endpoint: Endpoint): void;
  /** The first bytes from there are about to be passed on. Only who joins endpoints need hear it. */
  began?(endpoint: Endpoint): void;
  /** The bytes from there are no text: keywords are no longer looked for in them. */
  binary?(endpoint: Endpoint): void;
  /** A bug threw inside one of those above. */
  failed(error: unknown): void;
}

/**
 * One socket of a session and the counts it last announced: `readable` bytes wait, `writable` bytes
 * will be taken without a throw.
 *
 * The chip announces received bytes once, not again while they wait, so the count is remembered
 * here until somebody comes to collect them.
 *
 * Invariant: an exception never leaves a socket's callback; on the chip that would be a reboot.
 */
export class Endpoint implements PumpSide {
  readable = 0;
  writable = 0;
  /** Bytes from here that were passed on by `pump`. */
  passed = 0;
  /** Looks for keywords in them. */
  scan: Scan | undefined;
  /** Nothing can be written any more. Bytes of the peer may still wait here, or be on their way to us. */
  writeClosed = false;
  /** The socket has reported its end (`onError`): no more bytes arrive. */
  declare readClosed: true | undefined;
  closed = false;
  /** Small writes since the peer had acknowledged everything. */
  smallWrites = 0;
  readonly socket: TCPSocket;
  /** Where bytes are read: the socket, or what was put back in front of it. */
  source: Source;
  /** Who hears of it; whoever takes the endpoint over sets it. */
  owner: EndpointOwner;
  /** Room of an empty send buffer: when all of it is back, the peer has acknowledged everything. */
  capacity = 0;
  /** Joined with this one: bytes pass between the two without a word to the owner. */
  peer: Endpoint | undefined;
  declare scratch: Uint8Array | undefined;

  /** Throws what the socket's constructor throws: "no network", "no socket", "invalid from", … */
  constructor(
    { TCP }: Pick<Platform, "TCP">,
    peer: { from: TCPSocket } | { address: string; port: number },
    owner: EndpointOwner,
  ) {
    this.owner = owner;
    const options = { target: this, nodelay: NODELAY, onReadable, onWritable, onError };
    this.socket =
      "from" in peer
        ? new TCP({ ...options, from: peer.from })
        : new TCP({ ...options, address: peer.address, port: peer.port });
    this.source = this.socket;
  }

  /** The connection stands. */
  get connected(): boolean {
    return this.capacity > 0;
  }

  /** Everything written has been acknowledged, or nobody is left to acknowledge it. */
  get flushed(): boolean {
    return this.writeClosed || this.writable >= this.capacity;
  }

  /**
   * The peer has closed or reset, and every byte that it sent has been read. A failed write alone is no
   * end: the chip announces what was received before a reset, and then the reset.
   */
  get ended(): boolean {
    return this.readClosed === true && this.readable === 0;
  }

  /** Received and not read, or written and not acknowledged. */
  get heldBytes(): number {
    return this.readable + (this.writeClosed ? 0 : this.capacity - this.writable);
  }

  /** So many small pieces are on their way that only large ones may follow. */
  get sendQueueFull(): boolean {
    return this.smallWrites >= SMALL_WRITES_MAX;
  }

  /** The peer. Ask right after accepting: the chip may forget it after a reset. */
  address(): Address {
    const { remoteAddress, remotePort } = this.socket;
    return { address: remoteAddress ?? "0.0.0.0", port: remotePort ?? 0 };
  }

  began(): void {
    this.owner.began?.(this);
  }

  binary(): void {
    this.owner.binary?.(this);
  }

  failed(error: unknown): void {
    this.owner.failed(error);
  }

  /** Fills `view`, which must not be longer than `readable`. */
  read(view: Uint8Array): void {
    this.readable -= view.byteLength;
    this.source.read(view);
  }

  /** Puts bytes back that were read last, so that they are read next; they are copied. */
  unread(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.source = new PutBack(bytes, this);
    this.readable += bytes.byteLength;
  }

  /** Passes `view` on; it must not be longer than `writable`. */
  write(view: Uint8Array): void {
    if (view.byteLength < SCRATCH_BYTES) this.smallWrites++;
    this.writable -= view.byteLength;
    try {
      if (this.socket.write(view) !== undefined) return;
    } catch {
      // Room was announced, so one cause is left: the peer has hung up, and the chip keeps that to
      // itself while bytes from there wait unread. Writing is how we find out.
    }
    this.failing();
  }

  /** A write has failed. */
  failing(): void {
    this.writeClosed = true;
    this.writable = 0;
    this.part();
  }

  /** Reads what waits and forgets it: closing over unread bytes would reset the connection. */
  discard(scratch: Uint8Array): void {
    while (this.readable > 0) {
      this.read(this.readable < scratch.byteLength ? scratch.subarray(0, this.readable) : scratch);
    }
  }

  /**
   * From now on what comes to one of the two is passed on to the other at once. Their owner only hears
   * of what ends that: one hangs up, or a keyword is found.
   */
  join(peer: Endpoint, scratch: Uint8Array): void {
    if (this.putBack > 0 || peer.putBack > 0) return;
    this.peer = peer;
    peer.peer = this;
    this.scratch = peer.scratch = scratch;
  }

  /** Ends that, where it was so; the owner hears of it. */
  part(): void {
    if (this.separate()) this.tell();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.separate();
    this.readable = 0;
    this.writable = 0;
    this.source = this.socket;
    this.socket.close();
  }

  private separate(): boolean {
    const peer = this.peer;
    if (peer === undefined) return false;
    this.peer = peer.peer = undefined;
    return true;
  }

  /** Bytes of `readable` that are not in the socket. */
  private get putBack(): number {
    return this.source instanceof PutBack ? this.source.length : 0;
  }

  /** For the callback below. */
  received(bytes: number): void {
    if (this.closed) return;
    this.readable = this.source === this.socket ? bytes : bytes + this.putBack;
    this.tell();
  }

  /** For the callback below. */
  drained(bytes: number): void {
    if (this.closed) return;
    if (bytes > this.capacity) this.capacity = bytes;
    if (!this.writeClosed) this.writable = bytes;
    this.tell();
  }

  /** For the callback below. The socket is read empty, but bytes that were put back still count. */
  hungUp(): void {
    if (this.closed) return;
    this.separate();
    this.writeClosed = true;
    this.readClosed = true;
    this.writable = 0;
    this.tell(this.readable > 0);
  }

  private tell(moved = true): void {
    const { owner } = this;
    try {
      if (moved) owner.moved(this);
      else owner.lost(this);
    } catch (error) {
      owner.failed(error);
    }
  }
}

// The same functions for every socket, which knows its endpoint as `target`: closures cost RAM.

function onReadable(this: TCPSocket, bytes: number): void {
  const endpoint = this.target as Endpoint;
  const peer = endpoint.peer;
  if (peer === undefined) {
    endpoint.received(bytes);
    return;
  }
  endpoint.readable = bytes;
  pump(endpoint, peer, endpoint.scratch!);
}

function onWritable(this: TCPSocket, bytes: number): void {
  const endpoint = this.target as Endpoint;
  if (endpoint.smallWrites > 0 && bytes >= endpoint.capacity) endpoint.smallWrites = 0;
  const peer = endpoint.peer;
  if (peer === undefined) {
    endpoint.drained(bytes);
    return;
  }
  endpoint.writable = bytes;
  if (peer.readable > 0) pump(peer, endpoint, endpoint.scratch!);
}

function onError(this: TCPSocket): void {
  (this.target as Endpoint).hungUp();
}

/** Where an endpoint reads. */
interface Source {
  /** Fills `view`. */
  read(view: Uint8Array): unknown;
}

/** Bytes that were put back in front of an endpoint's others, until they are read again. */
class PutBack implements Source {
  private bytes: Uint8Array;
  private endpoint: Endpoint;
  private behind: Source;

  constructor(bytes: Uint8Array, endpoint: Endpoint) {
    this.bytes = bytes.slice();
    this.endpoint = endpoint;
    this.behind = endpoint.source;
  }

  get length(): number {
    const behind = this.behind instanceof PutBack ? this.behind.length : 0;
    return this.bytes.byteLength + behind;
  }

  read(view: Uint8Array): void {
    const count = Math.min(this.bytes.byteLength, view.byteLength);
    view.set(this.bytes.subarray(0, count));
    this.bytes = this.bytes.subarray(count);
    if (this.bytes.byteLength > 0) return;
    this.endpoint.source = this.behind;
    if (count < view.byteLength) this.behind.read(view.subarray(count));
  }
}

/**
 * Pieces smaller than the scratch buffer that may be on their way at once. Each is a segment of its own,
 * and lwIP queues as many as four send buffers have (TCP_SND_QUEUELEN: 8 with ours); one more, and the
 * connection is dead. What comes meanwhile gathers until it makes a large piece, or all is acknowledged.
 * Of large ones the send buffer has room for two (2872 bytes, sdkconfig).
 */
export const SMALL_WRITES_MAX = 4;

/** Without it every small piece would wait for the peer's delayed acknowledgement. */
const NODELAY = true;
