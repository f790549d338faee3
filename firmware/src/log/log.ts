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
export const REQUESTS_BYTES = 3 * 1024;

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
  onLine: (() => void) | undefined = undefined;
  /** Gets each line at once. */
  private print: Print | undefined;
  private readLines: ReadLines;
  private requestRing: LineRing;
  private boardRing: LineRing;
  /** The line that says how many were dropped. */
  private noticeRing: LineRing;
  private clock: LogPlatform["clock"];
  /** When that line was written last. */
  private noticedMs = Number.NEGATIVE_INFINITY;

  /** @param print - gets each line at once; without it, they wait for `read` */
  constructor(platform: LogPlatform, print?: Print) {
    this.requestRing = new LineRing(REQUESTS_BYTES);
    this.boardRing = new LineRing(BOARD_BYTES);
    this.noticeRing = new LineRing(NOTICE_BYTES);
    this.requests = this.requestRing.buffer;
    this.writeLine = platform.writeLine ?? writeLine;
    this.print = print;
    this.readLines = platform.readLines ?? readLines;
    this.clock = platform.clock;
  }

  /** Adds the line of an event. */
  report(event: Event): void {
    const ring = kindOf(event) === "requests" ? this.requestRing : this.boardRing;
    this.write(ring, formatLine(this.clock.now(), event)); // no control character is in it
    this.added();
  }

  /** A line was written. */
  added(): void {
    if (this.print === undefined) this.onLine?.();
    else this.printAll(this.print);
  }

  /** Prints what waits, and each later line at once; `undefined`: later lines wait for `read`. */
  printTo(print: Print | undefined): void {
    this.print = print;
    if (print === undefined) return;
    this.printAll(print);
    this.isMidLine = false;
  }

  /** Writes a line whose format has no value but three numbers at most. */
  private write({ buffer }: LineRing, format: string, a = 0, b = 0, c = 0): void {
    const { writeLine: write } = this;
    write(
      buffer,
      this.order++,
      format,
      "",
      "",
      "",
      "",
      "",
      "",
      "",
      a,
      b,
      c,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    );
  }

  // The reader

  /**
   * Copies the next bytes for the serial port to `into`, from `at` on: `bytesMax` at most, of as many lines as fit or of one, CR LF
   * behind each. Returns how many; fewer than `bytesMax` if no more waits, or at the end of the one line. A line that was
   * begun is not overwritten.
   */
  read(into: ArrayBuffer, at: number, bytesMax: number, isOneLine = true): number {
    const read = this.readLines;
    const notice = this.noticeRing.buffer;
    const board = this.boardRing.buffer;
    const flags = isOneLine ? ONE_LINE : 0;
    let result = read(notice, board, this.requests, into, at, bytesMax, flags | TELL_NEWS);
    if (result >= NEWS) {
      this.writeNotice();
      const count = result - NEWS;
      const left = bytesMax - count;
      result = count + read(notice, board, this.requests, into, at + count, left, flags);
    }
    this.isMidLine = result >= MID_LINE;
    return result & COUNT;
  }

  /** Lines since the start that the serial port did not get. */
  get dropped(): { readonly requests: number; readonly board: number } {
    return { requests: this.requestRing.dropped, board: this.boardRing.dropped };
  }

  /** Says how many lines were dropped: once all others are read, and each second while more wait. */
  private writeNotice(): void {
    const requests = this.requestRing;
    const board = this.boardRing;
    if (requests.unnoticed + board.unnoticed === 0 || this.noticeRing.waits) return;
    const nowMs = this.clock.now();
    if ((requests.waits || board.waits) && nowMs - this.noticedMs < DROPPED_MS) return;
    this.noticedMs = nowMs;
    this.write(this.noticeRing, DROPPED_LINE, nowMs, requests.unnoticed, board.unnoticed);
    requests.noticed();
    board.noticed();
  }

  private printAll(print: Print): void {
    for (;;) {
      this.writeNotice();
      const ring = this.next();
      if (ring === undefined) return;
      const text = ring.take();
      if (text !== "") print(text); // the reader may have got all but the line's end
    }
  }

  private next(): LineRing | undefined {
    const next = nextRing(this.noticeRing.buffer, this.boardRing.buffer, this.requests);
    if (next === this.requests) return this.requestRing;
    if (next === this.boardRing.buffer) return this.boardRing;
    return next && this.noticeRing;
  }

  // The last lines

  /**
   * The last `count` lines of one kind or of both, oldest first. Lines added during the iteration are not
   * included; lines overwritten meanwhile are skipped.
   */
  *last(count: number, kind?: EventKind): Generator<string, void> {
    const [board, requests] = [this.boardRing, this.requestRing];
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
