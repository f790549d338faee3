import type { Stack } from "./stack.ts";

/**
 * Heap of a segment beside its payload: struct pbuf 16, room for the headers 76, struct tcp_seg 20, and
 * two of the allocator's headers; about.
 */
export const SEGMENT_OVERHEAD_BYTES = 120;

/**
 * What a connection has written, as lwIP keeps it until it is acknowledged: in segments, each of which
 * takes a full one of the heap however little is in it (LWIP_NETIF_TX_SINGLE_PBUF), and only so many.
 * Read from tcp_write in src/core/tcp_out.c of esp-lwip 2.1.3.
 */
export class Segments {
  #stack: Stack;
  /** Bytes in each, the oldest first. */
  #sizes: number[] = [];
  /** Bytes of the oldest that are acknowledged. */
  #acked = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** `inTail`: the last segment has not left yet and may be filled. False: no place, no memory. */
  add(bytes: number, inTail: boolean): boolean {
    const { segmentBytes, segmentsQueuedMax } = this.#stack.kind;
    const sizes = this.#sizes;
    if (sizes.length >= segmentsQueuedMax) return false;
    const last = sizes.length - 1;
    const room = inTail && last >= 0 ? segmentBytes - sizes[last] : 0;
    const filled = Math.min(bytes, room);
    const fresh = Math.ceil((bytes - filled) / segmentBytes);
    const heap = fresh * (segmentBytes + SEGMENT_OVERHEAD_BYTES);
    if (sizes.length + fresh > segmentsQueuedMax || !this.#stack.hasHeap(heap)) return false;
    this.#stack.hold(heap);
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
    this.#stack.hold(-count * (this.#stack.kind.segmentBytes + SEGMENT_OVERHEAD_BYTES));
  }
}
