/**
 * Reads the head of a message, request or response, as RFC 9112 writes it and no other way: what
 * two readers could understand differently is refused, so that nobody behind us reads another
 * message than we did.
 */

import { EMPTY_LINES_MAX } from "../net/sniff.ts";
import { isUnderscored, type Name, nameAt } from "./field-names.ts";
import { HOST, span, TARGET, TOKEN, VALUE } from "./grammar.ts";

/** Where a field stands in `Head.bytes`; the ends are exclusive, the value is without blanks around. */
export interface Field {
  /** One of `NAMES`. Empty where it is spelled with `_` for a `-`: to some backends the same name, to others not. */
  readonly name: Name;
  /** Where its line begins, and the next one. */
  readonly lineStart: number;
  readonly lineEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface HeadLimits {
  /** Bytes of a head, its empty line included. */
  readonly headBytesMax: number;
  /** Lines of a head, the first one included, the empty one not. */
  readonly headLinesMax: number;
}

/**
 * Statuses with which a request's head is refused: 501 for a transfer coding other than chunked, 503 where the board
 * has no room for it. For a response each of them means 502.
 */
export type HeadError = 400 | 414 | 431 | 501 | 503 | 505;

/** Who answers for the memory of long heads. */
export interface HeadBuffers {
  /** Asks for a buffer of so many bytes before it is made; false where there is no room. */
  claim(bytes: number): boolean;
  /** A buffer that was asked for is gone. */
  unclaim(bytes: number): void;
}

const TAB = 9;
const LF = 10;
const CR = 13;
/** CR and LF. */
const LINE_END_BYTES = 2;
const SPACE = 32;
const COMMA = 44;
const DOT = 46;
const SLASH = 47;
const COLON = 58;

/** Bytes made into text at once: they pass over the engine's stack, which is small on the chip. */
export const TEXT_PIECE = 32;

/** Text that such pieces are put together to, before it is added to more: each sum is a copy of all. */
const TEXT_BLOCK = 512;

/**
 * Members of all of a head's lists of options and protocols; browsers send two. A head full of them
 * would take more memory than the chip has.
 */
const LIST_MEMBERS_MAX = 32;

/**
 * Fields whose names mean something to a proxy; requests of browsers have about five. Each takes 96 bytes on the chip
 * while the head is held, other fields take none beside their own bytes.
 */
const KNOWN_FIELDS_MAX = 32;

/** Bytes that a head's own buffer holds at first, and keeps for the next head. */
export const BUFFER_BYTES = 512;

const NOTHING = new Uint8Array(0);
const NO_FIELDS: readonly Field[] = Object.freeze([]);
const NO_TOKENS: readonly string[] = Object.freeze([]);

/**
 * One head, fed piece by piece. The outcome does not depend on where the pieces are cut: each line
 * is judged when its end has come, the first fault decides.
 */
export class Head {
  /** The head as it came: the piece itself when all of it came in one, else a copy. */
  bytes: Uint8Array = NOTHING;
  /** Bytes of it so far. */
  length = 0;
  done = false;
  error: HeadError | undefined;
  /** The fields whose names mean something to a proxy, in their order. */
  known: Field[] = [];
  /** Lines so far, the first one included, the empty one not. */
  lines = 0;
  /** Where the line behind the first one begins. */
  fieldsStart = 0;

  /** Minor version: HTTP/1.`minor`, 0 or 1. */
  minor = 1;
  /** A request's method and target, as they stand in the first line. */
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** The host that the target names, where Host does not say the same in the same letters; `parseRequest` sets it. */
  authority: string | undefined;
  /** Where the first line begins: empty lines may stand before a request. */
  start = 0;
  /** A response's status. */
  status = 0;

  /** It is a request's head, not a response's. */
  isRequest: boolean;

  private own: Uint8Array = NOTHING;
  private limits: HeadLimits;
  /** `undefined` where `limits` alone bound the memory. */
  private buffers: HeadBuffers | undefined;
  /** Of all lists so far. */
  private members = 0;
  private lineStart = 0;

  constructor(kind: "request" | "response", limits: HeadLimits, buffers?: HeadBuffers) {
    this.isRequest = kind === "request";
    this.limits = limits;
    this.buffers = buffers;
  }

  /** Ready for the next message; it is not looked into any more. */
  reset(): void {
    this.length = 0;
    this.done = false;
    this.error = undefined;
    this.known = [];
    this.authority = undefined;
    this.start = 0;
    this.lines = 0;
    this.members = 0;
    this.lineStart = 0;
    if (this.own.byteLength > BUFFER_BYTES) this.release();
  }

  /** Lets go of a long buffer: the head is not looked into any more. */
  release(): void {
    const { byteLength } = this.own;
    if (byteLength <= BUFFER_BYTES) return;
    this.own = this.bytes = NOTHING;
    this.buffers?.unclaim(byteLength);
  }

  /**
   * Takes what belongs to the head from a piece; returns how many bytes that were. The piece must
   * not change before `keep` or the next `feed`.
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

  /** Copies what has come so far, if that was not done before. Where there is no room for it, that is its `error`. */
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

  /** The fields of one name. */
  all(name: Name): readonly Field[] {
    const { known } = this;
    let found = NO_FIELDS;
    for (let i = 0; i < known.length; i++) {
      if (known[i].name === name) found = [...found, known[i]];
    }
    return found;
  }

  /** The only field of a name; `undefined` where there is none, or more than one. */
  only(name: Name): Field | undefined {
    const { known } = this;
    let found: Field | undefined;
    for (let i = 0; i < known.length; i++) {
      if (known[i].name !== name) continue;
      if (found !== undefined) return undefined;
      found = known[i];
    }
    return found;
  }

