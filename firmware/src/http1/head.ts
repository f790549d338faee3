/**
 * Parses the head of a request or response strictly by RFC 9112. Whatever two parsers could read differently is
 * refused, so that no server behind the proxy sees another message than the proxy did.
 */

import { COLON, COMMA, CR, DOT, LF, SLASH, SPACE } from "../net/ascii-codes.ts";
import { EMPTY_LINES_MAX } from "../net/sniff.ts";
import { CONNECTION, isUnderscored, nameAt, OTHER, UPGRADE } from "./field-names.ts";
import { decimal, isBlank, span, TARGET, TOKEN, VALUE } from "./grammar.ts";
import { HeadFields, LINE_END_BYTES, NOTHING } from "./head-fields.ts";

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

/**
 * Most members of all Connection and Upgrade lists of a head; browsers send two. A head full of them would need more
 * memory than the chip has.
 */
const LIST_MEMBERS_MAX = 32;

/** Initial size of a head's own buffer, in bytes; a buffer of this size is reused. */
export const BUFFER_BYTES = 512;

/**
 * One head, fed piece by piece. The result does not depend on where the pieces are cut: each line is parsed when it is
 * complete, and the first error decides.
 */
export class Head extends HeadFields {
  done = false;
  error: HeadError | undefined;
  /** Lines so far, including the first line, without the empty one. */
  lines = 0;

  /** The head is a request's, not a response's. */
  isRequest: boolean;

  private own: Uint8Array = NOTHING;
  private limits: HeadLimits;
  /** `undefined` if only `limits` bound the memory. */
  private buffers: HeadBuffers | undefined;
  /** Members of all lists so far. */
  private members = 0;
  /** Where the line begins that is not complete. */
  private parsed = 0;

  constructor(kind: "request" | "response", limits: HeadLimits, buffers?: HeadBuffers) {
    super();
    this.isRequest = kind === "request";
    this.limits = limits;
    this.buffers = buffers;
  }

  /** Prepares for the next message; the current one must not be used any more. */
  reset(): void {
    this.length = 0;
    this.done = false;
    this.error = undefined;
    this.clear();
    this.authority = undefined;
    this.start = 0;
    this.lines = 0;
    this.members = 0;
    this.parsed = 0;
    if (this.own.byteLength > BUFFER_BYTES) this.release();
  }

  /** Frees a long buffer; the head must not be used any more. */
  release(): void {
    const { byteLength } = this.own;
    if (byteLength <= BUFFER_BYTES) return;
    this.own = this.bytes = NOTHING;
    this.buffers?.unclaim(byteLength);
  }

  /**
   * Consumes the bytes of a piece that belong to the head and returns their number. The piece must not change before
   * `keep` or the next `feed`.
   */
  feed(piece: Uint8Array): number {
    const before = this.length;
    const { headBytesMax } = this.limits;
    const count = Math.min(piece.byteLength, headBytesMax - before);
    if (before === 0) {
      this.bytes = piece;
    } else {
      this.keep();
      this.reserve(before + count);
      if (this.error !== undefined) return 0;
      this.bytes.set(piece.subarray(0, count), before);
    }
    const { bytes } = this;
    const end = before + count;
    this.length = end;
    for (let at = bytes.indexOf(LF, before); at >= 0 && at < end; at = bytes.indexOf(LF, at + 1)) {
      this.line(at);
      if (this.error !== undefined || this.done) {
        this.length = at + 1;
        return at + 1 - before;
      }
    }
    if (end === headBytesMax) this.error = this.lines === 0 && this.isRequest ? 414 : 431;
    return count;
  }

  /** Copies the bytes received so far, unless that was done before. Sets `error` if there is no memory. */
  keep(): void {
    const { length } = this;
    if (this.bytes === this.own) return;
    if (this.own.byteLength < length) {
      const larger = this.larger(Math.max(length, BUFFER_BYTES));
      if (larger === undefined) return;
      this.own = larger;
    }
    this.own.set(this.bytes.subarray(0, length));
    this.bytes = this.own;
  }

  private reserve(length: number): void {
    if (length <= this.bytes.byteLength) return;
    const { headBytesMax } = this.limits;
    const larger = this.larger(Math.min(headBytesMax, Math.max(length, 2 * this.bytes.length)));
    if (larger === undefined) return;
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = this.own = larger;
  }

  /** A buffer to put in the place of its own. */
  private larger(bytes: number): Uint8Array | undefined {
    const { buffers } = this;
    if (buffers !== undefined) {
      if (!buffers.claim(bytes)) {
        this.error ??= 503;
        return undefined;
      }
      buffers.unclaim(this.own.byteLength);
    }
    return new Uint8Array(bytes);
  }

