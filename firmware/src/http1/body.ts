import { ChunkedBody } from "./chunked-body.ts";
import type { Framing } from "./framing.ts";

/** Takes a body out of its pieces. */
export interface BodyReader {
  readonly done: boolean;
  /** The delimiters are not what they must be, or the body is too large. */
  readonly broken?: boolean;
  readonly tooLarge?: boolean;
  /** Bytes that may be read at once, as far as is known; 0 from the end of the body on. */
  readonly wanted: number;
  /** Bytes of the last piece that do not belong to the body: to the next message, or to none. */
  readonly excess?: number;
  /**
   * Brings the body's bytes to the front of `piece`, over the delimiters, and returns their count. The
   * piece must be no longer than `wanted`.
   */
  decode(piece: Uint8Array): number;
  /** The sender has closed: ends a close-delimited body; no effect on others. */
  closed(): void;
}

/** Chunks that would make the body longer than `lengthMax` are not read. */
export function bodyReader(framing: Framing, lengthMax = Number.MAX_SAFE_INTEGER): BodyReader {
  if (framing === "none" || framing === 0) return NO_BODY;
  if (framing === "chunked") return new ChunkedBody(lengthMax);
  return new PlainBody(framing === "close" ? ENDLESS : framing);
}

/** The bytes of the body in `piece`, which may be longer than `wanted`; what is behind them is dropped. */
export function bodyBytes(body: BodyReader, piece: Uint8Array): Uint8Array {
  const { wanted } = body;
  const part = piece.byteLength > wanted ? piece.subarray(0, wanted) : piece;
  if (wanted === 0) return part;
  return part.subarray(0, body.decode(part));
}

/** More than any length that a head can declare. */
const ENDLESS = Number.MAX_SAFE_INTEGER;

/** A body of this many bytes, or until the sender closes. */
class PlainBody implements BodyReader {
  done: boolean;
  wanted: number;

  constructor(length: number) {
    this.wanted = length;
    this.done = length === 0;
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

/** The body of a request that was not understood, which may have no end. Not to be read. */
export const UNKNOWN_BODY: BodyReader = Object.freeze(new PlainBody(ENDLESS));
