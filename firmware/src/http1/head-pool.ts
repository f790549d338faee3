import { hasRoom } from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";
import { BUFFER_BYTES, Head, type HeadBuffers, type HeadLimits } from "./head.ts";
import { REWRITE_BYTES } from "./rewrite.ts";

/** Most spare heads, and most spare exchanges (proxy/exchange-pool.ts), of an ESP32: more are rarely in use at once. */
const SPARE_MAX = 2;

/** The same of a board with many connections, which serves several requests in one turn: one for each 32 connections. */
const SPARE_SHIFT = 5;

/** Most spare objects of a kind that each exchange needs. */
export function sparesMaxOf({ connectionsMax }: Pick<Platform, "connectionsMax">): number {
  return Math.max(SPARE_MAX, connectionsMax >> SPARE_SHIFT);
}

/**
 * Bytes of all long heads at once: what a single session may need by default. The memory plan in `firmware/README.md` says what is left beside
 * them; XS never gives memory back, so more would be lost until the restart.
 */
export const LONG_HEADS_BYTES = 29 * 1_024;

/** Buffers of a head's size that one session may hold: the head, a target changed by a route, the rewritten head. */
const SESSION_BUFFERS = 3;

/** Bytes of all long heads of a proxy, including those of previous configurations. */
export interface LongHeadMemory {
  heldBytes: number;
  readonly platform: Platform;
}

/**
 * A pool of heads: a head and its buffer are reused for one message after the other.
 *
 * Buffers of more than `BUFFER_BYTES` are taken only while all of them together stay within the bound and the
 * board has room; those up to it are in the memory plan of each session.
 */
export class HeadPool implements HeadBuffers {
  /** At least what one session may need. */
  readonly bytesMax: number;
  #limits: HeadLimits;
  #memory: LongHeadMemory;
  /** The first `spareCount` are spare: an array that shrinks and grows would be copied. */
  private spare: Head[] = [];
  private spareCount = 0;
  private sparesMax: number;

  constructor(limits: HeadLimits, memory: LongHeadMemory) {
    this.#limits = limits;
    this.#memory = memory;
    this.sparesMax = sparesMaxOf(memory.platform);
    const sessionBytes = SESSION_BUFFERS * (limits.headBytesMax + REWRITE_BYTES);
    this.bytesMax = Math.max(LONG_HEADS_BYTES, sessionBytes);
  }

  take(kind: "request" | "response"): Head {
    if (this.spareCount === 0) {
      return new Head(kind, this.#limits, this.#memory.platform, this);
    }
    const head = this.spare[--this.spareCount];
    head.isRequest = kind === "request";
    return head;
  }

  /** Returns a head to the pool; it must not be used any more. */
  give(head: Head): void {
    head.reset();
    if (this.spareCount < this.sparesMax) this.spare[this.spareCount++] = head;
  }

  claim(bytes: number): boolean {
    if (bytes <= BUFFER_BYTES) return true;
    const memory = this.#memory;
    if (memory.heldBytes + bytes > this.bytesMax || !hasRoom(memory.platform, bytes)) return false;
    memory.heldBytes += bytes;
    return true;
  }

  unclaim(bytes: number): void {
    if (bytes > BUFFER_BYTES) this.#memory.heldBytes -= bytes;
  }
}
