import type { Address } from "./backend/proxy-protocol.ts";
import type { Platform, TCPSocket } from "./platform.ts";

/** What a session hears of its endpoints. Nothing else ever calls it. */
export interface EndpointOwner {
  /** Bytes arrived, or there is room again. */
  moved(endpoint: Endpoint): void;
  /** The peer is gone and every byte it sent has been read. */
  lost(endpoint: Endpoint): void;
  /** A bug threw inside one of the two above. */
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
export class Endpoint {
  readable = 0;
  writable = 0;
  /** The connection stands. */
  connected = false;
  /** Writing has failed: the peer hung up, though bytes from it may still wait here. */
  deaf = false;
  closed = false;
  /** Room of an empty send buffer: when all of it is back, the peer has acknowledged everything. */
  #capacity = 0;
  /** Small writes since the peer had acknowledged everything. */
  #smallWrites = 0;
  #socket: TCPSocket;

  /** Bytes that were read and put back; read again before those in the socket. */
  #unread: Uint8Array | undefined;
  /** Who hears of it; whoever takes the endpoint over sets it. */
  owner: EndpointOwner;

  /** Throws what the socket's constructor throws: "no network", "no socket", "invalid from", … */
  constructor(
    { TCP }: Pick<Platform, "TCP">,
    peer: { from: TCPSocket } | { address: string; port: number },
    owner: EndpointOwner,
  ) {
    this.owner = owner;
    const options = { target: this, nodelay: NODELAY, onReadable, onWritable, onError };
    this.#socket =
      "from" in peer
        ? new TCP({ ...options, from: peer.from })
        : new TCP({ ...options, address: peer.address, port: peer.port });
  }

  /** Everything written has been acknowledged, or nobody is left to acknowledge it. */
  get flushed(): boolean {
    return this.deaf || this.writable >= this.#capacity;
  }

  /** So many small pieces are on their way that only large ones may follow. */
  get crowded(): boolean {
    return this.#smallWrites >= SMALL_WRITES_MAX;
  }

  /** The peer. Ask right after accepting: the chip may forget it after a reset. */
  peer(): Address {
    const { remoteAddress, remotePort } = this.#socket;
    return { address: remoteAddress ?? "0.0.0.0", port: remotePort ?? 0 };
  }

  /** Fills `view`, which must not be longer than `readable`. */
  read(view: Uint8Array): void {
    this.readable -= view.byteLength;
    let rest = view;
    const unread = this.#unread;
    if (unread !== undefined) {
      const count = Math.min(unread.byteLength, view.byteLength);
      view.set(unread.subarray(0, count));
      this.#unread = count < unread.byteLength ? unread.subarray(count) : undefined;
      if (count === view.byteLength) return;
      rest = view.subarray(count);
    }
    this.#socket.read(rest);
  }

  /** Puts bytes back that were read last, so that they are read next; they are copied. */
  unread(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return;
    const behind = this.#unread;
    const all = new Uint8Array(bytes.byteLength + (behind?.byteLength ?? 0));
    all.set(bytes);
    if (behind !== undefined) all.set(behind, bytes.byteLength);
    this.#unread = all;
    this.readable += bytes.byteLength;
  }

  /** Passes `view` on; it must not be longer than `writable`. */
  write(view: Uint8Array): void {
    try {
      if (this.#socket.write(view) !== undefined) {
        if (view.byteLength < LARGE_BYTES) this.#smallWrites++;
        this.writable -= view.byteLength;
        return;
      }
    } catch {
      // Room was announced, so one cause is left: the peer has hung up, and the chip keeps that to
      // itself while bytes from there wait unread. Writing is how we find out.
    }
    this.deaf = true;
    this.writable = 0;
  }

  /** Reads what waits and forgets it: closing over unread bytes would reset the connection. */
  discard(scratch: Uint8Array): void {
    while (this.readable > 0) {
      this.read(this.readable < scratch.byteLength ? scratch.subarray(0, this.readable) : scratch);
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.readable = 0;
    this.writable = 0;
    this.#unread = undefined;
    this.#socket.close();
  }

  /** For the callbacks below. */
  announced(readable: number | undefined, writable: number | undefined): void {
    if (this.closed) return;
    if (readable !== undefined) this.readable = readable + (this.#unread?.byteLength ?? 0);
    if (writable !== undefined) {
      this.connected = true;
      if (writable > this.#capacity) this.#capacity = writable;
      if (writable >= this.#capacity) this.#smallWrites = 0;
      if (!this.deaf) this.writable = writable;
    }
    this.#tell(true);
  }

  /** For the callback below. The socket is read empty, but bytes that were put back still count. */
  hungUp(): void {
    if (this.closed) return;
    this.deaf = true;
    this.writable = 0;
    this.#tell(this.readable > 0);
  }

  #tell(moved: boolean): void {
    const { owner } = this;
    try {
      if (moved) owner.moved(this);
      else owner.lost(this);
    } catch (error) {
      owner.failed(error);
    }
  }
}

/**
 * Pieces of this size and more are never too many: the send buffer has room for five (5744 bytes,
 * sdkconfig).
 */
const LARGE_BYTES = 1024;

/**
 * Smaller pieces that may be on their way at once. Each is a segment of its own, and lwIP queues as many as
 * four send buffers have (TCP_SND_QUEUELEN: 16 with ours); one more, and the connection is dead. What
 * comes meanwhile gathers until it makes a large piece, or all is acknowledged.
 */
const SMALL_WRITES_MAX = 10;

/** Without it every small piece would wait for the peer's delayed acknowledgement. */
const NODELAY = true;

// The same functions for every socket, which knows its endpoint as `target`: closures cost RAM.

function onReadable(this: TCPSocket, bytes: number): void {
  (this.target as Endpoint).announced(bytes, undefined);
}

function onWritable(this: TCPSocket, bytes: number): void {
  (this.target as Endpoint).announced(undefined, bytes);
}

function onError(this: TCPSocket): void {
  (this.target as Endpoint).hungUp();
}
