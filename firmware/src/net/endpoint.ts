import type { Platform, SocketFailure, TCPSocket } from "../platform.ts";
import type { Scan } from "./keywords.ts";
import type { Address } from "./proxy-protocol.ts";
import { type PumpSide, pump, SCRATCH_BYTES } from "./pump.ts";
import { ReadAhead, type Source } from "./read-ahead.ts";

/** The owner of an endpoint, which gets its events. */
export interface EndpointOwner {
  /** Bytes have arrived, there is room again, or one direction has ended: see `readable`, `writable` and `ended`. */
  onReady(endpoint: Endpoint): void;
  /** The first bytes from the peer are about to be passed on: for owners of joined endpoints. */
  onFirstBytes?(endpoint: Endpoint): void;
  /** The bytes from the peer are no text: keywords are no longer looked for in them. */
  onBinary?(endpoint: Endpoint): void;
  /** A bug threw inside one of the calls above. */
  failed(error: unknown): void;
}

/**
 * One socket of a session and the counts it last announced: `readable` bytes wait, `writable` bytes
 * will be taken without a throw.
 *
 * The chip announces received bytes once, not again while they wait, so the count is remembered
 * here until the bytes are read.
 *
 * Invariant: an exception never leaves a socket's callback; on the chip that would be a reboot.
 *
 * All fields are here, not in parts, because `pump` reads and writes them for each segment.
 */
export class Endpoint implements PumpSide {
  readable = 0;
  writable = 0;
  /** Bytes from here that were passed on by `pump`. */
  passed = 0;
  /** Looks for keywords in them. */
  scan: Scan | undefined;
  /**
   * - `open`: connecting or connected
   * - `peer-ended`: the peer's FIN was received; writing goes on
   * - `write-ended`: FIN was sent, by `end`; the peer's bytes still arrive
   * - `write-failed`: nothing can be written any more; bytes of the peer may wait here, or be on their way
   * - `peer-closed`: no more bytes arrive, and none can be written: both FINs, or the connection is lost. With the
   *   SDK's sockets the peer's FIN alone has this effect.
   * - `closed`: by `close`
   */
  state: "open" | "peer-ended" | "write-ended" | "write-failed" | "peer-closed" | "closed" = "open";
  /**
   * Why the peer's stream was cut off: the connection was lost before its FIN. Absent where it was not, and always with
   * the SDK's sockets, which do not tell.
   */
  declare failure: SocketFailure | undefined;
  /** `close` sends RST, so that the peer does not take for whole what it has received. The SDK's sockets cannot. */
  declare resets: true | undefined;
  /** Small writes since the peer had acknowledged everything. */
  smallWrites = 0;
  readonly socket: TCPSocket;
  /** Where bytes are read: the socket, or bytes that were read ahead of it. */
  source: Source;
  /** The current owner: a session, a handler, a connector, a lingering close, or the idle connections. */
  owner: EndpointOwner;
  /** Room of an empty send buffer: when all of it is back, the peer has acknowledged everything. */
  capacity = 0;
  /** Joined with this one: bytes pass between the two without a call to the owner. */
  peer: Endpoint | undefined;
  declare scratch: Uint8Array | undefined;

  /** Throws what the socket's constructor throws: "no network", "no socket", "invalid from", … */
  constructor(
    { TCP }: Pick<Platform, "TCP">,
    peer: { from: TCPSocket } | { address: string; port: number },
    owner: EndpointOwner,
  ) {
    this.owner = owner;
    // Without `nodelay` every small piece would wait for the peer's delayed acknowledgement.
    // One literal for each case: to spread common options would cost the slots of another object.
    this.socket =
      "from" in peer
        ? new TCP({
            target: this,
            from: peer.from,
            nodelay: true,
            onReadable,
            onWritable,
            onEnd,
            onError,
          })
        : new TCP({
            target: this,
            address: peer.address,
            port: peer.port,
            nodelay: true,
            onReadable,
            onWritable,
            onEnd,
            onError,
          });
    this.source = this.socket;
  }

  get connected(): boolean {
    return this.capacity > 0;
  }

  /** No more bytes can be written. */
  get writeClosed(): boolean {
    return this.state !== "open" && this.state !== "peer-ended";
  }

  /** Everything written has been acknowledged, or nothing more can be written. */
  get flushed(): boolean {
    return this.writeClosed || this.writable >= this.capacity;
  }

  /**
   * No more bytes arrive. A failed write alone does not show that: the chip announces what was received before a
   * reset, and then the reset.
   */
  get peerEnded(): boolean {
    return this.state === "peer-ended" || this.state === "peer-closed";
  }

  /** No more bytes arrive, and all that did have been read. */
  get ended(): boolean {
    return this.readable === 0 && (this.state === "peer-closed" || this.state === "peer-ended");
  }

  /** Received and not read, or written and not acknowledged. */
  get heldBytes(): number {
    return this.readable + (this.writeClosed ? 0 : this.capacity - this.writable);
  }

  /** Only large pieces may be written: too many small ones are in flight (`SMALL_WRITES_MAX`). */
  get sendQueueFull(): boolean {
    return this.smallWrites >= SMALL_WRITES_MAX;
  }

  /** The peer. Ask right after accepting: the chip may forget it after a reset. */
  address(): Address {
    const { remoteAddress, remotePort } = this.socket;
    return { address: remoteAddress ?? "0.0.0.0", port: remotePort ?? 0 };
  }

  onFirstBytes(): void {
    this.owner.onFirstBytes?.(this);
  }

