import type { Message, Tasks } from "../tasks.ts";
import type { Account } from "./account.ts";

/** Events of firmware/native/sockets.h. */
export const READABLE = 1;
export const WRITABLE = 2;
export const END = 4;
export const ERROR = 8;
export const PIPE = 16;
export const ACCEPT = 32;

/** News of a connection or a listener: the events that were not reported to its owner. */
export class News {
  /** `undefined`: events are kept for the next owner. */
  owner: ((events: number) => void) | undefined;
  events = 0;
}

/**
 * The news of one program's sockets, as firmware/native/sockets.c has it: one message for all, however many events there
 * are. Each round reports to the owners what has happened before it; what happens during a round is reported in the next one.
 */
export class NewsQueue implements Message {
  next: Message | undefined;
  #tasks: Tasks;
  #account: Account;
  /** Called before each report, and at the end of a round. */
  #onStep: () => void;
  #now = new Set<News>();
  #later = new Set<News>();
  #woken = false;
  #inRound = false;

  constructor(tasks: Tasks, account: Account, onStep: () => void) {
    this.#tasks = tasks;
    this.#account = account;
    this.#onStep = onStep;
  }

  get inRound(): boolean {
    return this.#inRound;
  }

  report(news: News, events: number): void {
    news.events |= events;
    if (news.owner === undefined || news.events === 0) return;
    if (!this.#now.has(news)) this.#later.add(news);
    this.#wake();
  }

  /** Drops what was not reported. */
  forget(news: News): void {
    news.events = 0;
    this.#now.delete(news);
    this.#later.delete(news);
  }

  deliver(): void {
    [this.#now, this.#later] = [this.#later, this.#now];
    this.#inRound = true;
    for (const news of this.#now) {
      this.#onStep();
      this.#now.delete(news);
      const { events } = news;
      news.events = 0;
      news.owner?.(events);
      if (this.#account.closed) return; // the board was reset meanwhile
      if (this.#tasks.busyMs > 0) break;
    }
    this.#onStep();
    if (this.#now.size > 0) {
      // The program is stalled: the rest comes first when it goes on.
      for (const news of this.#later) this.#now.add(news);
      [this.#now, this.#later] = [new Set(), this.#now];
    }
    this.#inRound = false;
    this.#woken = false;
    this.#wake();
  }

  #wake(): void {
    if (this.#woken || this.#later.size === 0 || this.#account.closed) return;
    this.#woken = true;
    this.#tasks.post(this);
  }
}
