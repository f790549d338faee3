import type { BoardKind } from "../boards/kind.ts";
import { type Account, SEGMENT_OVERHEAD_BYTES } from "./account.ts";

/** The numbers of a board that a send queue needs. */
export type SegmentLimits = Pick<BoardKind, "segmentBytes" | "segmentsQueuedMax">;

/** Memory of the last segment that is worth a copy of its bytes: TRIM_BYTES_MIN of firmware/native. */
export const TRIM_BYTES_MIN = 32;

/** A segment: its bytes, and its memory for them. */
interface Segment {
  bytes: number;
  capacity: number;
}

/**
 * The bytes that a connection has written, as lwIP keeps them until they are acknowledged: in segments, each of which
 * takes a full one of the heap however little is in it (LWIP_NETIF_TX_SINGLE_PBUF) until it is trimmed, and only so many.
 * Read from tcp_write in src/core/tcp_out.c of esp-lwip 2.1.3.
 */
export class Segments {
  #limits: SegmentLimits;
  #account: Pick<Account, "hold" | "hasHeap">;
  /** The oldest first. */
  #segments: Segment[] = [];
  /** Acknowledged bytes of the oldest. */
  #acked = 0;

  constructor(limits: SegmentLimits, account: Pick<Account, "hold" | "hasHeap">) {
    this.#limits = limits;
    this.#account = account;
  }

  get count(): number {
    return this.#segments.length;
  }

  /** `inTail`: the last segment has not left yet and may be filled. False: no place, no memory. */
  add(bytes: number, inTail: boolean): boolean {
    const { segmentBytes, segmentsQueuedMax } = this.#limits;
    const segments = this.#segments;
    if (segments.length >= segmentsQueuedMax) return false;
    const last = inTail ? segments[segments.length - 1] : undefined;
    const room = last === undefined ? 0 : last.capacity - last.bytes;
    const filled = Math.min(bytes, room);
    const fresh = Math.ceil((bytes - filled) / segmentBytes);
    const heap = fresh * (segmentBytes + SEGMENT_OVERHEAD_BYTES);
    if (segments.length + fresh > segmentsQueuedMax || !this.#account.hasHeap(heap)) return false;
    this.#account.hold(heap);
    if (last !== undefined) last.bytes += filled;
    for (let left = bytes - filled; left > 0; left -= segmentBytes) {
      segments.push({ bytes: Math.min(left, segmentBytes), capacity: segmentBytes });
    }
    return true;
  }

  /** The last segment leaves: it gives back the memory that it does not use. The firmware's own sockets have it so. */
  trim(): void {
    const last = this.#segments[this.#segments.length - 1];
    if (last === undefined || last.capacity - last.bytes < TRIM_BYTES_MIN) return;
    this.#account.hold(last.bytes - last.capacity);
    last.capacity = last.bytes;
  }

  acked(bytes: number): void {
    this.#acked += bytes;
    let done = 0;
    while (done < this.#segments.length && this.#segments[done].bytes <= this.#acked) {
      this.#acked -= this.#segments[done++].bytes;
    }
    this.#free(done);
  }

  clear(): void {
    this.#free(this.#segments.length);
  }

  #free(count: number): void {
    const segments = this.#segments;
    let heap = 0;
    for (let i = 0; i < count; i++) heap += segments[i].capacity + SEGMENT_OVERHEAD_BYTES;
    if (count === segments.length) segments.length = 0;
    else segments.splice(0, count);
    this.#account.hold(-heap);
  }
}
