/**
 * How a message's body is delimited, and the bytes of a body without what delimits them.
 */

import { VALUE } from "./grammar.ts";
import type { Head } from "./head.ts";

export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: number }
  | { readonly kind: "chunked" }
  /** Until the sender closes. */
  | { readonly kind: "close" };

const NONE: Framing = Object.freeze({ kind: "none" });
const CHUNKED: Framing = Object.freeze({ kind: "chunked" });
const CLOSE: Framing = Object.freeze({ kind: "close" });

/** Methods whose body, if there is one, no HTTP/1.0 server expects. */
const BODILESS_IN_1_0 = Object.freeze(["GET", "HEAD", "DELETE"]);

/**
 * A request's framing, or the status that refuses it: where two servers could disagree on where a
 * request ends, the second one could be tricked into seeing a request that was never sent.
 */
export function requestFraming(head: Head, method: string): Framing | 400 | 501 {
  const framing = declared(head);
  if (typeof framing === "number") return framing;
  if (framing === undefined) return NONE;
  if (head.minor === 0) {
    if (framing.kind === "chunked") return 400;
    if (framing.kind === "length" && framing.length > 0 && BODILESS_IN_1_0.includes(method)) {
      return 400;
    }
  }
  return framing;
}

/** A response's framing; `undefined` when it cannot be told, and so not be trusted. */
export function responseFraming(head: Head, method: string): Framing | undefined {
  const { status } = head;
  if (status < 200 || status === 204) return NONE;
  const framing = declared(head);
  if (typeof framing === "number") return undefined;
  if (method === "HEAD" || status === 304) return NONE;
  if (framing?.kind === "chunked" && head.minor === 0) return undefined;
  return framing ?? CLOSE;
}

/** What Content-Length and Transfer-Encoding say. */
function declared(head: Head): Framing | undefined | 400 | 501 {
  let framing: Framing | undefined;
  const { known } = head;
  for (let i = 0; i < known.length; i++) {
    const field = known[i];
    if (field.name === "content-length") {
      const length = head.number(field);
      if (framing !== undefined || length < 0) return 400;
      framing = { kind: "length", length };
    } else if (field.name === "transfer-encoding") {
      if (framing !== undefined) return 400;
      if (head.value(field).toLowerCase() !== "chunked") {
        return head.all("content-length").length > 0 ? 400 : 501;
      }
      framing = CHUNKED;
    }
  }
  return framing;
}

/** Bytes of one chunk: less than 32 bits can count, so that no reader's sum overflows. */
const CHUNK_BYTES_MAX = 0xffff_ffff;

/**
 * Bytes that are read and dropped: chunk extensions, zeros before a size, trailers. Each byte of the body
 * gives one back. Node's limit (kMaxChunkExtensionsSize in src/node_http_parser.cc).
 */
const DROPPED_BYTES_MAX = 16_384;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;
const SEMICOLON = 59;
const EQUALS = 61;
const BACKSLASH = 92;

// Where a chunked body stands: in which line, or between which bytes (RFC 9112 section 7.1).
const SIZE_START = 0;
const SIZE = 1;
const SIZE_BLANK = 2;
const EXTENSION = 3;
const EXTENSION_VALUE = 4;
const QUOTED = 5;
const QUOTED_PAIR = 6;
const QUOTED_END = 7;
const SIZE_LF = 8;
const DATA = 9;
const DATA_CR = 10;
const DATA_LF = 11;
const TRAILER_START = 12;
const TRAILER = 13;
const TRAILER_LF = 14;
const END_LF = 15;

/** Takes a body out of its pieces. */
export interface BodyReader {
  readonly done: boolean;
  /** The delimiters are not what they must be, or the body is too large. */
  readonly broken: boolean;
  readonly tooLarge: boolean;
  /** Bytes that may be read at once, as far as is known; 0 from the end of the body on. */
  readonly wanted: number;
  /** Bytes of the last piece that belong to the next message, or to none. */
  readonly behind: number;
  /**
   * Brings the body's bytes to the front of `piece`, over the delimiters, and returns their count. The
   * piece must be no longer than `wanted`.
   */
  decode(piece: Uint8Array): number;
  /** The sender has closed: the end of a body that lasts until then, and of no other. */
  closed(): void;
}

/** Chunks that would make the body longer than `lengthMax` are not read. */
export function bodyReader(framing: Framing, lengthMax = Number.MAX_SAFE_INTEGER): BodyReader {
  switch (framing.kind) {
    case "none":
      return NO_BODY;
    case "length":
      return framing.length === 0 ? NO_BODY : new PlainBody(framing.length);
    case "close":
      return new PlainBody(ENDLESS);
    default:
      return new ChunkedBody(lengthMax);
  }
}

/** More than any length that a head can declare. */
const ENDLESS = Number.MAX_SAFE_INTEGER;

/** So many bytes as they are, or all until the sender closes. */
class PlainBody implements BodyReader {
  done: boolean;
  wanted: number;

  constructor(length: number) {
    this.wanted = length;
    this.done = length === 0;
  }

  get broken(): boolean {
    return false;
  }

  get tooLarge(): boolean {
    return false;
  }

  get behind(): number {
    return 0;
  }

  decode({ byteLength }: Uint8Array): number {
    if (this.wanted === ENDLESS) return byteLength;
    this.wanted -= byteLength;
    if (this.wanted === 0) this.done = true;
    return byteLength;
  }

  closed(): void {
    if (this.wanted !== ENDLESS) return;
    this.wanted = 0;
    this.done = true;
  }
}

/** A message without a body, or with one of no bytes. All such messages share it: it never changes. */
export const NO_BODY: BodyReader = Object.freeze(new PlainBody(0));

