import type { Cancel, Clock } from "./clock.ts";

/** An entry of the event queue, in it at most once at a time. */
export interface Message {
  /** The next entry; set by the queue. */
  next: Message | undefined;
  deliver(): void;
}

/**
 * The event queue of the JavaScript task: events are posted, wait, and are delivered in order, never
 * inside a call of the program.
 *
 * Read from build/devices/esp32/lib/main/main.c and xs/platforms/esp/xsHost.c @ 48ee02d. On the chip
 * a release build that posts into its own full queue waits for itself forever, so a full queue ends
 * the board here too, by `onFatal` instead of silence.
 */
export class Tasks {
  #clock: Clock;
  #lengthMax: number;
  #onFatal: (reason: string, error?: unknown) => void;
  /** A list through the messages themselves: a busy board posts hundreds of thousands a second. */
  #first: Message | undefined;
  #last: Message | undefined;
  #length = 0;
  #scheduled: Cancel | undefined;
  /** Until then the task is stalled: no event is delivered. */
  #busyUntilMs = 0;

  constructor(clock: Clock, lengthMax: number, onFatal: (reason: string, error?: unknown) => void) {
    this.#clock = clock;
    this.#lengthMax = lengthMax;
    this.#onFatal = onFatal;
  }

  /** Stalls the task for `ms` from now; a longer stall in progress stays. */
  stall(ms: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#clock.now() + ms);
  }

  /** The rest of the stall, in ms. */
  get busyMs(): number {
    if (this.#busyUntilMs === 0) return 0; // without a look at the clock: it is asked before each event
    const ms = this.#busyUntilMs - this.#clock.now();
    if (ms > 0) return ms;
    this.#busyUntilMs = 0;
    return 0;
  }

  /** Posts from an interrupt, which cannot wait: false when a full queue has dropped it. */
  offer(message: Message): boolean {
    if (this.#length >= this.#lengthMax) return false;
    this.post(message);
    return true;
  }

  post(message: Message): void {
    if (this.#length >= this.#lengthMax) {
      this.clear();
      this.#onFatal(`event queue full: ${this.#lengthMax} events wait, and none is being served`);
      return;
    }
    this.#length++;
    if (this.#last === undefined) this.#first = message;
    else this.#last.next = message;
    this.#last = message;
    if (this.#scheduled === undefined) this.#schedule();
  }

  /** Drops all entries: the board has lost its memory. */
  clear(): void {
    while (this.#take() !== undefined);
    this.#busyUntilMs = 0;
    this.#scheduled?.();
    this.#scheduled = undefined;
  }

  #schedule(): void {
    this.#scheduled = this.#clock.after(this.busyMs, () => this.#run());
  }

  #take(): Message | undefined {
    const message = this.#first;
    if (message === undefined) return undefined;
    this.#length--;
    this.#first = message.next;
    message.next = undefined;
    if (this.#first === undefined) this.#last = undefined;
    return message;
  }

  #run(): void {
    const scheduled = this.#scheduled;
    try {
      while (this.busyMs === 0) {
        const message = this.#take();
        if (message === undefined) break;
        message.deliver();
      }
    } catch (error) {
      this.clear();
      this.#onFatal("unhandled exception", error);
    } finally {
      // Unless the board was reset meanwhile: then another run has begun.
      if (this.#scheduled === scheduled) {
        this.#scheduled = undefined;
        if (this.#first !== undefined) this.#schedule();
      }
    }
  }
}
