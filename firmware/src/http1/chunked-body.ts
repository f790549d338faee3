import { BACKSLASH, CR, EQUALS, LF, QUOTE, SEMICOLON } from "../net/ascii-codes.ts";
import { Body } from "./body.ts";
import { hexadecimal, isBlank, VALUE } from "./grammar.ts";

/** Bytes of one chunk: less than 32 bits can count, so that no reader's sum overflows. */
const CHUNK_BYTES_MAX = 0xffff_ffff;

/**
 * Bytes that are read and dropped: chunk extensions, zeros before a size, trailers. Each byte of the body
 * gives one back. Node's limit (kMaxChunkExtensionsSize in src/node_http_parser.cc).
 */
const DROPPED_BYTES_MAX = 16_384;

// The position within a chunked body (RFC 9112 section 7.1). First the line of a chunk's size, with its extensions:
const SIZE_START = 0;
const SIZE = 1;
const SIZE_LF = 2;
const SIZE_BLANK = 3;
const EXTENSION = 4;
const EXTENSION_VALUE = 5;
const QUOTED = 6;
const QUOTED_PAIR = 7;
const QUOTED_END = 8;
// then its data:
const DATA = 9;
const DATA_CR = 10;
const DATA_LF = 11;
// and behind the last chunk, the trailer section and the end of the body.
const TRAILER_START = 12;
const TRAILER = 13;
const TRAILER_LF = 14;
const END_LF = 15;

/** A body in chunks. */
export class ChunkedBody extends Body {
  done = false;
  wanted = Number.MAX_SAFE_INTEGER;
  override excess = 0;
  /** Bytes until the end of the chunk. */
  private left = 0;
  private at = SIZE_START;
  /** Bytes that further chunks may hold. */
  private allowed: number;
  /** Bytes that may still be dropped. */
  private droppable = DROPPED_BYTES_MAX;

  /** Chunks that would make the body longer than `lengthMax` are not read. */
  constructor(lengthMax: number, scratch?: Uint8Array) {
    super(scratch);
    this.allowed = lengthMax;
  }

  override get fromFraming(): "chunked" {
    return "chunked";
  }

  override get bytes(): number {
    return this.allowed;
  }

  override get tooLarge(): boolean {
    return this.allowed < 0;
  }

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
        this.wanted = 0;
        this.excess = count - i;
        return out;
      }
      i++;
      if (this.done) {
        this.wanted = 0;
        this.excess = count - i;
        return out;
      }
    }
    return out;
  }

  /** One byte outside the data; false when it is not allowed there. */
  private delimiter(byte: number): boolean {
    // The commonest first: the engine compares one after the other.
    switch (this.at) {
      case SIZE_START:
      case SIZE:
        return this.sizeByte(byte);
      case SIZE_LF:
        return byte === LF && this.startData();
      case DATA_CR:
        this.at = DATA_LF;
        return byte === CR;
      case DATA_LF:
        this.at = SIZE_START;
        return byte === LF;
      default:
        return this.at < DATA ? this.extensionByte(byte) : this.trailerByte(byte);
    }
  }

  private sizeByte(byte: number): boolean {
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

  /** The line of a chunk's size is complete; false when the body is too large with that chunk. */
  private startData(): boolean {
    this.at = this.left > 0 ? DATA : TRAILER_START;
    this.allowed -= this.left;
    if (this.droppable < DROPPED_BYTES_MAX) {
      this.droppable = Math.min(this.droppable + this.left, DROPPED_BYTES_MAX);
    }
    return this.allowed >= 0;
  }

  /**
   * Extensions are dropped, so what they are made of does not matter, but a quoted string must be closed where the
   * line ends: to a reader that knows them, what follows would still be part of it.
   */
  private extensionByte(byte: number): boolean {
    switch (this.at) {
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
      default: // behind a quoted string
        if (byte === CR) this.at = SIZE_LF;
        else if (byte === SEMICOLON) this.at = EXTENSION;
        else if (!isBlank(byte)) return false;
        return byte === CR || this.drop();
    }
  }

  private trailerByte(byte: number): boolean {
    switch (this.at) {
      case TRAILER_START:
        this.at = byte === CR ? END_LF : TRAILER;
        return byte !== LF && this.drop();
      case TRAILER:
        if (byte === CR) this.at = TRAILER_LF;
        return byte !== LF && this.drop();
      case TRAILER_LF:
        this.at = TRAILER_START;
        return byte === LF;
      default: // the LF that ends the body
        this.done = byte === LF;
        return this.done;
    }
  }

  /** Drops a byte; false when too many were dropped. */
  private drop(): boolean {
    return --this.droppable >= 0;
  }

  /** Drops a byte where only text and blanks are allowed. */
  private dropText(byte: number): boolean {
    return VALUE[byte] === 1 && this.drop();
  }
}
