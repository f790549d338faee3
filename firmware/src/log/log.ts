import type { Clock, Platform, ReadLines, WriteLine } from "../platform.ts";
import { type Event, formatLine } from "./event.ts";
import { DROPPED_LINE } from "./line-format.ts";
import {
  LineRing,
  MID_LINE,
  NEWS,
  nextRing,
  ONE_LINE,
  readLines,
  TELL_NEWS,
  writeLine,
} from "./line-ring.ts";

/** `board`: changes of the board itself; `requests`: events of one client or request. */
export type EventKind = "board" | "requests";

export const EVENT_KINDS: readonly EventKind[] = Object.freeze(["board", "requests"]);

/** Memory for the lines of each kind, in bytes. */
export const BOARD_BYTES = 3 * 1024;
export const REQUESTS_BYTES = 4.5 * 1024;

/** Least time between two lines that say how many were dropped. */
const DROPPED_MS = 1_000;

/** More than the longest such line takes. */
const NOTICE_BYTES = 128;

/** The bits of the result of `readLines` that count bytes. */
const COUNT = MID_LINE - 1;

/** Prints a line. */
export type Print = (line: string) => void;

type LogPlatform = Pick<Platform, "writeLine" | "readLines"> & {
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
  /** The last `read` ended within a line. */
  isMidLine = false;
  /** Called when a line was added that `read` gives. */
  onLine: (() => void) | undefined;
  #clock: LogPlatform["clock"];
  #requests: LineRing;
  #board: LineRing;
  /** The line that says how many were dropped. */
  #notice: LineRing;
  /** Each line goes there at once. */
  #print: Print | undefined;
  #readLines: ReadLines;
  /** When the last notice was written. */
  #noticedMs = Number.NEGATIVE_INFINITY;

  /** @param print - gets each line at once; without it, they wait for `read` */
  constructor(platform: LogPlatform, print?: Print) {
    this.#clock = platform.clock;
    this.#print = print;
    this.writeLine = platform.writeLine ?? writeLine;
    this.#readLines = platform.readLines ?? readLines;
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
    if (print === undefined) return;
    this.#printAll(print);
    this.isMidLine = false;
  }

  // The reader

  /**
   * Copies the next bytes for the serial port to `into`, from `at` on: `bytesMax` at most, of as many lines as fit or of one, CR LF
   * behind each. Returns how many; fewer than `bytesMax` if no more waits, or at the end of the one line. A line that was
   * begun is not overwritten.
   */
  read(into: ArrayBuffer, at: number, bytesMax: number, isOneLine = true): number {
    const read = this.#readLines;
    const notice = this.#notice.buffer;
    const board = this.#board.buffer;
    const flags = isOneLine ? ONE_LINE : 0;
    let result = read(notice, board, this.requests, into, at, bytesMax, flags | TELL_NEWS);
    if (result >= NEWS) {
      this.#writeNotice();
      const count = result - NEWS;
      const left = bytesMax - count;
      result = count + read(notice, board, this.requests, into, at + count, left, flags);
    }
    this.isMidLine = result >= MID_LINE;
    return result & COUNT;
  }

  /** Lines since the start that the serial port did not get. */
  get dropped(): { readonly requests: number; readonly board: number } {
    return { requests: this.#requests.dropped, board: this.#board.dropped };
  }

  /** Says how many lines were dropped: once all others are read, and each second while more wait. */
  #writeNotice(): void {
    const requests = this.#requests;
    const board = this.#board;
    if (requests.unnoticed + board.unnoticed === 0 || this.#notice.waits) return;
    const nowMs = this.#clock.now();
    if ((requests.waits || board.waits) && nowMs - this.#noticedMs < DROPPED_MS) return;
    this.#noticedMs = nowMs;
    this.#notice.write(0, DROPPED_LINE, nowMs, requests.unnoticed, board.unnoticed);
    requests.noticed();
    board.noticed();
  }

  #printAll(print: Print): void {
    for (;;) {
      this.#writeNotice();
      const ring = this.#next();
      if (ring === undefined) return;
      const text = ring.take();
      if (text !== "") print(text); // the reader may have got all but the line's end
    }
  }

  #next(): LineRing | undefined {
    const next = nextRing(this.#notice.buffer, this.#board.buffer, this.requests);
    if (next === this.requests) return this.#requests;
    if (next === this.#board.buffer) return this.#board;
    return next && this.#notice;
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
