import type { Cancel, Clock } from "../platform.ts";

/** An object with a deadline. */
export interface Timed {
  /** Milliseconds since boot, while it has one. Set by `Deadlines` only, as is `place`. */
  deadlineMs: number;
  /** The index among the objects that have a deadline; -1: it has none. */
  place: number;
  /** Called when the deadline has passed. */
  expired(): void;
  /** Called when `expired` threw. */
  failed(error: unknown): void;
}

/**
 * Deadlines of many objects on one alarm of the clock, which is set again only for a deadline that is earlier than all others
 * before it. When it rings it looks for the earliest deadline of now, so to move or cancel one is a few stores. After the last
 * one was cancelled the alarm rings once more, for nothing: the next object finds it set, and sessions that follow each other
 * closely set no alarm at all. A deadline is exact to the millisecond of the clock.
 */
export class Deadlines {
  #clock: Clock;
  /** The first `#count` are in use: an array that shrinks and grows would be copied. */
  #timed: (Timed | undefined)[] = [];
  #count = 0;
  #alarm: Cancel | undefined;
  #alarmMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Replaces the deadline: `expired()` is called `ms` milliseconds from `nowMs`. */
  setDeadline(timed: Timed, ms: number, nowMs = this.#clock.now()): void {
    const atMs = nowMs + ms;
    timed.deadlineMs = atMs;
    if (timed.place < 0) {
      timed.place = this.#count;
      this.#timed[this.#count++] = timed;
    }
    if (atMs < this.#alarmMs) this.setAlarm(atMs, ms);
  }

  /** Removes the deadline, if there is one. */
  cancel(timed: Timed): void {
    const place = timed.place;
    if (place < 0) return;
    timed.place = -1;
    const last = this.#timed[--this.#count]!;
    this.#timed[this.#count] = undefined;
    if (last === timed) return;
    this.#timed[place] = last;
    last.place = place;
  }

  private setAlarm(atMs: number, ms: number): void {
    this.#alarm?.();
    this.#alarmMs = atMs;
    this.#alarm = this.#clock.after(ms, this.#ring);
  }

  #ring = (): void => {
    this.#alarm = undefined;
    this.#alarmMs = Number.POSITIVE_INFINITY;
    for (let next = this.next(); next !== undefined; next = this.next()) {
      const leftMs = next.deadlineMs - this.#clock.now();
      if (leftMs > 0) {
        if (next.deadlineMs < this.#alarmMs) this.setAlarm(next.deadlineMs, leftMs);
        return;
      }
      this.cancel(next);
      try {
        next.expired();
      } catch (error) {
        next.failed(error);
      }
    }
  };

  /** The object with the earliest deadline. */
  private next(): Timed | undefined {
    let next: Timed | undefined;
    for (let place = 0; place < this.#count; place++) {
      const timed = this.#timed[place]!;
      if (next === undefined || timed.deadlineMs < next.deadlineMs) next = timed;
    }
    return next;
  }
}
