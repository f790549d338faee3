import type { Account } from "./account.ts";

/** The received segments of a TCP object that its program has not read, as tcp.c keeps them. */
export class ReceiveQueue {
  #account: Account;
  #segments: Buffer[] = [];
  /** Bytes of the first segment that were read already. */
  #offset = 0;
  #bytes = 0;
  /** Segments at the beginning that were put back. */
  #putBack = 0;

  constructor(account: Account) {
    this.#account = account;
  }

  /** Unread bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  push(segment: Buffer): void {
    this.#hold(segment, 1);
    this.#segments.push(segment);
    this.#bytes += segment.byteLength;
  }

  /**
   * Moves bytes into `view`, which is no longer than `bytes`. Calls `onFreed` with the size of each segment that was
   * read to its end and so is freed: the window opens by it. Not for bytes that were put back.
   */
  fill(view: Uint8Array, onFreed: (bytes: number) => void): void {
    let filled = 0;
    while (filled < view.byteLength) {
      const segment = this.#segments[0];
      const count = Math.min(view.byteLength - filled, segment.byteLength - this.#offset);
      // Most programs read a segment at once: without a view of a part of it.
      if (count === segment.byteLength) view.set(segment, filled);
      else segment.copy(view, filled, this.#offset, this.#offset + count);
      filled += count;
      this.#advance(count, onFreed);
    }
    this.#bytes -= filled;
  }

  /** The rest of the first segment; there must be one. */
  get first(): Buffer {
    const segment = this.#segments[0];
    return this.#offset === 0 ? segment : segment.subarray(this.#offset);
  }

  /** Drops bytes of the first segment; `onFreed` as for `fill`. */
  drop(bytes: number, onFreed: (bytes: number) => void): void {
    this.#bytes -= bytes;
    this.#advance(bytes, onFreed);
  }

  /** Counts bytes of the first segment as read. */
  #advance(bytes: number, onFreed: (bytes: number) => void): void {
    this.#offset += bytes;
    const segment = this.#segments[0];
    if (this.#offset < segment.byteLength) return;
    this.#segments.shift();
    this.#offset = 0;
    this.#hold(segment, -1);
    if (this.#putBack > 0) this.#putBack--;
    else onFreed(segment.byteLength);
  }

  /**
   * Puts bytes back that were read last: they are read next. Those of a segment that was read in part are still there; others take
   * heap. False: there is none.
   */
  unshift(bytes: Buffer): boolean {
    const still = Math.min(bytes.byteLength, this.#offset);
    const others = bytes.subarray(0, bytes.byteLength - still);
    if (others.byteLength > 0) {
      if (!this.#account.hasHeap(this.#account.receivedBytes(others))) return false;
      this.#hold(others, 1);
    }
    if (still > 0) {
      this.#offset -= still;
      // A copy: a pipe may have passed other bytes of the segment by reference.
      const segment = Buffer.from(this.#segments[0]);
      bytes.copy(segment, this.#offset, others.byteLength);
      this.#segments[0] = segment;
    }
    this.#bytes += bytes.byteLength;
    if (others.byteLength === 0) return true;
    this.#segments.unshift(others);
    this.#putBack++;
    return true;
  }

  /** Drops all segments. */
  clear(): void {
    for (const segment of this.#segments) this.#hold(segment, -1);
    this.#segments = [];
    this.#putBack = 0;
    this.#offset = 0;
    this.#bytes = 0;
  }

  /** Takes the heap of a segment, or gives it back. */
  #hold(segment: Buffer, sign: 1 | -1): void {
    this.#account.hold(sign * this.#account.receivedBytes(segment));
  }
}
