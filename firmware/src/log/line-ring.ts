import type { ReadLines, WriteLine } from "../platform.ts";
import { textOf } from "../text/ascii.ts";
import { quoted } from "../text/quoting.ts";
import { FIRST_NUMBER, FIRST_TEXT, OPTIONAL, TEXTS, VALUE_CHARS_MAX } from "./line-format.ts";

/**
 * A ring of lines is one buffer: the words below, and then its bytes. A line has two words before it, its length and
 * its place in the order of the lines of all rings, and ends at a multiple of four. native/lines.c writes and reads
 * lines; `writeLine` and `readLines` here do the same without it.
 */
const SIZE = 0; // of the bytes
const HEAD = 1; // where the next line begins
const TAIL = 2; // where the oldest line begins
const USED = 3; // bytes from there to the head
const COUNT = 4; // lines that were added since the start
const FIRST = 5; // the number of the oldest line, counted from 0
const SENT = 6; // the number of the reader's next line
const SENT_AT = 7; // where it begins
const READ = 8; // its bytes that were read; it is not overwritten then
const DROPPED = 9; // lines that the reader did not get
const NOTICED = 10; // those of them that a notice has counted
const RING_WORDS = 11;

const WORD_BYTES = 4;
const LINE_HEAD_BYTES = 2 * WORD_BYTES;

/** Longest line, in bytes; the scores of 32 backends take 1,400. */
export const LINE_BYTES_MAX = 2_048;

/** Flags of `readLines`: no more than one line; `NEWS` is wanted. */
export const ONE_LINE = 1;
export const TELL_NEWS = 2;

/**
 * Added to the count that `readLines` returns: the last line is not complete; there are dropped lines that no notice
 * has counted, and what follows was not read.
 */
export const MID_LINE = 1 << 16;
export const NEWS = 1 << 17;

const CR = 0x0d;
const LF = 0x0a;
const LINE_END_BYTES = 2;

/** A place among the lines of a ring: the number of a line that is stored, or comes next. */
export interface Cursor {
  number: number;
  offset: number;
}

/** The last lines of one kind. All bytes are taken from the start, so that no line takes memory of its own. */
export class LineRing {
  readonly buffer: ArrayBuffer;
  private words: Uint32Array;

  /** @param bytes - a multiple of 4, more than the longest line takes */
  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(RING_WORDS * WORD_BYTES + bytes);
    this.words = new Uint32Array(this.buffer);
    this.words[SIZE] = bytes;
  }

  /** Lines that were added since the start. */
  get count(): number {
    return this.words[COUNT];
  }

  /** Lines that the reader did not get, because they were overwritten before, or not stored. */
  get dropped(): number {
    return this.words[DROPPED];
  }

  /** Dropped lines that no notice has counted. */
  get unnoticed(): number {
    return this.words[DROPPED] - this.words[NOTICED];
  }

  /** A notice has counted all of them. */
  noticed(): void {
    this.words[NOTICED] = this.words[DROPPED];
  }

  /** A line waits for the reader. */
  get waits(): boolean {
    return this.words[SENT] !== this.words[COUNT];
  }

  /** Gives the reader's next line, or the rest of it, as text. */
  take(): string {
    const { words } = this;
    const text = this.text({ number: words[SENT], offset: words[SENT_AT] });
    const from = words[READ];
    advanceReader(words);
    return from === 0 ? text : text.slice(from);
  }

  /** The oldest line. */
  first(): Cursor {
    return { number: this.words[FIRST], offset: this.words[TAIL] };
  }

  /** Moves `cursor` to the oldest line if its own was overwritten. */
  catchUp(cursor: Cursor): void {
    if (cursor.number < this.words[FIRST]) Object.assign(cursor, this.first());
  }

  advance(cursor: Cursor): void {
    const { words } = this;
    cursor.offset = moved(words, cursor.offset, lineBytes(lengthAt(words, cursor.offset)));
    cursor.number++;
  }

  /** The place of the line at `cursor` in the order of the lines of all rings. */
  order({ offset }: Cursor): number {
    return orderAt(this.words, offset);
  }

  /** The text of the line at `cursor`. */
  text({ offset }: Cursor): string {
    const { words } = this;
    const bytes = new Uint8Array(this.buffer, RING_WORDS * WORD_BYTES);
    const start = moved(words, offset, LINE_HEAD_BYTES);
    const end = start + lengthAt(words, offset);
    const size = words[SIZE];
    if (end <= size) return textOf(bytes, start, end);
    return textOf(bytes, start, size) + textOf(bytes, 0, end - size);
  }
}

function lineBytes(length: number): number {
  return LINE_HEAD_BYTES + ((length + 3) & ~3);
}

function moved(words: Uint32Array, offset: number, bytes: number): number {
  const end = offset + bytes;
  return end < words[SIZE] ? end : end - words[SIZE];
}

function lengthAt(words: Uint32Array, offset: number): number {
  return words[RING_WORDS + offset / WORD_BYTES];
}

function orderAt(words: Uint32Array, offset: number): number {
  return words[RING_WORDS + moved(words, offset, WORD_BYTES) / WORD_BYTES];
}

function advanceReader(words: Uint32Array): void {
  words[SENT_AT] = moved(words, words[SENT_AT], lineBytes(lengthAt(words, words[SENT_AT])));
  words[SENT]++;
  words[READ] = 0;
}

