/**
 * The functions that heads are written with: native/writer.c in TypeScript, for engines without it. They write at `at` into a
 * buffer that ends at `end`. As with C's `snprintf` nothing is written behind it, and the result is the end of all that was to be
 * written: more than `end` where it did not fit.
 */

import type { PutBytes, PutFields, PutTexts, PutValue } from "../platform.ts";
import {
  COUNT,
  LINE_END,
  LINE_START,
  NAME,
  RECORD_LENGTH,
  VALUE_END,
  VALUE_START,
} from "./head-layout.ts";

/** Writes texts of ASCII characters, one behind the other. */
export const putTexts: PutTexts = (to, at, end, one, two, three, four, five) => {
  const bytes = new Uint8Array(to);
  const behindTwo = putText(bytes, putText(bytes, at, end, one), end, two);
  const behindFour = putText(bytes, putText(bytes, behindTwo, end, three), end, four);
  return putText(bytes, behindFour, end, five);
};

/** Writes the bytes of `from` between `start` and `stop`. */
export const putBytes: PutBytes = (to, at, end, from, start, stop) =>
  putPart(new Uint8Array(to), at, end, from, start, stop);

/** Writes the value of a known field of the head in `from`, with a text before and one behind. */
export const putValue: PutValue = (to, at, end, before, from, positions, field, behind) => {
  const bytes = new Uint8Array(to);
  const words = new Uint16Array(positions);
  const record = field * RECORD_LENGTH;
  const start = words[VALUE_START + record];
  const stop = words[VALUE_END + record];
  const value = putText(bytes, at, end, before);
  return putText(bytes, putPart(bytes, value, end, from, start, stop), end, behind);
};

/**
 * Writes the bytes of `from` between `start` and `stop`, but for the lines of known fields whose name has its bit in `names`, or
 * whose index has its bit in `indexes`.
 */
export const putFields: PutFields = (to, at, end, from, start, stop, positions, names, indexes) => {
  const bytes = new Uint8Array(to);
  const words = new Uint16Array(positions);
  let written = at;
  let rest = start;
  for (let field = 0; field < words[COUNT]; field++) {
    const record = field * RECORD_LENGTH;
    const lineStart = words[LINE_START + record];
    const lineEnd = words[LINE_END + record];
    if ((((names >> words[NAME + record]) | (indexes >> field)) & 1) === 0) continue;
    if (lineStart < rest || lineEnd > stop) continue;
    written = putPart(bytes, written, end, from, rest, lineStart);
    rest = lineEnd;
  }
  return putPart(bytes, written, end, from, rest, stop);
};

function putText(bytes: Uint8Array, at: number, end: number, text: string): number {
  const count = text.length;
  if (at + count <= end) {
    for (let i = 0; i < count; i++) bytes[at + i] = text.charCodeAt(i);
  }
  return at + count;
}

function putPart(
  bytes: Uint8Array,
  at: number,
  end: number,
  from: ArrayBuffer,
  start: number,
  stop: number,
): number {
  const count = stop - start;
  if (at + count <= end) bytes.set(new Uint8Array(from, start, count), at);
  return at + count;
}
