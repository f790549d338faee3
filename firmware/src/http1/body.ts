import type { Content, PipeEnd, PipeOutcome } from "../net/pipe.ts";
import type { NativeFraming } from "../platform.ts";
import { CHUNK_BEFORE, CHUNK_BEHIND, LAST_CHUNK, wrapChunk } from "./chunk-writer.ts";

/**
 * The body of a message. It takes the body out of its pieces (`decode`), and as the content of a pipe frames it
 * anew: in chunks of our own where `toFraming` says so.
 */
export abstract class Body implements Content {
  abstract readonly done: boolean;
  /** Bytes that may be read at once, as far as is known; 0 from the end of the body or a fault on. */
  abstract wanted: number;
  /** Bytes of the last piece that do not belong to the body: to the next message, or to none. */
  declare readonly excess?: number;
  /** Set before a pipe moves the body. */
  declare toFraming?: NativeFraming;
  /** For one piece on its way through a pipe. */
  readonly scratch: Uint8Array | undefined;

  /** `scratch` is needed for pipes only. */
  constructor(scratch?: Uint8Array) {
    this.scratch = scratch;
  }

  /** The delimiters are not what they must be, or the body is too large. */
  get broken(): boolean {
    return this.wanted === 0 && !this.done;
  }

  get bytes(): number | undefined {
    return undefined;
  }

  get fromFraming(): NativeFraming | undefined {
    return undefined;
  }

  /** The end of the sender's stream ends the body. */
  get endsWithStream(): boolean {
    return false;
  }

  /** The sender has announced more than it may send. */
  get tooLarge(): boolean {
    return false;
  }

  /**
   * Brings the body's bytes to the front of `piece`, over the delimiters, and returns their count. The
   * piece must be no longer than `wanted`.
   */
  abstract decode(piece: Uint8Array): number;
  /** The sender has closed: ends a close-delimited body; no effect on others. */
  closed(): void {}

  /**
   * As with raw TCP there is no queue: what `to` cannot take stays in the receive buffer of `from`. The steps are in one
   * function because each piece goes through it: read, decode, wrap, write.
   */
  move(from: PipeEnd, to: PipeEnd): PipeOutcome | undefined {
    const scratch = this.scratch!;
    const chunked = this.toFraming !== undefined;
    const start = chunked ? CHUNK_BEFORE : 0;
    const around = chunked ? CHUNK_BEFORE + CHUNK_BEHIND : 0;
    const countMax = scratch.byteLength - around;
    try {
      while (this.wanted > 0) {
        let count = from.readable;
        const room = to.writable - around;
        if (count > room) count = room;
        if (count > this.wanted) count = this.wanted;
        if (count >= countMax) count = countMax;
        else if (count <= 0 || to.sendQueueFull) break; // small pieces have to wait, see `SMALL_WRITES_MAX`
        const piece =
          count === scratch.byteLength ? scratch : scratch.subarray(start, start + count);
        from.source.read(piece);
        from.readable -= count;
        const length = this.decode(piece);
        if (length < count && this.excess) from.unread(piece.subarray(count - this.excess));
        from.passed += length;
        if (chunked) {
          if (length > 0) to.write(wrapChunk(scratch, length, this.done));
          else if (this.done) to.write(LAST_CHUNK);
        } else if (length > 0) {
          to.write(length === count ? piece : piece.subarray(0, length));
        }
      }
    } catch (error) {
      from.failed(error);
      return undefined;
    }
    if (to.writeClosed) return "to-error";
    if (this.wanted > 0) return undefined;
    if (this.done) return "done";
    return this.tooLarge ? "too-large" : "bad-framing";
  }

  end(to: PipeEnd): PipeOutcome | undefined {
    if (!this.endsWithStream || this.toFraming === undefined) return "end";
    if (to.writeClosed) return "to-error";
    if (to.writable < LAST_CHUNK.byteLength || to.sendQueueFull) return undefined;
    to.write(LAST_CHUNK);
    return "end";
  }
}

/** The bytes of the body in `piece`, which may be longer than `wanted`; what is behind them is dropped. */
export function bodyBytes(body: Body, piece: Uint8Array): Uint8Array {
  const { wanted } = body;
  const part = piece.byteLength > wanted ? piece.subarray(0, wanted) : piece;
  if (wanted === 0) return part;
  return part.subarray(0, body.decode(part));
}

/** More than any length that a head can declare. */
export const ENDLESS = Number.MAX_SAFE_INTEGER;

/** A body of `wanted` bytes; of `ENDLESS` ones: until the sender closes. */
export class PlainBody extends Body {
  wanted: number;

  constructor(length: number, scratch?: Uint8Array) {
    super(scratch);
    this.wanted = length;
  }

  get done(): boolean {
    return this.wanted === 0;
  }

  override get endsWithStream(): boolean {
    return this.wanted === ENDLESS;
  }

  override get bytes(): number | undefined {
    return this.wanted === ENDLESS ? undefined : this.wanted;
  }

  decode({ byteLength }: Uint8Array): number {
    if (this.wanted !== ENDLESS) this.wanted -= byteLength;
    return byteLength;
  }

  override closed(): void {
    if (this.wanted === ENDLESS) this.wanted = 0;
  }
}

/** A message without a body, or with one of no bytes. All such messages share it: it never changes. */
export const NO_BODY: Body = Object.freeze(new PlainBody(0));

/** A body of which every byte has been passed on. */
export const SENT_BODY: Body = Object.freeze(new PlainBody(0));

/** The body of a request that was not understood, which may have no end. Not to be read. */
export const UNKNOWN_BODY: Body = Object.freeze(new PlainBody(ENDLESS));
