import { Head, type HeadLimits } from "./head.ts";

/** Heads that are kept for the next message. More than so many are seldom read at once. */
const SPARE_MAX = 2;

/** Heads to read into: one and its buffer serve one message after the other, whosever they are. */
export class Heads {
  #limits: HeadLimits;
  #spare: Head[] = [];

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  take(kind: "request" | "response"): Head {
    const head = this.#spare.pop() ?? new Head(kind, this.#limits);
    head.reset(kind);
    return head;
  }

  /** Nobody may look into it any more. */
  give(head: Head): void {
    if (this.#spare.length < SPARE_MAX) this.#spare.push(head);
  }
}
