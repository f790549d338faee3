import type { BoardKind } from "../boards/kind.ts";
import { type Account, SEGMENT_OVERHEAD_BYTES } from "./account.ts";

/** The numbers of a board that a send queue needs. */
export type SegmentLimits = Pick<BoardKind, "segmentBytes" | "segmentsQueuedMax">;

/**
 * The bytes that a connection has written, as lwIP keeps them until they are acknowledged: in segments, each of which
 * takes a full one of the heap however little is in it (LWIP_NETIF_TX_SINGLE_PBUF), and only so many.
 * Read from tcp_write in src/core/tcp_out.c of esp-lwip 2.1.3.
 */
export class Segments {
  #limits: SegmentLimits;
  #account: Pick<Account, "hold" | "hasHeap">;
  /** Bytes in each, the oldest first. */
  #sizes: number[] = [];
  /** Acknowledged bytes of the oldest. */
  #acked = 0;

  constructor(limits: SegmentLimits, account: Pick<Account, "hold" | "hasHeap">) {
    this.#limits = limits;
    this.#account = account;
  }

  get count(): number {
    return this.#sizes.length;
  }

  /** `inTail`: the last segment has not left yet and may be filled. False: no place, no memory. */
  add(bytes: number, inTail: boolean): boolean {
    const { segmentBytes, segmentsQueuedMax } = this.#limits;
    const sizes = this.#sizes;
    if (sizes.length >= segmentsQueuedMax) return false;
    const last = sizes.length - 1;
    const room = inTail && last >= 0 ? segmentBytes - sizes[last] : 0;
    const filled = Math.min(bytes, room);
    const fresh = Math.ceil((bytes - filled) / segmentBytes);
    const heap = fresh * (segmentBytes + SEGMENT_OVERHEAD_BYTES);
    if (sizes.length + fresh > segmentsQueuedMax || !this.#account.hasHeap(heap)) return false;
    this.#account.hold(heap);
    if (filled > 0) sizes[last] += filled;
    for (let left = bytes - filled; left > 0; left -= segmentBytes) {
      sizes.push(Math.min(left, segmentBytes));
    }
    return true;
  }

  acked(bytes: number): void {
    this.#acked += bytes;
    let done = 0;
    while (done < this.#sizes.length && this.#sizes[done] <= this.#acked) {
      this.#acked -= this.#sizes[done++];
    }
    this.#free(done);
  }

  clear(): void {
    this.#free(this.#sizes.length);
  }

  #free(count: number): void {
    if (count === 0) return;
    this.#sizes.splice(0, count);
    this.#account.hold(-count * (this.#limits.segmentBytes + SEGMENT_OVERHEAD_BYTES));
  }
}
