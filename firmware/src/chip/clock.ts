import Time from "time";
import Timer from "timer";
import type { Cancel, Clock } from "../platform.ts";

/** First interval of the SDK's timer, which is suspended right after it was made. */
const NEVER_MS = 60_000;

/** The SDK's ticks are 32 bits wide and wrap after 24.8 days; `now` has to be called more often. */
const DAY_MS = 86_400_000;

interface Alarm {
  at: number;
  task: (() => void) | undefined;
  next: Alarm | undefined;
}

/**
 * Time on the chip: one SDK timer for all alarms, which are in a list, the earliest first. A timer for each socket
 * would cost a block of memory, and an entry in a list that the SDK walks at every turn.
 */
export class ChipClock implements Clock {
  /** The ticks at the last reading, and the time then. */
  #ticks = Time.ticks;
  #nowMs = 0;
  #first: Alarm | undefined;
  #onError: (error: unknown) => void;
  // Created with a repeat, because a timer without one is destroyed when it fires.
  #timer = Timer.set(() => this.ring(), NEVER_MS, NEVER_MS);

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
    Timer.schedule(this.#timer);
  }

  /** Reads the ticks once a day, so that `now` stays right if nothing calls it for weeks. */
  keepCounting(): void {
    this.after(DAY_MS, () => this.keepCounting());
  }

  now(): number {
    const ticks = Time.ticks;
    if (ticks !== this.#ticks) {
      this.#nowMs += (ticks - this.#ticks) | 0; // right across the wrap, because it is 32 bits wide, too
      this.#ticks = ticks;
    }
    return this.#nowMs;
  }

  after(ms: number, task: () => void): Cancel {
    const alarm: Alarm = { at: this.now() + ms, task, next: undefined };
    if (this.#first === undefined || alarm.at < this.#first.at) {
      alarm.next = this.#first;
      this.#first = alarm;
      this.schedule();
    } else {
      let before = this.#first;
      while (before.next !== undefined && before.next.at <= alarm.at) before = before.next;
      alarm.next = before.next;
      before.next = alarm;
    }
    return () => this.cancel(alarm);
  }

  private cancel(alarm: Alarm): void {
    if (alarm.task === undefined) return;
    alarm.task = undefined;
    if (this.#first === alarm) {
      this.#first = alarm.next;
      alarm.next = undefined;
      this.schedule();
      return;
    }
    let before = this.#first;
    while (before !== undefined && before.next !== alarm) before = before.next;
    if (before !== undefined) before.next = alarm.next;
    alarm.next = undefined;
  }

  private ring(): void {
    const now = this.now();
    while (this.#first !== undefined && this.#first.at <= now) {
      const first: Alarm = this.#first;
      const task = first.task;
      first.task = undefined;
      this.#first = first.next;
      first.next = undefined; // a session that keeps its `Cancel` would keep all later alarms
      try {
        task?.();
      } catch (error) {
        this.#onError(error); // an exception that leaves this callback reboots the chip
      }
    }
    this.schedule();
  }

  private schedule(): void {
    if (this.#first === undefined) {
      Timer.schedule(this.#timer);
      return;
    }
    const ms = Math.max(1, Math.ceil(this.#first.at - this.now()));
    Timer.schedule(this.#timer, ms, NEVER_MS);
  }
}