// The same in TypeScript as in native/lines.c

export const writeLine: WriteLine = (ring, order, format, ...values) => {
  const words = new Uint32Array(ring);
  const bytes = new Uint8Array(ring, RING_WORDS * WORD_BYTES);
  const line = lineText(format, values).slice(0, LINE_BYTES_MAX);
  while (words[USED] + LINE_HEAD_BYTES + line.length + 3 > words[SIZE]) {
    if (words[FIRST] === words[COUNT] || (words[FIRST] === words[SENT] && words[READ] > 0)) {
      words[DROPPED]++;
      return;
    }
    dropOldest(words);
  }
  const head = words[HEAD];
  words[RING_WORDS + head / WORD_BYTES] = line.length;
  words[RING_WORDS + moved(words, head, WORD_BYTES) / WORD_BYTES] = order;
  const start = moved(words, head, LINE_HEAD_BYTES);
  const toEnd = Math.min(line.length, words[SIZE] - start);
  for (let i = 0; i < toEnd; i++) bytes[start + i] = line.charCodeAt(i);
  for (let i = toEnd; i < line.length; i++) bytes[i - toEnd] = line.charCodeAt(i);
  words[HEAD] = moved(words, head, lineBytes(line.length));
  words[USED] += lineBytes(line.length);
  words[COUNT]++;
};

function dropOldest(words: Uint32Array): void {
  const bytes = lineBytes(lengthAt(words, words[TAIL]));
  words[TAIL] = moved(words, words[TAIL], bytes);
  words[USED] -= bytes;
  if (words[FIRST]++ !== words[SENT]) return;
  words[SENT]++;
  words[SENT_AT] = words[TAIL];
  words[DROPPED]++;
}

function lineText(format: string, values: readonly (string | number)[]): string {
  let line = "";
  let from = 0; // of the text that is not in the line yet
  for (let i = 0; i < format.length; i++) {
    const code = format.charCodeAt(i);
    if (code >= 0x20) continue;
    line += format.slice(from, i);
    if (code === OPTIONAL) {
      const end = format[++i];
      const value = valueFor(end.charCodeAt(0), values);
      if (value === 0 || value === "") i = format.indexOf(end, i + 1);
    } else {
      const value = valueFor(code, values);
      line += typeof value === "number" ? whole(value) : quoted(value, VALUE_CHARS_MAX);
    }
    from = i + 1;
  }
  return line + format.slice(from);
}

function valueFor(code: number, values: readonly (string | number)[]): string | number {
  return values[code < FIRST_NUMBER ? code - FIRST_TEXT : TEXTS + code - FIRST_NUMBER];
}

/** Rounded, halves away from zero. */
function whole(value: number): string {
  return `${Math.sign(value) * Math.floor(Math.abs(value) + 0.5) || 0}`;
}

export const readLines: ReadLines = (notice, board, requests, into, at, bytesMax, flags) => {
  const target = new Uint8Array(into, at, bytesMax);
  for (let count = 0; ; ) {
    if (count === bytesMax) return count;
    const ring = nextRing(notice, board, requests);
    const words = ring && new Uint32Array(ring);
    if (flags & TELL_NEWS && !(words && words[READ] > 0) && (hasNews(board) || hasNews(requests)))
      return count + NEWS;
    if (words === undefined) return count;
    count += readRing(words, target.subarray(count));
    if (words[READ] > 0) return count + MID_LINE;
    if (flags & ONE_LINE) return count;
  }
};

function hasNews(ring: ArrayBuffer): boolean {
  const words = new Uint32Array(ring);
  return words[DROPPED] !== words[NOTICED];
}

function readRing(words: Uint32Array, into: Uint8Array): number {
  const bytes = new Uint8Array(words.buffer, RING_WORDS * WORD_BYTES);
  const length = lengthAt(words, words[SENT_AT]);
  const from = words[READ];
  const to = Math.min(from + into.length, length + LINE_END_BYTES);
  const start = moved(words, words[SENT_AT], LINE_HEAD_BYTES);
  const textTo = Math.min(to, length);
  const toEnd = Math.min(textTo, words[SIZE] - start);
  for (let i = from; i < toEnd; i++) into[i - from] = bytes[start + i];
  for (let i = Math.max(from, toEnd); i < textTo; i++)
    into[i - from] = bytes[start + i - words[SIZE]];
  for (let i = Math.max(from, textTo); i < to; i++) into[i - from] = i === length ? CR : LF;
  if (to < length + LINE_END_BYTES) words[READ] = to;
  else advanceReader(words);
  return to - from;
}

/** The ring whose line is next: one that was begun, a notice, or the oldest. `undefined` if none waits. */
export function nextRing(
  notice: ArrayBuffer,
  board: ArrayBuffer,
  requests: ArrayBuffer,
): ArrayBuffer | undefined {
  const n = new Uint32Array(notice);
  const b = new Uint32Array(board);
  const r = new Uint32Array(requests);
  if (r[READ] > 0) return requests;
  if (b[READ] > 0) return board;
  if (n[SENT] !== n[COUNT]) return notice;
  if (b[SENT] === b[COUNT]) return r[SENT] === r[COUNT] ? undefined : requests;
  if (r[SENT] === r[COUNT]) return board;
  return orderAt(b, b[SENT_AT]) < orderAt(r, r[SENT_AT]) ? board : requests;
}
