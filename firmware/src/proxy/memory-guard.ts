import type { Report } from "../log/event.ts";
import {
  BYTES_PER_MS,
  LOOK_MIN_MS,
  MEMORY_RESERVE_BYTES,
  MEMORY_SHED_BYTES,
} from "../net/memory-reserve.ts";
import type { Cancel, Platform } from "../platform.ts";

/** The longest time between two looks, for what else may take memory. */
const LOOK_MAX_MS = 1000;

/** What a session can hold at most: its sockets' buffers both ways, full of small pieces (`README.md`). */
export const SESSION_BYTES_MAX = 22_104;

/** Who can give memory back. */
export interface MemoryUsers {
  readonly sessions: number;
  /** Lets go of what nobody would miss. */
  closeIdle(): void;
  /** Ends the session that holds most; false when there is none. */
  shed(): boolean;
}

/**
 * Keeps the machine from running out of memory. Each session may fill its sockets' buffers both ways when
 * its peers stop reading, and they hold more together than the chip has: the plan in `README.md` says how
 * many it carries then.
 */
export class MemoryGuard {
  /** Sessions that were ended for it. */
  shed = 0;
  #platform: Platform;
  #report: Report;
  #users: MemoryUsers;
  #low = false;
  #alarm: Cancel | undefined;
  /** When it rings. */
  #lookMs = Number.POSITIVE_INFINITY;

  constructor(platform: Platform, report: Report, users: MemoryUsers) {
    this.#platform = platform;
    this.#report = report;
    this.#users = users;
  }

  /** Too little was left when it was looked last: a burst that is served at once does no harm. */
  get low(): boolean {
    return this.#low;
  }

  /** Looks again and again, the sooner the less is left; seldom while it is enough for all. */
  watch(): void {
    // Nobody has looked since the last session ended, and what that held has come back later.
    if (this.#low && this.#lookMs === Number.POSITIVE_INFINITY) this.#judge();
    const free = this.#free;
    if (free !== undefined) this.#lookWithin(this.#pauseMs(free));
  }

  /** Nobody is left whom it could concern. */
  stopWatching(): void {
    this.#alarm?.();
    this.#lookMs = Number.POSITIVE_INFINITY;
    this.#judge();
  }

  /** `undefined` where memory has no limit that means anything. */
  get #free(): number | undefined {
    return this.#platform.vitals.freeHeapBytes;
  }

  /** How long nothing can go wrong. */
  #pauseMs(free: number): number {
    const spare = free - MEMORY_RESERVE_BYTES;
    if (spare >= this.#users.sessions * SESSION_BYTES_MAX) return LOOK_MAX_MS;
    return Math.max(LOOK_MIN_MS, Math.round(spare / BYTES_PER_MS));
  }

  #lookWithin(ms: number): void {
    const { clock } = this.#platform;
    const atMs = clock.now() + ms;
    if (atMs >= this.#lookMs) return;
    this.#alarm?.();
    this.#lookMs = atMs;
    this.#alarm = clock.after(ms, this.#ring);
  }

  #ring = () => {
    this.#lookMs = Number.POSITIVE_INFINITY;
    this.#judge();
    if (this.#low) {
      this.#users.closeIdle();
      // One at a look: what it held comes back when its last bytes are sent or forgotten.
      if (this.#free! < MEMORY_SHED_BYTES && this.#users.shed()) this.shed++;
    }
    if (this.#users.sessions > 0) this.watch();
  };

  #judge(): void {
    const free = this.#free;
    if (free === undefined) return;
    const low = free < MEMORY_RESERVE_BYTES;
    if (low === this.#low) return;
    this.#low = low;
    const level = low ? "W" : "I";
    this.#report({ level, on: "proxy", what: low ? "memory-low" : "memory-ok", free });
  }
}
