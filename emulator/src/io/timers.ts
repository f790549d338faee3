import type { Cancel, Clock } from "../clock.ts";

/** lwIP's two timers: the slow one turns at every second turn of the fast one (TCP_SLOW_INTERVAL). */
export class LwipTimers {
  #clock: Clock;
  #fastMs: number;

  constructor(clock: Clock, fastMs: number) {
    this.#clock = clock;
    this.#fastMs = fastMs;
  }

  /** Runs `task` at the next turn of the fast timer. */
  atFastTimer(task: () => void): Cancel {
    return this.#clock.after(this.#fastMs - (this.#clock.now() % this.#fastMs), task);
  }

  /** Runs `task` at the first turn of the slow timer after `ms`, which may be in the past. */
  atSlowTimer(ms: number, task: () => void): Cancel {
    return this.#clock.after(this.slowTurnAfter(ms) - this.#clock.now(), task);
  }

  /** Turns of the slow timer until `ms`. */
  slowTurnsAt(ms: number): number {
    return Math.floor(ms / this.#slowMs);
  }

  /** The first turn of the slow timer after `ms` that is not over yet. */
  slowTurnAfter(ms: number): number {
    return (this.slowTurnsAt(Math.max(ms, this.#clock.now())) + 1) * this.#slowMs;
  }

  get #slowMs(): number {
    return 2 * this.#fastMs;
  }
}
