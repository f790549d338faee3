import type { Account } from "./account.ts";

/** The received segments of a TCP object that its program has not read, as tcp.c keeps them. */
export class ReceiveQueue {
  #account: Account;
  #segments: Buffer[] = [];
  /** Bytes of the first segment that were read already. */
  #offset = 0;
  #bytes = 0;

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
   * read to its end: tcp.c frees whole pbuf chains.
   */
  fill(view: Uint8Array, onFreed: (bytes: number) => void): void {
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
      this.#hold(segment, -1);
      onFreed(segment.byteLength);
    }
    this.#bytes -= filled;
  }

  /** The rest of the first segment; there must be one. */
  get first(): Buffer {
    const segment = this.#segments[0];
    return this.#offset === 0 ? segment : segment.subarray(this.#offset);
  }

  /** Drops bytes of the first segment. */
  drop(bytes: number): void {
    this.#bytes -= bytes;
    this.#offset += bytes;
    const segment = this.#segments[0];
    if (this.#offset < segment.byteLength) return;
    this.#segments.shift();
    this.#offset = 0;
    this.#hold(segment, -1);
  }

  /** Puts bytes before all others: they are read next. */
  unshift(bytes: Buffer): void {
    const first = this.#segments[0];
    if (this.#offset > 0) {
      this.#hold(first, -1);
      this.#segments[0] = first.subarray(this.#offset);
      this.#hold(this.#segments[0], 1);
      this.#offset = 0;
    }
    this.#hold(bytes, 1);
    this.#segments.unshift(bytes);
    this.#bytes += bytes.byteLength;
  }

  /** Drops all segments. */
  clear(): void {
    for (const segment of this.#segments) this.#hold(segment, -1);
    this.#segments = [];
    this.#offset = 0;
    this.#bytes = 0;
  }

  /** Takes the heap of a segment, or gives it back. */
  #hold(segment: Buffer, sign: 1 | -1): void {
    this.#account.hold(sign * this.#account.receivedBytes(segment));
  }
}
