import type { Clock } from "../platform.ts";

/** A request or raw stream that is queued. */
export interface Waiter {
  /** Held: it waits for a machine that wakes. */
  readonly isHeld: boolean;
  /** A backend may have room. */
  wake(): void;
  /** The client has sent FIN: it may have left. */
  readonly mayHaveLeft: boolean;
  /** Refuses the client. */
  refuse(why: "held-full" | "no-memory"): void;
}

/**
 * Requests and raw streams that wait for a backend with room, or for a machine that wakes, first in, first out. One queue serves all
 * configurations, whose sessions live side by side.
 */
export class BackendQueue {
  #clock: Pick<Clock, "after">;
  #waiters: Waiter[] = [];
  #waking = false;

  constructor(clock: Pick<Clock, "after">) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** How many wait for a machine that wakes. */
  get held(): number {
    let count = 0;
    for (const { isHeld } of this.#waiters) if (isHeld) count++;
    return count;
  }

  /** The queue is about to be woken: a newcomer must not pick before it. */
  get waking(): boolean {
    return this.#waking;
  }

  join(waiter: Waiter): void {
    this.#waiters.push(waiter);
  }

  leave(waiter: Waiter): void {
    const place = this.#waiters.indexOf(waiter);
    if (place >= 0) this.#waiters.splice(place, 1);
  }

  /** Refuses the client that came last of those that are held; false where none is. */
  refuseYoungestHeld(): boolean {
    const youngest = this.#waiters.findLast(({ isHeld }) => isHeld);
    youngest?.refuse("no-memory");
    return youngest !== undefined;
  }

  /** Refuses the client that came first of those that are held and may have left: another one takes its place. False where none is. */
  refuseHeldThatLeft(): boolean {
    const first = this.#waiters.find(({ isHeld, mayHaveLeft }) => isHeld && mayHaveLeft);
    first?.refuse("held-full");
    return first !== undefined;
  }

  /**
   * A backend may have room, or be available again: wakes all waiters, in the order in which they came. Deferred to
   * the next turn, because callers are still changing their own state.
   */
  wake(): void {
    if (this.#waking || this.#waiters.length === 0) return;
    this.#waking = true;
    this.#clock.after(0, () => {
      this.#waking = false;
      for (const waiter of [...this.#waiters]) waiter.wake();
    });
  }
}
