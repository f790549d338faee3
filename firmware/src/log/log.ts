import type { Clock, Platform, WriteLine } from "../platform.ts";
import { type Event, formatLine } from "./event.ts";
import { DROPPED_LINE } from "./line-format.ts";
import { LineRing, writeLine } from "./line-ring.ts";

/** `board`: changes of the board itself; `requests`: events of one client or request. */
export type EventKind = "board" | "requests";

export const EVENT_KINDS: readonly EventKind[] = Object.freeze(["board", "requests"]);

/** Memory for the lines of each kind, in bytes. */
export const BOARD_BYTES = 3 * 1024;
export const REQUESTS_BYTES = 5.5 * 1024;

/** Least time between two lines that say how many were dropped. */
const DROPPED_MS = 1_000;

/** More than the longest such line takes. */
const NOTICE_BYTES = 128;

const CR = 0x0d;
const LF = 0x0a;
const LINE_END_BYTES = 2;

/** Prints a line. */
export type Print = (line: string) => void;

type LogPlatform = Pick<Platform, "writeLine" | "copyLine"> & {
  readonly clock: Pick<Clock, "now">;
};

/**
 * The last lines of the log, and the one place where the lines wait that are not yet sent to the serial port. Lines of the
 * board are stored apart from those of requests, which would push them out within a second at 50 requests per second.
 *
 * A line that is overwritten before it was sent is dropped and counted; nothing ever waits for the port.
 */
export class Log {
  /** Writes a line into `requests`; `added` follows. `log/line-format.ts` has the formats. */
  readonly writeLine: WriteLine;
  /** The ring of requests. */
  readonly requests: ArrayBuffer;
  /** Lines so far: the place of the next one. The caller of `writeLine` increments it. */
  order = 0;
  /** Called when a line was added that `read` gives. */
  onLine: (() => void) | undefined;
  #clock: LogPlatform["clock"];
  #requests: LineRing;
  #board: LineRing;
  /** The line that says how many were dropped. */
  #notice: LineRing;
  /** Each line goes there at once. */
  #print: Print | undefined;
  /** The ring of the line under way to the reader, and how many of its bytes were read. */
  #current: LineRing | undefined;
  #read = 0;
  /** Dropped lines since the start that notices have counted, and when the last one was written. */
  #noticed = { requests: 0, board: 0 };
  #noticedMs = Number.NEGATIVE_INFINITY;

  /** @param print - gets each line at once; without it, they wait for `read` */
  constructor(platform: LogPlatform, print?: Print) {
    this.#clock = platform.clock;
    this.#print = print;
    this.writeLine = platform.writeLine ?? writeLine;
    this.#requests = new LineRing(REQUESTS_BYTES, platform);
    this.#board = new LineRing(BOARD_BYTES, platform);
    this.#notice = new LineRing(NOTICE_BYTES, platform);
    this.requests = this.#requests.buffer;
  }

