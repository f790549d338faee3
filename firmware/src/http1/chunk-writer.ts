import { CR, LF } from "../net/ascii-codes.ts";

/** Room that `wrapChunk` needs before the data, and behind it. */
export const CHUNK_BEFORE = 8;
export const CHUNK_BEHIND = 8;

/** The end of a chunked body. */
export const LAST_CHUNK = Uint8Array.of(48, CR, LF, CR, LF);

/**
 * Makes a chunk of `count` bytes of data, at least one, that lie in `buffer` from `CHUNK_BEFORE` on. With `last` the
 * end of the body follows.
 */
export function wrapChunk(buffer: Uint8Array, count: number, last = false): Uint8Array {
  let end = CHUNK_BEFORE + count;
  buffer[end++] = CR;
  buffer[end++] = LF;
  if (last) {
    buffer.set(LAST_CHUNK, end);
    end += LAST_CHUNK.byteLength;
  }
  let at = CHUNK_BEFORE;
  buffer[--at] = LF;
  buffer[--at] = CR;
  for (let size = count; size > 0; size >>>= 4) {
    const digit = size & 15;
    buffer[--at] = digit < 10 ? 48 + digit : 87 + digit;
  }
  return buffer.subarray(at, end);
}
