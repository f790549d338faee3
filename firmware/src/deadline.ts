import type { Cancel, Clock } from "./platform.ts";

/**
 * One moment that moves with each step of what it watches over. The alarm behind it is only set anew
 * when the moment comes nearer; one that rings too early looks again later. So a busy connection
 * costs an alarm every few seconds and not one for each step.
 */
export class Deadline {
  #clock: Clock;
  #expired: () => void;
  #atMs = 0;
  #alarm: Cancel | undefined;
  #alarmMs = 0;

  constructor(clock: Clock, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  /** `ms` milliseconds from now, instead of what was said before. */
  within(ms: number): void {
    this.#atMs = this.#clock.now() + ms;
    if (this.#alarm !== undefined && this.#alarmMs <= this.#atMs) return;
    this.#alarm?.();
    this.#set(ms);
  }

  cancel(): void {
    this.#alarm?.();
    this.#alarm = undefined;
  }

  #set(ms: number): void {
    this.#alarmMs = this.#clock.now() + ms;
    this.#alarm = this.#clock.after(ms, () => {
      this.#alarm = undefined;
      const leftMs = this.#atMs - this.#clock.now();
      if (leftMs > 0) this.#set(leftMs);
      else this.#expired();
    });
  }
}