  /** Adds the line of an event. */
  report(event: Event): void {
    const ring = kindOf(event) === "requests" ? this.#requests : this.#board;
    ring.write(this.order++, formatLine(this.#clock.now(), event)); // no control character is in it
    this.added();
  }

  /** A line was written. */
  added(): void {
    if (this.#print === undefined) this.onLine?.();
    else this.#printAll(this.#print);
  }

  /** Prints what waits, and each later line at once; `undefined`: later lines wait for `read`. */
  printTo(print: Print | undefined): void {
    this.#print = print;
    if (print !== undefined) this.#printAll(print);
  }

  /** As `printTo`, but drops the requests that wait: the board is about to restart. */
  flushTo(print: Print): void {
    if (this.#current !== undefined) this.#printLine(this.#current, print);
    this.#requests.dropAll();
    this.printTo(print);
  }

  // The reader

  /** The last `read` ended within a line. */
  get isMidLine(): boolean {
    return this.#current !== undefined;
  }

  /**
   * Copies the next bytes for the serial port to `into`, from `at` on: `bytesMax` of one line at most, CR LF behind the line's
   * last. Returns how many; 0 if nothing waits. A line that was begun is not overwritten.
   */
  read(into: Uint8Array, at: number, bytesMax: number): number {
    this.#current ??= this.#begin();
    const ring = this.#current;
    if (ring === undefined) return 0;
    const length = ring.length(ring.sent);
    const from = this.#read;
    let count = Math.min(length - from, bytesMax);
    if (count > 0) ring.copy(ring.sent, from, into, at, count);
    else count = 0;
    if (count < bytesMax && from + count === length) into[at + count++] = CR;
    if (count < bytesMax && from + count === length + 1) into[at + count++] = LF;
    this.#read += count;
    if (this.#read === length + LINE_END_BYTES) this.#end(ring);
    return count;
  }

  /** Lines since the start that the serial port did not get. */
  get dropped(): { readonly requests: number; readonly board: number } {
    return { requests: this.#requests.dropped, board: this.#board.dropped };
  }

  #begin(): LineRing | undefined {
    const ring = this.#next();
    ring?.hold();
    return ring;
  }

  #end(ring: LineRing): void {
    ring.release();
    ring.advance(ring.sent);
    this.#current = undefined;
    this.#read = 0;
  }

  /** The ring with the next line: the oldest, or a notice that some were dropped. */
  #next(): LineRing | undefined {
    const requests = this.#requests;
    const board = this.#board;
    this.#writeNotice();
    if (this.#notice.waits) return this.#notice;
    if (!board.waits) return requests.waits ? requests : undefined;
    if (!requests.waits) return board;
    return board.order(board.sent) < requests.order(requests.sent) ? board : requests;
  }

  /** Says how many lines were dropped: once all others are read, and each second while more wait. */
  #writeNotice(): void {
    const noticed = this.#noticed;
    const requests = this.#requests.dropped - noticed.requests;
    const board = this.#board.dropped - noticed.board;
    if (requests + board === 0) return;
    const nowMs = this.#clock.now();
    const othersWait = this.#requests.waits || this.#board.waits;
    if (othersWait && nowMs - this.#noticedMs < DROPPED_MS) return;
    this.#noticedMs = nowMs;
    noticed.requests += requests;
    noticed.board += board;
    this.#notice.write(0, DROPPED_LINE, nowMs, requests, board);
  }

  #printAll(print: Print): void {
    for (let ring = this.#current; ; ring = undefined) {
      ring ??= this.#next();
      if (ring === undefined) return;
      this.#printLine(ring, print);
    }
  }

  /** Prints the line of `ring` that is next, or what was not read of it. */
  #printLine(ring: LineRing, print: Print): void {
    const from = this.#read;
    const text = ring.text(ring.sent);
    this.#end(ring);
    if (from === 0) print(text);
    else if (from < text.length) print(text.slice(from));
  }

  // The last lines

  /**
   * The last `count` lines of one kind or of both, oldest first. Lines added during the iteration are not
   * included; lines overwritten meanwhile are skipped.
   */
  *last(count: number, kind?: EventKind): Generator<string, void> {
    const [board, requests] = [this.#board, this.#requests];
    const [boardEnd, requestsEnd] = [board.count, requests.count];
    const [b, r] = [board.first(), requests.first()];
    if (kind === "requests") b.number = boardEnd;
    if (kind === "board") r.number = requestsEnd;
    for (let left = boardEnd - b.number + requestsEnd - r.number; ; left--) {
      board.catchUp(b);
      requests.catchUp(r);
      const isRequest = r.number < requestsEnd;
      const isBoard = b.number < boardEnd && !(isRequest && requests.order(r) < board.order(b));
      if (!isBoard && !isRequest) return;
      const [ring, cursor] = isBoard ? [board, b] : [requests, r];
      const line = left <= count ? ring.text(cursor) : undefined;
      ring.advance(cursor);
      if (line !== undefined) yield line;
    }
  }
}

Object.freeze(Log.prototype.last.prototype);

/** Events with an id or a client are as frequent as requests, and count as those; errors always count as the board's. */
function kindOf(event: Event): EventKind {
  if (event.level === "E") return "board";
  return "id" in event || "client" in event || ("what" in event && event.what === "accept-failed")
    ? "requests"
    : "board";
}