class ChunkedBody implements BodyReader {
  done = false;
  broken = false;
  tooLarge = false;
  wanted = ENDLESS;
  behind = 0;
  /** Bytes until the end of the chunk. */
  private left = 0;
  private at = SIZE_START;
  /** Bytes that further chunks may hold. */
  private allowed: number;
  /** Bytes that may still be dropped. */
  private droppable = DROPPED_BYTES_MAX;

  constructor(lengthMax: number) {
    this.allowed = lengthMax;
  }

  closed(): void {}

  decode(piece: Uint8Array): number {
    const count = piece.byteLength;
    if (this.at === DATA && this.left > count) {
      this.left -= count;
      return count;
    }
    let out = 0;
    let i = 0;
    while (i < count) {
      if (this.at === DATA) {
        let data = count - i;
        if (data > this.left) data = this.left;
        if (out !== i) piece.copyWithin(out, i, i + data);
        out += data;
        i += data;
        this.left -= data;
        if (this.left === 0) this.at = DATA_CR;
        continue;
      }
      if (!this.delimiter(piece[i])) {
        this.broken = true;
        this.wanted = 0;
        this.behind = count - i;
        return out;
      }
      i++;
      if (this.done) {
        this.wanted = 0;
        this.behind = count - i;
        return out;
      }
    }
    return out;
  }

  /**
   * One byte outside the data; false when it must not stand there. Extensions are dropped, so what they
   * are made of does not matter, but a quoted string must be closed where the line ends: to a reader that
   * knows them, what follows would still be part of it.
   */
  private delimiter(byte: number): boolean {
    // The commonest first: the engine compares one after the other.
    switch (this.at) {
      case SIZE_START:
      case SIZE: {
        const digit = hexadecimal(byte);
        if (digit >= 0) {
          // A zero before the size, but for the first: that may be all of it.
          if (digit === 0 && this.left === 0 && this.at === SIZE && !this.drop()) return false;
          this.at = SIZE;
          this.left = this.left * 16 + digit;
          return this.left <= CHUNK_BYTES_MAX;
        }
        if (this.at === SIZE_START) return false;
        if (byte === CR) this.at = SIZE_LF;
        else if (byte === SEMICOLON) this.at = EXTENSION;
        else if (isBlank(byte)) this.at = SIZE_BLANK;
        else return false;
        return true;
      }
      case SIZE_LF:
        this.at = this.left > 0 ? DATA : TRAILER_START;
        this.allowed -= this.left;
        this.tooLarge = this.allowed < 0;
        if (this.droppable < DROPPED_BYTES_MAX) {
          this.droppable = Math.min(this.droppable + this.left, DROPPED_BYTES_MAX);
        }
        return byte === LF && !this.tooLarge;
      case DATA_CR:
        this.at = DATA_LF;
        return byte === CR;
      case DATA_LF:
        this.at = SIZE_START;
        return byte === LF;
      case SIZE_BLANK:
        if (byte === SEMICOLON) this.at = EXTENSION;
        else if (!isBlank(byte)) return false;
        return this.drop();
      case EXTENSION:
        if (byte === CR) this.at = SIZE_LF;
        else if (byte === EQUALS) this.at = EXTENSION_VALUE;
        else if (byte === QUOTE) return false;
        return byte === CR || this.dropText(byte);
      case EXTENSION_VALUE:
        if (byte === CR) this.at = SIZE_LF;
        else if (byte === QUOTE) this.at = QUOTED;
        else if (!isBlank(byte)) this.at = EXTENSION;
        return byte === CR || this.dropText(byte);
      case QUOTED:
        if (byte === QUOTE) this.at = QUOTED_END;
        else if (byte === BACKSLASH) this.at = QUOTED_PAIR;
        return this.dropText(byte);
      case QUOTED_PAIR:
        this.at = QUOTED;
        return this.dropText(byte);
      case QUOTED_END:
        if (byte === CR) this.at = SIZE_LF;
        else if (byte === SEMICOLON) this.at = EXTENSION;
        else if (!isBlank(byte)) return false;
        return byte === CR || this.drop();
      case TRAILER_START:
        if (byte === CR) this.at = END_LF;
        else this.at = TRAILER;
        return byte !== LF && this.drop();
      case TRAILER:
        if (byte === CR) this.at = TRAILER_LF;
        return byte !== LF && this.drop();
      case TRAILER_LF:
        this.at = TRAILER_START;
        return byte === LF;
      default:
        this.done = byte === LF;
        return this.done;
    }
  }

  /** Drops a byte; false when too many were dropped. */
  private drop(): boolean {
    return --this.droppable >= 0;
  }

  /** Drops a byte where only text and blanks may stand. */
  private dropText(byte: number): boolean {
    return VALUE[byte] === 1 && this.drop();
  }
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function hexadecimal(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** Room that `frame` needs before the data, and behind it. */
export const CHUNK_BEFORE = 8;
export const CHUNK_BEHIND = 8;

/** What ends a chunked body. */
export const LAST_CHUNK = Uint8Array.of(48, CR, LF, CR, LF);

/**
 * Makes a chunk of `count` bytes, at least one, that stand in `buffer` from `start` on. Returns
 * where the chunk begins; it ends two bytes behind the data.
 */
export function frame(buffer: Uint8Array, start: number, count: number): number {
  buffer[start + count] = CR;
  buffer[start + count + 1] = LF;
  let at = start;
  buffer[--at] = LF;
  buffer[--at] = CR;
  for (let size = count; size > 0; size >>>= 4) {
    const digit = size & 15;
    buffer[--at] = digit < 10 ? 48 + digit : 87 + digit;
  }
  return at;
}