  onBinary(): void {
    this.owner.onBinary?.(this);
  }

  failed(error: unknown): void {
    this.owner.failed(error);
  }

  /** Fills `view`, which must not be longer than `readable`. */
  read(view: Uint8Array): void {
    this.readable -= view.byteLength;
    this.source.read(view);
  }

  /**
   * Looks at the bytes that wait, up to `bytesMax` of them. They still count as `readable`: because the chip can
   * only read, they are kept here until they are read.
   */
  peek(bytesMax: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(this.readable, bytesMax));
    this.source.read(bytes);
    this.source = new ReadAhead(bytes, this);
    return bytes;
  }

  /** Reads bytes that wait, at most as many as `scratch` holds; valid until `scratch` is used again. */
  take(scratch: Uint8Array): Uint8Array {
    const { source, readable } = this;
    // Most often it is the socket, and `instanceof` is slow.
    if (source !== this.socket && source instanceof ReadAhead) {
      const { bytes } = source;
      if (bytes.byteLength <= scratch.byteLength) {
        this.source = source.behind;
        this.readable = readable - bytes.byteLength;
        return bytes;
      }
    }
    const view = readable < scratch.byteLength ? scratch.subarray(0, readable) : scratch;
    this.readable = readable - view.byteLength;
    source.read(view);
    return view;
  }

  /** Puts bytes back that were read last, so that they are read next; they are copied. */
  unread(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    this.source = new ReadAhead(bytes.slice(), this);
    this.readable += bytes.byteLength;
  }

  /** Passes `view` on; it must not be longer than `writable`. */
  write(view: Uint8Array): void {
    if (view.byteLength < SCRATCH_BYTES) this.smallWrites++;
    this.writable -= view.byteLength;
    try {
      if (this.socket.write(view) !== undefined) return;
    } catch {
      // Room was announced, so one cause is left: the peer has closed, which the SDK does not report
      // while received bytes wait unread. Only a write shows it.
    }
    this.failing();
  }

  /** A write has failed. */
  failing(): void {
    if (this.state === "open") this.state = "write-failed";
    else if (this.state === "peer-ended") this.state = "peer-closed";
    this.writable = 0;
    this.part();
  }

  /** Sends FIN behind what was written; the peer's bytes still arrive. No effect with the SDK's sockets. */
  end(): void {
    const { socket } = this;
    if (this.writeClosed || socket.end === undefined) return;
    this.state = this.state === "open" ? "write-ended" : "peer-closed";
    this.writable = 0;
    socket.end();
  }

  /** Reads what waits and forgets it: closing over unread bytes would reset the connection. */
  discard(scratch: Uint8Array): void {
    while (this.readable > 0) {
      this.read(this.readable < scratch.byteLength ? scratch.subarray(0, this.readable) : scratch);
    }
  }

  /** Splices the two: bytes are forwarded without the owner until one side closes or a keyword is found. */
  join(peer: Endpoint, scratch: Uint8Array): void {
    if (this.aheadBytes > 0 || peer.aheadBytes > 0) return;
    this.peer = peer;
    peer.peer = this;
    this.scratch = peer.scratch = scratch;
  }

  /** Undoes `join`; where the two were joined, the owner is called. */
  part(): void {
    if (this.separate()) this.tell();
  }

  close(): void {
    if (this.state === "closed") return;
    this.state = "closed";
    this.separate();
    this.readable = 0;
    this.writable = 0;
    this.source = this.socket;
    this.socket.close(this.resets);
  }

  private separate(): boolean {
    const peer = this.peer;
    if (peer === undefined) return false;
    this.peer = peer.peer = undefined;
    return true;
  }

  /** Bytes of `readable` that are not in the socket. */
  private get aheadBytes(): number {
    return this.source instanceof ReadAhead ? this.source.length : 0;
  }

  // For the callbacks below

  received(bytes: number): void {
    if (this.state === "closed") return;
    this.readable = this.source === this.socket ? bytes : bytes + this.aheadBytes;
    this.tell();
  }

  drained(bytes: number): void {
    if (this.state === "closed") return;
    if (bytes > this.capacity) this.capacity = bytes;
    if (!this.writeClosed) this.writable = bytes;
    this.tell();
  }

  // The socket is read empty now, but bytes that were read ahead still count.

  finReceived(): void {
    if (this.state === "closed") return;
    this.separate();
    this.state = this.state === "open" ? "peer-ended" : "peer-closed";
    this.tell();
  }

  lost(failure: SocketFailure | undefined): void {
    if (this.state === "closed") return;
    this.separate();
    if (failure !== undefined && !this.peerEnded) this.failure = failure;
    this.state = "peer-closed";
    this.writable = 0;
    this.tell();
  }

  private tell(): void {
    try {
      this.owner.onReady(this);
    } catch (error) {
      this.owner.failed(error);
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

function onEnd(this: TCPSocket): void {
  (this.target as Endpoint).finReceived();
}

function onError(this: TCPSocket, failure?: SocketFailure): void {
  (this.target as Endpoint).lost(failure);
}

/**
 * Pieces smaller than the scratch buffer that may be on their way at once. Each is a segment of its own,
 * and lwIP queues as many as four send buffers have (TCP_SND_QUEUELEN: 8 in this build); one more, and the
 * connection is dead. What comes meanwhile gathers until it makes a large piece, or all is acknowledged.
 * Of large ones the send buffer has room for two (2872 bytes, sdkconfig).
 */
export const SMALL_WRITES_MAX = 4;
