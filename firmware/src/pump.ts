import type { Endpoint } from "./endpoint.ts";
import type { Scan } from "./inspect/keywords.ts";

/**
 * Bytes of the one scratch buffer that every session of a proxy shares. Reading, inspecting and
 * writing one piece is synchronous, so one is enough; a kilobyte fits the chip and most segments.
 */
export const SCRATCH_BYTES = 1024;

/**
 * Moves what `from` has to `to`, as far as both counts and `bytesMax` reach. Returns the bytes
 * that were written.
 *
 * There is no queue. What `to` cannot take stays in the receive buffer of `from`, TCP closes that
 * window, and the sender slows down: this is all the backpressure we need.
 *
 * Where `scan` finds a keyword, its last byte is the last one written: look at `scan.found`.
 */
export function pump(
  from: Endpoint,
  to: Endpoint,
  scratch: Uint8Array,
  scan?: Scan,
  bytesMax = Number.MAX_SAFE_INTEGER,
): number {
  let moved = 0;
  for (;;) {
    const count = Math.min(from.readable, to.writable, scratch.byteLength, bytesMax - moved);
    if (count <= 0 || (to.crowded && count < scratch.byteLength)) return moved;
    let piece = count === scratch.byteLength ? scratch : scratch.subarray(0, count);
    from.read(piece);
    if (scan !== undefined) {
      const end = scan.next(piece);
      if (end < count) piece = piece.subarray(0, end);
    }
    to.write(piece);
    moved += piece.byteLength;
    if (scan?.found !== undefined) return moved;
  }
}
