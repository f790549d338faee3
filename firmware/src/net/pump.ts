import type { Scan } from "./keywords.ts";

/**
 * Bytes of the one scratch buffer that every session of a proxy shares. Reading, inspecting and
 * writing one piece is synchronous, so one is enough. It holds a full segment (LWIP_TCP_MSS): what
 * is received in one piece is sent in one, and each write is a round trip to another task of the chip.
 */
export const SCRATCH_BYTES = 1436;

/** One side of a pump: `readable` bytes wait to be read, `writable` bytes can be written without a throw. */
export interface PumpSide {
  readable: number;
  writable: number;
  /** Bytes from here that were passed on. */
  passed: number;
  /** Small writes since the peer had acknowledged everything. */
  smallWrites: number;
  /** Only large pieces may be written: too many small ones are in flight. */
  readonly sendQueueFull: boolean;
  /** Looks for keywords in the bytes from here. */
  scan: Scan | undefined;
  readonly source: { read(view: Uint8Array): unknown };
  readonly socket: { write(bytes: Uint8Array): unknown };
  /** Writes `view`, which must not be longer than `writable`. */
  write(view: Uint8Array): void;
  /** The first bytes from here are about to be passed on. */
  onFirstBytes(): void;
  /** The bytes from here are no text. */
  onBinary(): void;
  /** A keyword was found in the bytes from here: they are no longer passed on. */
  part(): void;
  /** A write here has failed. */
  failing(): void;
  /** A bug threw. */
  failed(error: unknown): void;
}

/**
 * Moves what `from` has to `to`, as far as both counts reach, and counts it in `from.passed`.
 *
 * There is no queue. Bytes that `to` cannot accept stay in the receive buffer of `from`, TCP closes that
 * window, and the sender slows down: no other backpressure is needed.
 *
 * Where `from.scan` finds a keyword, its last byte is the last one written: look at `scan.found`. Where it
 * finds that the stream is no text, the search ends.
 *
 * Each instruction here counts, because it is executed for each segment. So `read` and `write` of
 * the endpoint are inlined, and there is one `try` for all.
 */
export function pump(from: PumpSide, to: PumpSide, scratch: Uint8Array): void {
  let writing = false;
  try {
    let count = from.readable;
    while (count > 0) {
      if (count > to.writable) count = to.writable;
      let piece = scratch;
      if (count >= SCRATCH_BYTES) {
        count = SCRATCH_BYTES;
      } else {
        if (count === 0 || to.sendQueueFull) return;
        piece = scratch.subarray(0, count);
        to.smallWrites++;
      }
      from.source.read(piece);
      from.readable -= count;
      if (from.passed === 0) from.onFirstBytes();
      const scan = from.scan;
      if (scan !== undefined) {
        count = scan.next(piece);
        if (scan.found !== undefined) {
          if (scan.found !== "binary") {
            from.passed += count;
            if (piece !== scratch) to.smallWrites--; // `write` counts it again
            to.write(piece.subarray(0, count));
            from.part();
            return;
          }
          from.scan = undefined;
          from.onBinary();
        }
      }
      from.passed += count;
      to.writable -= count;
      writing = true;
      if (to.socket.write(piece) === undefined) to.failing();
      writing = false;
      count = from.readable;
    }
  } catch (error) {
    if (writing) to.failing();
    else from.failed(error);
  }
}
