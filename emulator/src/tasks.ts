import type { Clock } from "./clock.ts";

/** Something that waits in the event queue. */
export interface Message {
  deliver(): void;
}

/**
 * The event queue of the JavaScript task: events are posted, wait, and are delivered in order, never
 * inside somebody's call. A round serves what waited when it began.
 *
 * Read from build/devices/esp32/lib/main/main.c and xs/platforms/esp/xsHost.c @ 48ee02d. On the chip
 * a release build that posts into its own full queue waits for itself for ever, so a full queue ends
 * the board here too, by `onFatal` instead of silence.
 */
export class Tasks {
  #clock: Clock;
  #lengthMax: number;
  #onFatal: (reason: string, error?: unknown) => void;
  #queue: Message[] = [];
  #running = false;
  #scheduled = false;

  constructor(clock: Clock, lengthMax: number, onFatal: (reason: string, error?: unknown) => void) {
    this.#clock = clock;
    this.#lengthMax = lengthMax;
    this.#onFatal = onFatal;
  }

  post(message: Message): void {
    if (this.#queue.length >= this.#lengthMax) {
      this.#queue.length = 0;
      this.#onFatal(
        `event queue full: ${this.#lengthMax} events wait, nobody is left to serve them`,
      );
      return;
    }
    this.#queue.push(message);
    if (this.#running || this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(0, () => this.#run());
  }

  /** Forgets what waits: the board has lost its memory. */
  clear(): void {
    this.#queue.length = 0;
  }

  #run(): void {
    this.#scheduled = false;
    this.#running = true;
    try {
      while (this.#queue.length > 0) {
        const round = this.#queue;
        this.#queue = [];
        for (const message of round) message.deliver();
      }
    } catch (error) {
      this.#queue.length = 0;
      this.#onFatal("unhandled exception", error);
    } finally {
      this.#running = false;
    }
  }
}
