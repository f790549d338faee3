import type { Clock } from "./clock.ts";

interface Alarm {
  at: number;
  order: number;
  task: () => void;
}

/** The smallest clock that stands still until told: for tests of this package, which imports none. */
export class StillClock implements Clock {
  #now = 0;
  #order = 0;
  #alarms: Alarm[] = [];

  now(): number {
    return this.#now;
  }

  get pending(): number {
    return this.#alarms.length;
  }

  after(ms: number, task: () => void): () => void {
    const alarm = { at: this.#now + ms, order: this.#order++, task };
    // Most alarms are set in order: look from the end.
    let place = this.#alarms.length;
    while (place > 0 && this.#alarms[place - 1].at > alarm.at) place--;
    this.#alarms.splice(place, 0, alarm);
    return () => {
      const at = this.#alarms.indexOf(alarm);
      if (at >= 0) this.#alarms.splice(at, 1);
    };
  }

  /** Rings every alarm, those that they set included. */
  async run(): Promise<void> {
    await drained();
    for (let alarm = this.#alarms.shift(); alarm; alarm = this.#alarms.shift()) {
      this.#now = alarm.at;
      alarm.task();
      await drained();
    }
  }
}

function drained(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
