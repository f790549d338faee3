import type { CopyLine, Platform, WriteLine } from "../platform.ts";
import { textOf } from "../text/ascii.ts";
import { quoted } from "../text/quoting.ts";
import { FIRST_NUMBER, FIRST_TEXT, OPTIONAL, TEXTS, VALUE_CHARS_MAX } from "./line-format.ts";

/**
 * A ring of lines is one buffer: the words below, and then its bytes. A line has two words before it, its length and
 * its place in the order of the lines of all rings, and ends at a multiple of four. native/lines.c writes and copies
 * lines; `writeLine` and `copyLine` here do the same without it.
 */
const SIZE = 0; // of the bytes
const HEAD = 1; // where the next line begins
const TAIL = 2; // where the oldest line begins
const USED = 3; // bytes from there to the head
const COUNT = 4; // lines that were added since the start
const FIRST = 5; // the number of the oldest line, counted from 0
const HELD = 6; // one more than the number of the line that must stay; 0 for none
const REFUSED = 7; // lines that were not stored, because it must stay
const RING_WORDS = 8;

const WORD_BYTES = 4;
const LINE_HEAD_BYTES = 2 * WORD_BYTES;

/** Longest line, in bytes; the scores of 32 backends take 1,400. */
export const LINE_BYTES_MAX = 2_048;

/** A place among the lines of a ring: the number of a line that is stored, or comes next. */
export interface Cursor {
  number: number;
  offset: number;
}

/** The last lines of one kind. All bytes are taken from the start, so that no line takes memory of its own. */
export class LineRing {
  readonly buffer: ArrayBuffer;
  readonly #words: Uint32Array;
  readonly #write: WriteLine;
  readonly #copy: CopyLine;
  /** The next line for the reader. */
  readonly sent: Cursor = { number: 0, offset: 0 };
  /** Lines that were overwritten before it got them. */
  #missed = 0;

  /** @param bytes - a multiple of 4, more than the longest line takes */
  constructor(bytes: number, native: Pick<Platform, "writeLine" | "copyLine">) {
    this.buffer = new ArrayBuffer(RING_WORDS * WORD_BYTES + bytes);
    this.#words = new Uint32Array(this.buffer);
    this.#words[SIZE] = bytes;
    this.#write = native.writeLine ?? writeLine;
    this.#copy = native.copyLine ?? copyLine;
  }

  /** Writes a line whose format has no value but three numbers at most. */
  write(order: number, format: string, a = 0, b = 0, c = 0): void {
    const write = this.#write;
    write(
      this.buffer,
      order,
      format,
      "",
      "",
      "",
      "",
      "",
      "",
      "",
      a,
      b,
      c,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    );
  }

  /** Lines that were added since the start. */
  get count(): number {
    return this.#words[COUNT];
  }

  /** A line waits for the reader. */
  get waits(): boolean {
    return this.sent.number < this.#words[COUNT];
  }

  /** Lines that the reader did not get. */
  get dropped(): number {
    this.#missed += this.catchUp(this.sent);
    return this.#missed + this.#words[REFUSED];
  }

