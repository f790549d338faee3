import type { Endpoint } from "../net/endpoint.ts";
import type { BodyReader } from "./body.ts";
import { CHUNK_BEFORE, CHUNK_BEHIND, LAST_CHUNK, wrapChunk } from "./chunked-body.ts";

/**
 * Moves a body from one endpoint to another as far as it goes, and frames it anew: in chunks of our
 * own where `chunked` says so. Returns the bytes of body that were written.
 *
 * As with raw TCP there is no queue: what `to` cannot take stays in the receive buffer of `from`. The steps are in one
 * function because each piece goes through it: read, decode, wrap, write.
 */
export function relay(
  from: Endpoint,
  to: Endpoint,
  scratch: Uint8Array,
  body: BodyReader,
  chunked: boolean,
): number {
  const start = chunked ? CHUNK_BEFORE : 0;
  const around = chunked ? CHUNK_BEFORE + CHUNK_BEHIND : 0;
  const countMax = scratch.byteLength - around;
  let moved = 0;
  while (body.wanted > 0) {
    let count = from.readable;
    const room = to.writable - around;
    if (count > room) count = room;
    if (count > body.wanted) count = body.wanted;
    if (count >= countMax) count = countMax;
    else if (count <= 0 || to.sendQueueFull) break; // small pieces have to wait, see `SMALL_WRITES_MAX`
    const piece = count === scratch.byteLength ? scratch : scratch.subarray(start, start + count);
    from.read(piece);
    const length = body.decode(piece);
    if (length < count && body.excess) from.unread(piece.subarray(count - body.excess));
    if (length > 0) {
      if (chunked) to.write(wrapChunk(scratch, length));
      else to.write(length === count ? piece : piece.subarray(0, length));
      moved += length;
    }
    if (body.done && chunked) to.write(LAST_CHUNK);
  }
  return moved;
}

/** Writes what there is room for; returns the rest. */
export function send(to: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
  if (to.writeClosed) return undefined;
  const count = to.sendQueueFull ? 0 : Math.min(bytes.byteLength, to.writable);
  if (count === bytes.byteLength) {
    to.write(bytes);
    return undefined;
  }
  if (count > 0) to.write(bytes.subarray(0, count));
  return bytes.subarray(count);
}