  /** A line ends with the LF at `at`. */
  private line(at: number): void {
    const start = this.parsed;
    const end = at - 1;
    this.parsed = at + 1;
    if (end <= start && this.lines === 0 && this.isRequest && this.emptyLine(at)) return;
    if (end < start || this.bytes[end] !== CR) {
      this.error = 400; // LF alone
    } else if (end === start) {
      if (this.lines > 0) this.done = true;
      else this.error = 400;
    } else if (++this.lines > this.limits.headLinesMax) {
      this.error = 431;
    } else {
      const good = this.lines > 1 ? this.field(start, end) : this.firstLine(start, end);
      if (!good) this.error = 400;
    }
  }

  /**
   * Passes over an empty line before a request, which ends at `at`; false where it is none, or one too
   * many. LF alone may end it, as with nginx and HAProxy: no backend ever sees it.
   */
  private emptyLine(at: number): boolean {
    const { bytes } = this;
    let lines = 0;
    for (let i = 0; i <= at; i++) {
      if (bytes[i] === LF) lines++;
      else if (bytes[i] !== CR) return false;
    }
    if (lines > EMPTY_LINES_MAX) return false;
    this.start = at + 1;
    return true;
  }

  private firstLine(start: number, end: number): boolean {
    this.fieldsStart = end + LINE_END_BYTES;
    return this.isRequest ? this.requestLine(start, end) : this.statusLine(start, end);
  }

  private requestLine(start: number, end: number): boolean {
    const methodEnd = span(this.bytes, start, TOKEN);
    this.targetStart = methodEnd + 1;
    this.targetEnd = span(this.bytes, this.targetStart, TARGET);
    return (
      methodEnd > start &&
      this.bytes[methodEnd] === SPACE &&
      this.targetEnd > this.targetStart &&
      this.bytes[this.targetEnd] === SPACE &&
      end === this.targetEnd + 9 &&
      this.version(this.targetEnd + 1)
    );
  }

  /** `HTTP/1.1 200 OK`; the reason phrase and the space before it may be missing. */
  private statusLine(start: number, end: number): boolean {
    if (end < start + 12 || !this.version(start) || this.bytes[start + 8] !== SPACE) return false;
    this.status = decimal(this.bytes, start + 9, start + 12);
    return (
      this.status >= 100 &&
      (end === start + 12 || this.bytes[start + 12] === SPACE) &&
      span(this.bytes, start, VALUE) === end
    );
  }

  /**
   * `HTTP/` and two digits. Minor versions above 1 are read as 1 (RFC 9110 section 2.5); of other major
   * versions nothing is known, so the rest of the head is not read.
   */
  private version(start: number): boolean {
    const { bytes } = this;
    if (
      bytes[start] !== 72 ||
      bytes[start + 1] !== 84 ||
      bytes[start + 2] !== 84 ||
      bytes[start + 3] !== 80 ||
      bytes[start + 4] !== SLASH ||
      bytes[start + 6] !== DOT
    ) {
      return false;
    }
    const minor = bytes[start + 7] - 48;
    this.minor = minor === 0 ? 0 : 1;
    if (minor < 0 || minor > 9) return false;
    const major = bytes[start + 5] - 48;
    if (major > 1 && major <= 9) this.error = 505;
    return major > 0 && major <= 9;
  }

  private field(start: number, end: number): boolean {
    const { bytes } = this;
    const nameEnd = span(this.bytes, start, TOKEN);
    if (nameEnd === start || bytes[nameEnd] !== COLON) return false;
    let valueStart = nameEnd + 1;
    if (span(bytes, valueStart, VALUE) !== end) return false;
    let valueEnd = end;
    while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart++;
    while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
    const name = nameAt(bytes, start, nameEnd - start);
    if (name === OTHER) return true;
    const known = isUnderscored(name, bytes, start) ? OTHER : name;
    if (!this.add(known, start, end + LINE_END_BYTES, valueStart, valueEnd)) this.error = 431;
    else if (known === CONNECTION || known === UPGRADE) this.list(valueStart, valueEnd);
    return true;
  }

  /** Counts the members of a value that is a list. */
  private list(start: number, end: number): void {
    const { bytes } = this;
    let comma = start - 1;
    do {
      if (++this.members > LIST_MEMBERS_MAX) this.error = 431;
      comma = bytes.indexOf(COMMA, comma + 1);
    } while (comma >= 0 && comma < end);
  }
}
