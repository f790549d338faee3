import type { NativeSearch } from "../platform.ts";
import type { Keywords, Scan } from "./keywords.ts";
import type { Content, PipeEnd, PipeOutcome } from "./pipe.ts";

/**
 * Bytes of the one scratch buffer that every session of a proxy shares. Reading, inspecting and
 * writing one piece is synchronous, so one is enough. It holds a full segment (LWIP_TCP_MSS): what
 * is received in one piece is sent in one, and each write is a round trip to another task of the chip.
 */
export const SCRATCH_BYTES = 1436;

/**
 * Pieces smaller than the scratch buffer that may be on their way at once. Each is a segment of its own,
 * and lwIP queues as many as four send buffers have (TCP_SND_QUEUELEN: 8 in this build); one more, and the
 * connection is dead. What comes meanwhile gathers until it makes a large piece, or all is acknowledged.
 * Of large ones the send buffer has room for two (2872 bytes, sdkconfig).
 */
export const SMALL_WRITES_MAX = 4;

/** All bytes of a stream, until it ends or a keyword is found in it. Without keywords one object serves all pipes. */
export class RawStream implements Content {
  private scratch: Uint8Array;
  private keywords: Keywords | undefined;
  /** Keywords are looked for: there are some, and the stream is text so far. */
  private isSearched: boolean;
  /** Made for the first piece: where native pipes move the bytes, there is none. */
  declare private scan: Scan | undefined;

  constructor(scratch: Uint8Array, keywords?: Keywords) {
    this.scratch = scratch;
    this.keywords = keywords;
    this.isSearched = keywords !== undefined;
  }

  get search(): NativeSearch | undefined {
    return this.keywords?.native;
  }

  /**
   * There is no queue. Bytes that `to` cannot accept stay in the receive buffer of `from`, TCP closes that
   * window, and the sender slows down: no other backpressure is needed.
   *
   * The last byte of a keyword is the last one written. Where the search finds that the stream is no text, it ends.
   *
   * Each instruction here counts, because it is executed for each segment. So `read` and `write` of
   * the endpoint are inlined, and there is one `try` for all.
   */
  move(from: PipeEnd, to: PipeEnd): PipeOutcome | undefined {
    let count = from.readable;
    if (count === 0) return undefined;
    const scratch = this.scratch;
    let writing = false;
    try {
      while (count > 0) {
        if (count > to.writable) count = to.writable;
        let piece = scratch;
        if (count >= SCRATCH_BYTES) {
          count = SCRATCH_BYTES;
        } else {
          if (count === 0 || to.smallWrites >= SMALL_WRITES_MAX) break;
          piece = scratch.subarray(0, count);
          to.smallWrites++;
        }
        from.source.read(piece);
        from.readable -= count;
        if (from.passed === 0) from.onFirstBytes();
        if (this.isSearched) {
          this.scan ??= this.keywords!.scan();
          const scan = this.scan;
          count = scan.next(piece);
          if (scan.found !== undefined) {
            if (scan.found !== "binary") {
              from.passed += count;
              if (piece !== scratch) to.smallWrites--; // `write` counts it again
              to.write(piece.subarray(0, count));
              from.unread(piece.subarray(count));
              return "found";
            }
            this.isSearched = false;
            from.onBinary();
          }
        }
        from.passed += count;
        to.writable -= count;
        writing = true;
        if (to.socket.write(piece) === undefined) {
          to.failing();
          return "to-error";
        }
        writing = false;
        count = from.readable;
      }
    } catch (error) {
      if (writing) {
        to.failing();
        return "to-error";
      }
      from.failed(error);
    }
    return undefined;
  }
}
