import type { Cancel, Clock } from "../platform.ts";

/** Someone whose time may run out. */
export interface Timed {
  /** In milliseconds since boot; `Infinity` while there is none. Only `Deadlines` sets it. */
  deadlineMs: number;
  /** The time is up. */
  expired(): void;
  /** A bug threw in there. */
  failed(error: unknown): void;
}

/**
 * The deadlines of many, with one alarm for all: each costs no more than its number. A deadline may
 * move with each step of what it watches over, because the alarm is only set anew when one comes
 * nearer; one that rings too early looks again later. They are few enough to look at all.
 */
export class Deadlines {
  #clock: Clock;
  #timed: Timed[] = [];
  #alarm: Cancel | undefined;
  #alarmMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `ms` milliseconds from now, instead of what was said before. */
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

  /** Whose deadline is the nearest. */
  #next(): Timed | undefined {
    let next: Timed | undefined;
    for (const timed of this.#timed) {
      if (next === undefined || timed.deadlineMs < next.deadlineMs) next = timed;
    }
    return next;
  }
}