  /** The oldest line. */
  first(): Cursor {
    return { number: this.#words[FIRST], offset: this.#words[TAIL] };
  }

  /** Moves `cursor` to the oldest line if its own was overwritten. Returns how many lines it has missed. */
  catchUp(cursor: Cursor): number {
    const words = this.#words;
    const missed = words[FIRST] - cursor.number;
    if (missed <= 0) return 0;
    cursor.number = words[FIRST];
    cursor.offset = words[TAIL];
    return missed;
  }

  /** The number of bytes of the line at `cursor`. */
  length(cursor: Cursor): number {
    return this.#words[RING_WORDS + cursor.offset / WORD_BYTES];
  }

  /** The place of the line at `cursor` in the order of the lines of all rings. */
  order(cursor: Cursor): number {
    return this.#words[RING_WORDS + moved(this.#words, cursor.offset, WORD_BYTES) / WORD_BYTES];
  }

  advance(cursor: Cursor): void {
    cursor.offset = moved(this.#words, cursor.offset, lineBytes(this.length(cursor)));
    cursor.number++;
  }

  /** Drops all lines that the reader has not got. */
  dropAll(): void {
    const words = this.#words;
    this.#missed += words[COUNT] - this.sent.number;
    this.sent.number = words[COUNT];
    this.sent.offset = words[HEAD];
  }

  /** Keeps the line at `sent` from being overwritten, until `release`. */
  hold(): void {
    this.#words[HELD] = this.sent.number + 1;
  }

  release(): void {
    this.#words[HELD] = 0;
  }

  /** Copies `count` bytes of the line at `cursor`, from its byte `from` on. */
  copy(cursor: Cursor, from: number, into: Uint8Array, at: number, count: number): void {
    const start = into.byteOffset + at;
    const copy = this.#copy;
    copy(this.buffer, cursor.offset, from, into.buffer as ArrayBuffer, start, count);
  }

  /** The text of the line at `cursor`. */
  text(cursor: Cursor): string {
    const bytes = new Uint8Array(this.length(cursor));
    this.copy(cursor, 0, bytes, 0, bytes.length);
    return textOf(bytes, 0, bytes.length);
  }
}

function lineBytes(length: number): number {
  return LINE_HEAD_BYTES + ((length + 3) & ~3);
}

function moved(words: Uint32Array, offset: number, bytes: number): number {
  const end = offset + bytes;
  return end < words[SIZE] ? end : end - words[SIZE];
}

// The same in TypeScript as in native/lines.c

export const writeLine: WriteLine = (ring, order, format, ...values) => {
  const words = new Uint32Array(ring);
  const bytes = new Uint8Array(ring, RING_WORDS * WORD_BYTES);
  const line = lineText(format, values).slice(0, LINE_BYTES_MAX);
  while (words[USED] + LINE_HEAD_BYTES + line.length + 3 > words[SIZE]) {
    if (words[FIRST] === words[COUNT] || words[FIRST] + 1 === words[HELD]) {
      words[REFUSED]++;
      return;
    }
    const oldest = lineBytes(words[RING_WORDS + words[TAIL] / WORD_BYTES]);
    words[TAIL] = moved(words, words[TAIL], oldest);
    words[USED] -= oldest;
    words[FIRST]++;
  }
  const head = words[HEAD];
  words[RING_WORDS + head / WORD_BYTES] = line.length;
  words[RING_WORDS + moved(words, head, WORD_BYTES) / WORD_BYTES] = order;
  for (let i = 0; i < line.length; i++)
    bytes[moved(words, head, LINE_HEAD_BYTES + i)] = line.charCodeAt(i);
  words[HEAD] = moved(words, head, lineBytes(line.length));
  words[USED] += lineBytes(line.length);
  words[COUNT]++;
};

export const copyLine: CopyLine = (ring, offset, from, into, at, count) => {
  const words = new Uint32Array(ring);
  const bytes = new Uint8Array(ring, RING_WORDS * WORD_BYTES);
  const target = new Uint8Array(into, at, count);
  const start = moved(words, offset, LINE_HEAD_BYTES);
  for (let i = 0; i < count; i++) target[i] = bytes[moved(words, start, from + i)];
};

function lineText(format: string, values: readonly (string | number)[]): string {
  let line = "";
  for (let i = 0; i < format.length; i++) {
    const code = format.charCodeAt(i);
    if (code === OPTIONAL) {
      const end = format[++i];
      const value = valueFor(end.charCodeAt(0), values);
      if (value === 0 || value === "") i = format.indexOf(end, i + 1);
    } else if (code >= 0x20) {
      line += format[i];
    } else {
      const value = valueFor(code, values);
      line += typeof value === "number" ? whole(value) : quoted(value, VALUE_CHARS_MAX);
    }
  }
  return line;
}

function valueFor(code: number, values: readonly (string | number)[]): string | number {
  return values[code < FIRST_NUMBER ? code - FIRST_TEXT : TEXTS + code - FIRST_NUMBER];
}

/** Rounded, halves away from zero. */
function whole(value: number): string {
  return `${Math.sign(value) * Math.floor(Math.abs(value) + 0.5) || 0}`;
}
