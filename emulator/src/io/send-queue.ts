import type { BoardKind } from "../boards/kind.ts";
import type { Account } from "./account.ts";
import { Segments } from "./segments.ts";
import type { Slab } from "./slab.ts";

/** The send buffer of a control block: bytes that were written and not yet acknowledged. */
export class SendQueue {
  #sendBufferBytes: number;
  #slab: Slab;
  /** Written and not yet given to the wire. Pieces of one slab that follow each other are joined. */
  #unsent: Buffer[] = [];
  #unsentBytes = 0;
  #unackedBytes = 0;
  /** All written bytes as lwIP keeps them in its heap. */
  #segments: Segments;

  constructor(kind: BoardKind, account: Account, slab: Slab) {
    this.#sendBufferBytes = kind.sendBufferBytes;
    this.#slab = slab;
    this.#segments = new Segments(kind, account);
  }

  /** Room in the send buffer (tcp_sndbuf). */
  get space(): number {
    return Math.max(0, this.#sendBufferBytes - this.#unsentBytes - this.#unackedBytes);
  }

  /** Written and not yet given to the wire. */
  get unsentBytes(): number {
    return this.#unsentBytes;
  }

  /** Given to the wire and not yet acknowledged. */
  get unackedBytes(): number {
    return this.#unackedBytes;
  }

  get segments(): number {
    return this.#segments.count;
  }

  /** Copies `bytes`; `waitingBytes`: unsent ones on the wire. False: no memory, or no place for a segment. */
  add(bytes: Uint8Array, waitingBytes: number): boolean {
    if (!this.#addSegments(bytes.byteLength, waitingBytes)) return false;
    const copy = this.#slab.copy(bytes);
    const last = this.#unsent.length - 1;
    const previous = this.#unsent[last];
    if (
      previous !== undefined &&
      previous.buffer === copy.buffer &&
      previous.byteOffset + previous.byteLength === copy.byteOffset
    ) {
      const joined = previous.byteLength + copy.byteLength;
      this.#unsent[last] = Buffer.from(copy.buffer, previous.byteOffset, joined);
    } else {
      this.#unsent.push(copy);
    }
    return true;
  }

  /** The same for bytes that do not change: they are not copied. */
  pass(bytes: Buffer, waitingBytes: number): boolean {
    if (!this.#addSegments(bytes.byteLength, waitingBytes)) return false;
    this.#unsent.push(bytes);
    return true;
  }

  #addSegments(bytes: number, waitingBytes: number): boolean {
    const inTail = this.#unsentBytes + waitingBytes > 0;
    if (!this.#segments.add(bytes, inTail)) return false;
    this.#unsentBytes += bytes;
    return true;
  }

  /** The unsent pieces, for the wire. */
  take(): readonly Buffer[] {
    const pieces = this.#unsent;
    this.#unackedBytes += this.#unsentBytes;
    this.#unsent = [];
    this.#unsentBytes = 0;
    return pieces;
  }

  acked(bytes: number): void {
    this.#unackedBytes -= bytes;
    this.#segments.acked(bytes);
  }

  /** Gives back memory that the last segment does not use. */
  trim(): void {
    this.#segments.trim();
  }

  /** Frees the heap of all segments. */
  clear(): void {
    this.#segments.clear();
  }
}
