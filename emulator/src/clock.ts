import { performance } from "node:perf_hooks";

/** Cancels a task that has not run yet. */
export type Cancel = () => void;

/** The emulator's time: real, or moved by a test. */
export interface Clock {
  /** Milliseconds since the clock was made; never goes back. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now; 0 is "as soon as the current one has ended". */
  after(ms: number, task: () => void): Cancel;
}

/** The computer's time. */
export class RealClock implements Clock {
  #start = performance.now();

  now(): number {
    return performance.now() - this.#start;
  }

  after(ms: number, task: () => void): Cancel {
    if (ms <= 0) {
      const immediate = setImmediate(task);
      return () => clearImmediate(immediate);
    }
    const timeout = setTimeout(task, ms);
    return () => clearTimeout(timeout);
  }
}

interface Alarm {
  readonly at: number;
  readonly order: number;
  task: (() => void) | undefined;
}

/**
 * A nanosecond, the shortest delay: a delay that is lost in rounding would make a program
 * that waits for the rest of a period wait forever.
 */
const LEAST_MS = 1e-6;

/** With fewer alarms than this, cancelled ones are not removed. */
const CLEAN_FROM = 256;

/**
 * Virtual time: it advances only in `run`, from alarm to alarm. Alarms of one instant ring in the order in
 * which they were set.
 */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  /** A binary heap, the earliest first. Cancelled alarms stay until they are most of it. */
  #heap: Alarm[] = [];
  #pending = 0;

  now(): number {
    return this.#now;
  }

  /** Alarms that are set and have not rung. */
  get pending(): number {
    return this.#pending;
  }

  after(ms: number, task: () => void): Cancel {
    const at = ms > 0 ? this.#now + Math.max(ms, LEAST_MS) : this.#now;
    const alarm: Alarm = { at, order: this.#order++, task };
    this.#pending++;
    this.#push(alarm);
    return () => {
      if (alarm.task === undefined) return;
      alarm.task = undefined;
      this.#pending--;
      if (this.#heap.length > CLEAN_FROM && this.#heap.length > 2 * this.#pending) this.#clean();
    };
  }

  /**
   * Rings alarms in order until `until` holds, none is left before `ms` from now, or none is left at
   * all. Between alarms Node's own queues run empty, so that streams catch up. Returns whether
   * `until` holds; without it, whether no alarm is left.
   */
  async run({
    until,
    ms = Infinity,
  }: {
    until?: () => boolean;
    ms?: number;
  } = {}): Promise<boolean> {
    const end = this.#now + ms;
    await settled();
    while (!until?.()) {
      const alarm = this.#heap[0];
      if (alarm === undefined || alarm.at > end) {
        if (Number.isFinite(end)) this.#now = end;
        return until === undefined && this.#pending === 0;
      }
      this.#pop();
      if (alarm.task === undefined) continue;
      const { task } = alarm;
      alarm.task = undefined;
      this.#pending--;
      this.#now = alarm.at;
      task();
      await settled();
    }
    return true;
  }

  /** Removes the cancelled alarms. A sorted list is a heap. */
  #clean(): void {
    this.#heap = this.#heap
      .filter(({ task }) => task !== undefined)
      .sort((a, b) => (before(a, b) ? -1 : 1));
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let child = heap.length;
    heap.push(alarm);
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child], heap[parent])) return;
      [heap[child], heap[parent]] = [heap[parent], heap[child]];
      child = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    let parent = 0;
    for (;;) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && before(heap[child], heap[least])) least = child;
      }
      if (least === parent) return;
      [heap[parent], heap[least]] = [heap[least], heap[parent]];
      parent = least;
    }
  }
}

function before(a: Alarm, b: Alarm): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** Resolves when Node's queues of ticks and promise jobs are empty. */
function settled(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
