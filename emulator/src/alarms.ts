import type { Cancel, Clock } from "./clock.ts";
import type { Tasks } from "./tasks.ts";

/** The alarms of one program: they wait while the task is busy, and are dropped at the end of the program. */
export class Alarms {
  #clock: Clock;
  #tasks: Tasks;
  #set = new Set<Cancel>();

  constructor(clock: Clock, tasks: Tasks) {
    this.#clock = clock;
    this.#tasks = tasks;
  }

  /** Alarms that are set and have not rung. */
  get size(): number {
    return this.#set.size;
  }

  after(ms: number, task: () => void): Cancel {
    const ring = () => {
      if (this.#tasks.busyMs > 0) {
        waiting = this.#clock.after(this.#tasks.busyMs, ring);
        return;
      }
      this.#set.delete(cancel);
      task();
    };
    let waiting = this.#clock.after(ms, ring);
    const cancel = () => {
      this.#set.delete(cancel);
      waiting();
    };
    this.#set.add(cancel);
    return cancel;
  }

  /** Runs `task` at once, or when the JavaScript task is no longer stalled. */
  whenFree(task: () => void): void {
    if (this.#tasks.busyMs > 0) this.after(0, task);
    else task();
  }

  clear(): void {
    for (const cancel of this.#set) cancel();
    this.#set.clear();
  }
}
