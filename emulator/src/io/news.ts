import type { Message, Tasks } from "../tasks.ts";
import type { Account } from "./account.ts";

/** Events of firmware/native/sockets.h. */
export const READABLE = 1;
export const WRITABLE = 2;
export const END = 4;
export const ERROR = 8;
export const PIPE = 16;
export const ACCEPT = 32;

/** The object that gets the news of its connection or listener. */
export interface NewsOwner {
  deliver(events: number): void;
}

/** News of a connection or a listener: the events that were not reported to its owner. */
export class News {
  /** `undefined`: events are kept for the next owner. */
  owner: NewsOwner | undefined = undefined;
  events = 0;
  /** The list that has it, and its neighbours there. */
  list: NewsList | undefined = undefined;
  previous: News | undefined = undefined;
  next: News | undefined = undefined;
}

/** A list through the news themselves: a busy board reports hundreds of thousands a second. */
class NewsList {
  first: News | undefined;
  #last: News | undefined;

  append(news: News): void {
    news.list = this;
    news.previous = this.#last;
    if (this.#last === undefined) this.first = news;
    else this.#last.next = news;
    this.#last = news;
  }

  takeOut(news: News): void {
    const { previous, next } = news;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    news.list = news.previous = news.next = undefined;
  }
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
  #now = new NewsList();
  #later = new NewsList();
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
    if (news.list === undefined) this.#later.append(news);
    this.#wake();
  }

  /** Drops what was not reported. */
  forget(news: News): void {
    news.events = 0;
    news.list?.takeOut(news);
  }

  deliver(): void {
    // Behind a stall there is a rest of the round before: it comes first.
    if (this.#now.first === undefined) [this.#now, this.#later] = [this.#later, this.#now];
    else this.#appendLater();
    this.#inRound = true;
    for (let news = this.#now.first; news !== undefined; news = this.#now.first) {
      this.#onStep();
      this.#now.takeOut(news);
      const { events } = news;
      news.events = 0;
      if (events !== 0) news.owner?.deliver(events); // a pipe may have taken them over
      if (this.#account.closed) return; // the board was reset meanwhile
      if (this.#tasks.busyMs > 0) break;
    }
    this.#onStep();
    this.#inRound = false;
    this.#woken = false;
    this.#wake();
  }

  #appendLater(): void {
    for (let news = this.#later.first; news !== undefined; news = this.#later.first) {
      this.#later.takeOut(news);
      this.#now.append(news);
    }
  }

  #wake(): void {
    const isQuiet = this.#now.first === undefined && this.#later.first === undefined;
    if (this.#woken || isQuiet || this.#account.closed) return;
    this.#woken = true;
    this.#tasks.post(this);
  }
}
