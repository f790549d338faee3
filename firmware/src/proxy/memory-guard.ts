import type { Report } from "../log/event.ts";
import type { Deadlines, Timed } from "../net/deadlines.ts";
import {
  BYTES_PER_MS,
  CHECK_MIN_MS,
  MEMORY_RESERVE_BYTES,
  MEMORY_SHED_BYTES,
} from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";

/** The longest time between two checks: not only sessions take memory. */
const CHECK_MAX_MS = 1000;

/** Maximum memory of a session: its sockets' buffers both ways, full of small pieces (`memory-plan.test.ts`). */
export const SESSION_BYTES_MAX = 17_352;

/** Holds memory, and can give some back. */
export interface MemoryUsers {
  readonly sessions: number;
  /** Closes idle connections to backends. */
  closeIdle(): void;
  /** Refuses the client that came last of those that are held for a machine that sleeps; false when there is none. */
  refuseHeld(): boolean;
  /** Ends the session that holds most; false when there is none. */
  shed(): boolean;
}

/**
 * Keeps the board from running out of memory. Each session may fill its sockets' buffers both ways when
 * its peers stop reading, and all of them together are larger than the chip's memory: the memory plan in
 * `firmware/README.md` says how many sessions it supports then.
 */
export class MemoryGuard implements Timed {
  /** Sessions that were ended for want of memory. */
  shed = 0;
  /** Less than the reserve was free at the last check: only the checks set it, so a burst between two checks refuses no client. */
  low = false;
  #platform: Platform;
  #report: Report;
  #users: MemoryUsers;
  #deadlines: Deadlines;
  /** When memory is checked next. */
  deadlineMs = 0;
  place = -1;

  constructor(platform: Platform, report: Report, users: MemoryUsers, deadlines: Deadlines) {
    this.#platform = platform;
    this.#deadlines = deadlines;
    this.#report = report;
    this.#users = users;
  }

  /** Checks free memory while there are sessions: the sooner, the less is left. */
  watch(nowMs = this.#platform.clock.now()): void {
    // Not checked since the last session ended, whose memory was freed later.
    if (this.low && this.place < 0) this.compare();
    const free = this.free;
    if (free === undefined) return;
    const ms = this.pauseMs(free);
    if (this.place >= 0 && nowMs + ms >= this.deadlineMs) return;
    this.#deadlines.setDeadline(this, ms, nowMs);
  }

  /** `undefined` where the board gives no limit. */
  private get free(): number | undefined {
    return this.#platform.vitals.freeHeapBytes;
  }

  /** How long the sessions need at least to fill the memory above the reserve. */
  private pauseMs(free: number): number {
    const spare = free - MEMORY_RESERVE_BYTES;
    if (spare >= this.#users.sessions * SESSION_BYTES_MAX) return CHECK_MAX_MS;
    return Math.max(CHECK_MIN_MS, Math.round(spare / BYTES_PER_MS));
  }

  expired(): void {
    this.compare();
    if (this.low) {
      this.#users.closeIdle();
      // One at a time: its memory is freed when its last bytes are acknowledged or given up. A client that is held loses
      // nothing but its wait.
      if (!this.#users.refuseHeld() && this.free! < MEMORY_SHED_BYTES && this.#users.shed())
        this.shed++;
    }
    if (this.#users.sessions > 0) this.watch();
  }

  failed(error: unknown): void {
    this.#report({ level: "E", on: "proxy", what: "exception", error: exceptionText(error) });
  }

  /** Compares free memory with the reserve. */
  compare(): void {
    const free = this.free;
    if (free === undefined) return;
    const low = free < MEMORY_RESERVE_BYTES;
    if (low === this.low) return;
    this.low = low;
    const level = low ? "W" : "I";
    this.#report({ level, on: "proxy", what: low ? "memory-low" : "memory-ok", free });
  }
}