  /** The first field of a name where all of them say the same; `undefined` where there is none. */
  agreed(name: Name): Field | undefined {
    const { known } = this;
    let found: Field | undefined;
    for (let i = 0; i < known.length; i++) {
      if (known[i].name !== name) continue;
      if (found === undefined) found = known[i];
      else if (this.value(known[i]) !== this.value(found)) return undefined;
    }
    return found;
  }

  /**
   * Where the line ends that begins at `start`. Only of known fields is it remembered where they stand: with
   * `fieldsStart` this finds all the others.
   */
  lineEnd(start: number): number {
    return this.bytes.indexOf(LF, start) + 1;
  }

  /** The name of the field whose line begins at `start`, in lower case. */
  nameAt(start: number): string {
    return this.text(start, this.bytes.indexOf(COLON, start)).toLowerCase();
  }

  /** The value of the first field of this name (in lower case), whatever it is. */
  lookup(name: string): string | undefined {
    const { bytes } = this;
    const fieldsEnd = this.length - LINE_END_BYTES;
    for (let start = this.fieldsStart, end = 0; start < fieldsEnd; start = end) {
      end = this.lineEnd(start);
      let valueStart = bytes.indexOf(COLON, start) + 1;
      if (valueStart - 1 - start !== name.length || this.nameAt(start) !== name) continue;
      let valueEnd = end - LINE_END_BYTES;
      while (valueStart < valueEnd && blank(bytes[valueStart])) valueStart++;
      while (valueEnd > valueStart && blank(bytes[valueEnd - 1])) valueEnd--;
      return this.text(valueStart, valueEnd);
    }
    return undefined;
  }

  /** Bytes as text, one character each. */
  text(start: number, end: number): string {
    return textOf(this.bytes, start, end);
  }

  value({ valueStart, valueEnd }: Field): string {
    return this.text(valueStart, valueEnd);
  }

  /** Does the list of tokens that the fields of this name hold have `token` (in lower case)? */
  lists(name: Name, token: string): boolean {
    return this.tokens(name).includes(token);
  }

  /** Tokens of all fields of a name, in lower case. */
  tokens(name: Name): readonly string[] {
    const fields = this.all(name);
    if (fields.length === 0) return NO_TOKENS;
    const tokens: string[] = [];
    for (const field of fields) {
      for (const part of this.value(field).split(",")) {
        const token = part.trim().toLowerCase();
        if (token !== "") tokens.push(token);
      }
    }
    return tokens;
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
    const start = this.lineStart;
    const end = at - 1;
    this.lineStart = at + 1;
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
    this.methodEnd = span(this.bytes, start, TOKEN);
    this.targetStart = this.methodEnd + 1;
    this.targetEnd = span(this.bytes, this.targetStart, TARGET);
    return (
      this.methodEnd > start &&
      this.bytes[this.methodEnd] === SPACE &&
      this.targetEnd > this.targetStart &&
      this.bytes[this.targetEnd] === SPACE &&
      end === this.targetEnd + 9 &&
      this.version(this.targetEnd + 1)
    );
  }

  /** `HTTP/1.1 200 OK`; the words may be missing, and their blank with them. */
  private statusLine(start: number, end: number): boolean {
    if (end < start + 12 || !this.version(start) || this.bytes[start + 8] !== SPACE) return false;
    this.status = this.digits(start + 9, start + 12);
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
    while (valueStart < valueEnd && blank(bytes[valueStart])) valueStart++;
    while (valueEnd > valueStart && blank(bytes[valueEnd - 1])) valueEnd--;
    const name = nameAt(bytes, start, nameEnd - start);
    if (name === "") return true;
    const isKnown = !isUnderscored(name, bytes, start);
    this.known.push({
      name: isKnown ? name : "",
      lineStart: start,
      lineEnd: end + LINE_END_BYTES,
      valueStart,
      valueEnd,
    });
    if (this.known.length > KNOWN_FIELDS_MAX) this.error = 431;
    if (isKnown && (name === "connection" || name === "upgrade")) this.list(valueStart, valueEnd);
    return true;
  }

  /** A value that is a list, and will be taken apart. */
  private list(start: number, end: number): void {
    const { bytes } = this;
    let comma = start - 1;
    do {
      if (++this.members > LIST_MEMBERS_MAX) this.error = 431;
      comma = bytes.indexOf(COMMA, comma + 1);
    } while (comma >= 0 && comma < end);
  }

  private digits(start: number, end: number): number {
    let number = 0;
    for (let at = start; at < end; at++) {
      const digit = this.bytes[at] - 48;
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }

  /** A value that is nothing but 1 to 15 digits, as a number; -1 for any other. */
  number({ valueStart, valueEnd }: Field): number {
    const count = valueEnd - valueStart;
    return count >= 1 && count <= 15 ? this.digits(valueStart, valueEnd) : -1;
  }

  /** May these bytes be an authority: a name or address, and perhaps a port? */
  isHost(start: number, end: number): boolean {
    return span(this.bytes, start, HOST) >= end;
  }
}

/** Bytes as text, one character each. */
export function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  if (end - start > TEXT_BLOCK) {
    for (let at = start; at < end; at += TEXT_BLOCK) {
      text += textOf(bytes, at, Math.min(end, at + TEXT_BLOCK));
    }
    return text;
  }
  for (let at = start; at < end; at += TEXT_PIECE) {
    const piece = bytes.subarray(at, Math.min(end, at + TEXT_PIECE));
    text += String.fromCharCode.apply(null, piece as unknown as number[]);
  }
  return text;
}

function blank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
