import type { SocketFailure, TCPSocket } from "../platform.ts";
import type { Address } from "./proxy-protocol.ts";
import { SCRATCH_BYTES, SMALL_WRITES_MAX } from "./raw-stream.ts";
import { ReadAhead, type Source } from "./read-ahead.ts";

/** A receive window of the chip (LWIP_TCP_WND_DEFAULT, two segments): what is put back beyond it is refused. */
const WINDOW_BYTES = 2 * SCRATCH_BYTES;

/**
 * A socket and the counts that it last announced: `readable` bytes wait, `writable` bytes will be taken without a throw.
 *
 * The chip announces received bytes once, not again while they wait, so the count is remembered
 * here until the bytes are read.
 */
export class CountedSocket {
  readable = 0;
  writable = 0;
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
  /** Room of an empty send buffer: when all of it is back, the peer has acknowledged everything. */
  capacity = 0;
  /** Set once. */
  declare socket: TCPSocket;
  /** Where bytes are read: the socket, or bytes that were read ahead of it. */
  declare source: Source;

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

  /** Nothing waits to be read, and everything written has been acknowledged: a close loses nothing. */
  get isSettled(): boolean {
    return this.readable === 0 && this.flushed;
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

  /**
   * Copies the bytes that wait into `buffer`, as many as fit, and leaves them to be read: in the socket's receive window where
   * it takes them back, else as a copy (`aheadBytes`). The result is a part of `buffer`.
   */
  look(buffer: Uint8Array): Uint8Array {
    const bytes = buffer.subarray(0, Math.min(this.readable, buffer.byteLength));
    const { socket } = this;
    this.source.read(bytes);
    const isAll = this.source === socket && bytes.byteLength === this.readable;
    if (isAll && bytes.byteLength <= WINDOW_BYTES && socket.unread?.(bytes)) return bytes;
    this.source = new ReadAhead(bytes.slice(), this);
    return bytes;
  }

  /** Reads `count` bytes, which must wait, and forgets them. */
  skip(count: number, scratch: Uint8Array): void {
    for (let left = count; left > 0; left -= scratch.byteLength) {
      this.read(left < scratch.byteLength ? scratch.subarray(0, left) : scratch);
    }
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
  }

  /** Sends FIN behind what was written; the peer's bytes still arrive. No effect with the SDK's sockets. */
  end(): void {
    const socket = this.socket;
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

  /** Bytes of `readable` that are not in the socket. */
  get aheadBytes(): number {
    return this.source instanceof ReadAhead ? this.source.length : 0;
  }

  /** Takes them. */
  takeAhead(): Uint8Array | undefined {
    const { aheadBytes } = this;
    if (aheadBytes === 0) return undefined;
    const bytes = new Uint8Array(aheadBytes);
    this.read(bytes);
    return bytes;
  }
}
