import type { Cancel, Clock } from "../platform.ts";

/** An object with a deadline. */
export interface Timed {
  /** Milliseconds since boot; `Infinity` for none. Set by `Deadlines` only. */
  deadlineMs: number;
  /** Called when the deadline has passed. */
  expired(): void;
  /** Called when `expired` threw. */
  failed(error: unknown): void;
}

/**
 * Deadlines of many objects on one timer, so that a deadline costs no more than a number. Moving a deadline is cheap:
 * the timer is set again only when the earliest deadline comes nearer, and re-arms itself when it fires too early. The
 * objects are few enough to search all of them.
 */
export class Deadlines {
  #clock: Clock;
  #timed: Timed[] = [];
  #alarm: Cancel | undefined;
  #alarmMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces the deadline: `expired()` is called `ms` milliseconds from now. */
  setDeadline(timed: Timed, ms: number): void {
    if (timed.deadlineMs === Number.POSITIVE_INFINITY) this.#timed.push(timed);
    timed.deadlineMs = this.#clock.now() + ms;
    if (timed.deadlineMs < this.#alarmMs) this.#setAlarm(timed.deadlineMs, ms);
  }

  cancel(timed: Timed): void {
    if (timed.deadlineMs === Number.POSITIVE_INFINITY) return;
    timed.deadlineMs = Number.POSITIVE_INFINITY;
    this.#timed.splice(this.#timed.indexOf(timed), 1);
    if (this.#timed.length === 0) this.#cancelAlarm();
  }

  #setAlarm(atMs: number, ms: number): void {
    this.#cancelAlarm();
    this.#alarmMs = atMs;
    this.#alarm = this.#clock.after(ms, () => this.#ring());
  }

  #cancelAlarm(): void {
    this.#alarm?.();
    this.#alarm = undefined;
    this.#alarmMs = Number.POSITIVE_INFINITY;
  }

  #ring(): void {
    this.#cancelAlarm();
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const leftMs = next.deadlineMs - this.#clock.now();
      if (leftMs > 0) {
        this.#setAlarm(next.deadlineMs, leftMs);
        return;
      }
      this.cancel(next);
      try {
        next.expired();
      } catch (error) {
        next.failed(error);
      }
    }
  }

  /** The object with the earliest deadline. */
  #next(): Timed | undefined {
    let next: Timed | undefined;
    for (const timed of this.#timed) {
      if (next === undefined || timed.deadlineMs < next.deadlineMs) next = timed;
    }
    return next;
  }
}
