import type { Platform, PutBytes, ReadHead } from "../platform.ts";
import { HeadFields, NOTHING } from "./head-fields.ts";
import { BYTES_MAX, COMPLETE, IS_REQUEST, LENGTH, LINES_MAX, OUTCOME_BITS } from "./head-layout.ts";
import { readHead } from "./head-reader.ts";
import { putBytes } from "./writing.ts";

export interface HeadLimits {
  /** Longest head in bytes, including the empty line. */
  readonly headBytesMax: number;
  /** Most lines of a head, including the first line, without the empty one. */
  readonly headLinesMax: number;
}

/**
 * Statuses with which a request's head is refused: 501 for a transfer coding other than chunked, 503 where the board
 * has no room for it. For a response each of them means 502.
 */
export type HeadError = 400 | 414 | 431 | 501 | 503 | 505;

/** Bounds the memory of long heads. */
export interface HeadBuffers {
  /** Reserves memory for a buffer before it is allocated; false if there is not enough. */
  claim(bytes: number): boolean;
  /** Releases the reservation of a buffer. */
  unclaim(bytes: number): void;
}

/** The native functions; what is absent is done in TypeScript. */
export type NativeReading = Pick<Platform, "readHead" | "putBytes">;

/** Initial size of a head's own buffer, in bytes; a buffer of this size is reused. */
export const BUFFER_BYTES = 512;

/**
 * One head, fed piece by piece. The result does not depend on where the pieces are cut: each line is parsed when it is
 * complete, and the first error decides.
 */
export class Head extends HeadFields {
  done = false;
  error: HeadError | undefined;

  private own: Uint8Array<ArrayBuffer> = NOTHING;
  private limits: HeadLimits;
  /** `undefined` if only `limits` bound the memory. */
  private buffers: HeadBuffers | undefined;
  private readHead: ReadHead | undefined;
  private putBytes: PutBytes;

  constructor(
    kind: "request" | "response",
    limits: HeadLimits,
    native: NativeReading = {},
    buffers?: HeadBuffers,
  ) {
    super();
    this.readHead = native.readHead;
    this.putBytes = native.putBytes ?? putBytes;
    this.words[IS_REQUEST] = kind === "request" ? 1 : 0;
    this.words[BYTES_MAX] = limits.headBytesMax;
    this.words[LINES_MAX] = limits.headLinesMax;
    this.limits = limits;
    this.buffers = buffers;
  }

  /** Whether the next head is a request's, or a response's. */
  set isRequest(isRequest: boolean) {
    this.words[IS_REQUEST] = isRequest ? 1 : 0;
  }

  /** Prepares for the next message; the current one must not be used any more. */
  reset(): void {
    this.length = 0;
    this.done = false;
    this.error = undefined;
    this.authority = undefined;
    if (this.own.byteLength > BUFFER_BYTES) this.release();
  }

  /** Frees a long buffer; the head must not be used any more. */
  release(): void {
    const { byteLength } = this.own;
    if (byteLength <= BUFFER_BYTES) return;
    this.own = this.bytes = NOTHING;
    this.buffer = NOTHING.buffer;
    this.buffers?.unclaim(byteLength);
  }

  /**
   * Consumes the bytes of a piece that belong to the head and returns their number. The piece must not change before
   * `keep` or the next `feed`.
   */
  feed(piece: Uint8Array): number {
    const before = this.length;
    let end = before + piece.byteLength;
    if (before === 0 && piece.byteOffset === 0) {
      this.bytes = piece;
      this.buffer = piece.buffer as ArrayBuffer;
    } else {
      end = Math.min(end, this.limits.headBytesMax);
      if (!this.append(piece, end)) return 0;
    }
    const readInC = this.readHead;
    const result =
      readInC === undefined
        ? readHead(this.bytes, before, end, this.words)
        : readInC(this.buffer, before, end, this.positions);
    const length = result & LENGTH;
    this.length = length;
    const outcome = result >> OUTCOME_BITS;
    if (outcome === COMPLETE) this.done = true;
    else if (outcome > COMPLETE) this.error = outcome as HeadError;
    return length - before;
  }

  /** Copies the bytes received so far, unless that was done before. Sets `error` if there is no memory. */
  keep(): void {
    const own = this.own;
    if (this.bytes === own) return;
    const length = this.length;
    if (own.byteLength < length) {
      this.grow(Math.max(length, BUFFER_BYTES));
      return;
    }
    const buffer = own.buffer;
    this.putBytes(buffer, 0, length, this.buffer, 0, length);
    this.bytes = own;
    this.buffer = buffer;
  }

  /** Copies a piece behind the bytes received so far, up to `end`. False, with an error, if there is no memory. */
  private append(piece: Uint8Array, end: number): boolean {
    const { length } = this;
    this.keep();
    if (this.error !== undefined) return false;
    const ownBytes = this.own.byteLength;
    if (end > ownBytes) {
      const size = Math.max(end, 2 * ownBytes, BUFFER_BYTES);
      if (!this.grow(Math.min(size, this.limits.headBytesMax))) return false;
    }
    const start = piece.byteOffset;
    const from = piece.buffer as ArrayBuffer;
    this.putBytes(this.buffer, length, end, from, start, start + end - length);
    return true;
  }

  /** Copies the bytes received so far to a larger buffer. False, with an error, if there is no memory. */
  private grow(bytes: number): boolean {
    const { buffers } = this;
    if (buffers !== undefined) {
      if (!buffers.claim(bytes)) {
        this.error ??= 503;
        return false;
      }
      buffers.unclaim(this.own.byteLength);
    }
    const { length } = this;
    const larger = new Uint8Array(bytes);
    this.putBytes(larger.buffer, 0, length, this.buffer, 0, length);
    this.bytes = this.own = larger;
    this.buffer = larger.buffer;
    return true;
  }
}
