import type { Report } from "../log/event.ts";
import {
  BYTES_PER_MS,
  CHECK_MIN_MS,
  MEMORY_RESERVE_BYTES,
  MEMORY_SHED_BYTES,
} from "../net/memory-reserve.ts";
import type { Cancel, Platform } from "../platform.ts";

/** The longest time between two checks: not only sessions take memory. */
const CHECK_MAX_MS = 1000;

/** Maximum memory of a session: its sockets' buffers both ways, full of small pieces (`memory-plan.test.ts`). */
export const SESSION_BYTES_MAX = 25_662;

/** Holds memory, and can give some back. */
export interface MemoryUsers {
  readonly sessions: number;
  /** Closes idle connections to backends. */
  closeIdle(): void;
  /** Ends the session that holds most; false when there is none. */
  shed(): boolean;
}

/**
 * Keeps the machine from running out of memory. Each session may fill its sockets' buffers both ways when
 * its peers stop reading, and all of them together are larger than the chip's memory: the memory plan in
 * `firmware/README.md` says how many sessions it supports then.
 */
export class MemoryGuard {
  /** Sessions that were ended for want of memory. */
  shed = 0;
  /** Less than the reserve was free at the last check: only the checks set it, so a burst between two checks refuses no client. */
  low = false;
  #platform: Platform;
  #report: Report;
  #users: MemoryUsers;
  #timer: Cancel | undefined;
  /** When memory is checked next; `Infinity` while it is not watched. */
  #checkMs = Number.POSITIVE_INFINITY;

  constructor(platform: Platform, report: Report, users: MemoryUsers) {
    this.#platform = platform;
    this.#report = report;
    this.#users = users;
  }

  /** Checks free memory while there are sessions: the sooner, the less is left. */
  watch(): void {
    // Not checked since the last session ended, whose memory was freed later.
    if (this.low && this.#checkMs === Number.POSITIVE_INFINITY) this.#compare();
    const free = this.#free;
    if (free !== undefined) this.#checkWithin(this.#pauseMs(free));
  }

  /** No session is left. */
  stopWatching(): void {
    this.#timer?.();
    this.#checkMs = Number.POSITIVE_INFINITY;
    this.#compare();
  }

  /** `undefined` where the machine gives no limit. */
  get #free(): number | undefined {
    return this.#platform.vitals.freeHeapBytes;
  }

  /** How long the sessions need at least to fill the memory above the reserve. */
  #pauseMs(free: number): number {
    const spare = free - MEMORY_RESERVE_BYTES;
    if (spare >= this.#users.sessions * SESSION_BYTES_MAX) return CHECK_MAX_MS;
    return Math.max(CHECK_MIN_MS, Math.round(spare / BYTES_PER_MS));
  }

  #checkWithin(ms: number): void {
    const { clock } = this.#platform;
    const atMs = clock.now() + ms;
    if (atMs >= this.#checkMs) return;
    this.#timer?.();
    this.#checkMs = atMs;
    this.#timer = clock.after(ms, this.#check);
  }

  #check = () => {
    this.#checkMs = Number.POSITIVE_INFINITY;
    this.#compare();
    if (this.low) {
      this.#users.closeIdle();
      // One at a time: its memory is freed when its last bytes are acknowledged or given up.
      if (this.#free! < MEMORY_SHED_BYTES && this.#users.shed()) this.shed++;
    }
    if (this.#users.sessions > 0) this.watch();
  };

  #compare(): void {
    const free = this.#free;
    if (free === undefined) return;
    const low = free < MEMORY_RESERVE_BYTES;
    if (low === this.low) return;
    this.low = low;
    const level = low ? "W" : "I";
    this.#report({ level, on: "proxy", what: low ? "memory-low" : "memory-ok", free });
  }
}
