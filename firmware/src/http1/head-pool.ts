import { hasRoom } from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";
import { BUFFER_BYTES, Head, type HeadBuffers, type HeadLimits } from "./head.ts";
import { REWRITE_BYTES } from "./rewrite.ts";

/** Heads that are kept for the next message. More than so many are seldom read at once. */
const SPARE_MAX = 2;

/**
 * Bytes of all long heads at once, by the memory plan in `firmware/README.md`: of 76.2 KB for connections, 11.7 are
 * kept free and 31.2 are taken by connections whose peers read. XS never gives back what it has grown by, so
 * that more would be missing for ever.
 */
export const LONG_HEADS_BYTES = 33 * 1_024;

/** Buffers as long as a head that one session may hold: the head, its target where a route changes it, the head rewritten. */
const SESSION_BUFFERS = 3;

/** What the long heads of a proxy hold, those of earlier configurations included. */
export class LongHeadMemory {
  heldBytes = 0;
  readonly platform: Platform;

  constructor(platform: Platform) {
    this.platform = platform;
  }
}

/**
 * Heads to read into: one and its buffer serve one message after the other, whosever they are.
 *
 * Buffers of more than `BUFFER_BYTES` are taken only while all of them together stay within the bound and the
 * board has room; those up to it are in the memory plan of each session.
 */
export class HeadPool implements HeadBuffers {
  /** Never less than one session may need. */
  readonly bytesMax: number;
  #limits: HeadLimits;
  #memory: LongHeadMemory;
  #spare: Head[] = [];

  constructor(limits: HeadLimits, memory: LongHeadMemory) {
    this.#limits = limits;
    this.#memory = memory;
    const sessionBytes = SESSION_BUFFERS * (limits.headBytesMax + REWRITE_BYTES);
    this.bytesMax = Math.max(LONG_HEADS_BYTES, sessionBytes);
  }

  take(kind: "request" | "response"): Head {
    const head = this.#spare.pop();
    if (head === undefined) return new Head(kind, this.#limits, this);
    head.isRequest = kind === "request";
    return head;
  }

  /** Nobody may look into it any more. */
  give(head: Head): void {
    head.reset();
    if (this.#spare.length < SPARE_MAX) this.#spare.push(head);
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
