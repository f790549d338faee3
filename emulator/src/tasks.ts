import type { Cancel, Clock } from "./clock.ts";

/** Something that waits in the event queue, once at a time. */
export interface Message {
  /** The one that waits behind this one; the queue's own. */
  next: Message | undefined;
  deliver(): void;
}

/**
 * The event queue of the JavaScript task: events are posted, wait, and are delivered in order, never
 * inside somebody's call.
 *
 * Read from build/devices/esp32/lib/main/main.c and xs/platforms/esp/xsHost.c @ 48ee02d. On the chip
 * a release build that posts into its own full queue waits for itself for ever, so a full queue ends
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
  /** Until then the task waits for something slow, and serves nobody. */
  #busyUntilMs = 0;

  constructor(clock: Clock, lengthMax: number, onFatal: (reason: string, error?: unknown) => void) {
    this.#clock = clock;
    this.#lengthMax = lengthMax;
    this.#onFatal = onFatal;
  }

  /** The task stands still for so long from now on, or longer if it did already. */
  stall(ms: number): void {
    this.#busyUntilMs = Math.max(this.#busyUntilMs, this.#clock.now() + ms);
  }

  /** How long it still stands still. */
  get busyMs(): number {
    return Math.max(0, this.#busyUntilMs - this.#clock.now());
  }

  /** Posts from an interrupt, which waits for nobody: false when a full queue has dropped it. */
  offer(message: Message): boolean {
    if (this.#length >= this.#lengthMax) return false;
    this.post(message);
    return true;
  }

  post(message: Message): void {
    if (this.#length >= this.#lengthMax) {
      this.clear();
      this.#onFatal(
        `event queue full: ${this.#lengthMax} events wait, nobody is left to serve them`,
      );
      return;
    }
    this.#length++;
    if (this.#last === undefined) this.#first = message;
    else this.#last.next = message;
    this.#last = message;
    if (this.#scheduled === undefined) this.#schedule();
  }

  /** Forgets what waits: the board has lost its memory. */
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
      // Unless the board was reset meanwhile: then another run is under way.
      if (this.#scheduled === scheduled) {
        this.#scheduled = undefined;
        if (this.#first !== undefined) this.#schedule();
      }
    }
  }
}
