import type { Clock } from "./clock.ts";

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
  #scheduled = false;

  constructor(clock: Clock, lengthMax: number, onFatal: (reason: string, error?: unknown) => void) {
    this.#clock = clock;
    this.#lengthMax = lengthMax;
    this.#onFatal = onFatal;
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
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.after(0, () => this.#run());
  }

  /** Forgets what waits: the board has lost its memory. */
  clear(): void {
    while (this.#take() !== undefined);
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
    try {
      for (let message = this.#take(); message !== undefined; message = this.#take()) {
        message.deliver();
      }
    } catch (error) {
      this.clear();
      this.#onFatal("unhandled exception", error);
    } finally {
      this.#scheduled = false;
    }
  }
}
