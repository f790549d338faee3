import type { Event } from "./event.ts";

/** `board`: changes of the board itself; `requests`: events of one client or request. */
export type EventKind = "board" | "requests";

export const EVENT_KINDS: readonly EventKind[] = Object.freeze(["board", "requests"]);

/** Memory for the lines of each kind, in bytes; together enough for 32 lines of `LINE_MAX` characters. */
export const BOARD_BYTES = 3 * 1024;
export const REQUESTS_BYTES = 5.5 * 1024;

/** Longest stored line, in characters. */
const LINE_MAX = 240;

/** Bytes of an XS string besides its characters: chunk header, terminator and alignment (xs/sources/xsAll.h). */
const LINE_OVERHEAD_BYTES = 12;

/** Bytes of an array element in XS. */
const ELEMENT_BYTES = 16;

/** Slots added when the ring is full. */
const PLACES = 8;

/**
 * A ring of the last lines, bounded by their bytes. A ring, because shifting all lines for each new one would cost
 * more than everything else here.
 */
class LineRing {
  /** Lines added since the start. */
  count = 0;
  /** Slots; `#length` of them are in use from `#start` on, continuing at 0 after the last. */
  #lines: string[] = [];
  #start = 0;
  #length = 0;
  #bytes = 0;
  #bytesMax: number;
  #placeBytes: number;

  constructor(bytesMax: number, placeBytes: number) {
    this.#bytesMax = bytesMax;
    this.#placeBytes = placeBytes;
  }

  /** The number of the oldest stored line, counted from 0. */
  get first(): number {
    return this.count - this.#length;
  }

  at(number: number): string {
    return this.#lines[this.#place(number - this.first)];
  }

  add(line: string): void {
    let bytes = this.#bytes + line.length + LINE_OVERHEAD_BYTES;
    if (this.#length === this.#lines.length) {
      bytes += PLACES * this.#placeBytes;
      this.#addPlaces();
    }
    const lines = this.#lines;
    while (bytes > this.#bytesMax) {
      const place = this.#start;
      bytes -= lines[place].length + LINE_OVERHEAD_BYTES;
      lines[place] = "";
      this.#start = this.#place(1);
      this.#length--;
    }
    lines[this.#place(this.#length)] = line;
    this.#length++;
    this.#bytes = bytes;
    this.count++;
  }

  /** The slot of the line that is `after` lines behind the oldest. */
  #place(after: number): number {
    const place = this.#start + after;
    return place < this.#lines.length ? place : place - this.#lines.length;
  }

  #addPlaces(): void {
    const lines = this.#lines;
    const moved = [...lines.slice(this.#start), ...lines.slice(0, this.#start)];
    for (let i = 0; i < PLACES; i++) moved.push("");
    this.#lines = moved;
    this.#start = 0;
  }
}

/**
 * The log lines of the last events. Events of the board are stored apart from requests, which would push them out
 * within a second at 50 requests per second.
 */
export class RecentEvents {
  #board = new LineRing(BOARD_BYTES, 2 * ELEMENT_BYTES);
  #requests = new LineRing(REQUESTS_BYTES, ELEMENT_BYTES);
  /** For each line of `#board`, the number of requests before it. */
  #requestsBefore: number[] = [];

  /** `line` is ASCII, as all log lines are, so a character is a byte. */
  add(event: Event, line: string): void {
    const text = line.length > LINE_MAX ? line.slice(0, LINE_MAX) : line;
    if (kindOf(event) === "requests") {
      this.#requests.add(text);
      return;
    }
    const board = this.#board;
    const before = this.#requestsBefore;
    board.add(text);
    before.push(this.#requests.count);
    before.splice(0, before.length - (board.count - board.first));
  }

  /**
   * The last `count` lines of one kind or of both, oldest first. Lines added during the iteration are not
   * included; lines dropped meanwhile are skipped.
   */
  *last(count: number, kind?: EventKind): Generator<string, void> {
    const board = this.#board;
    const requests = this.#requests;
    const [boardEnd, requestsEnd] = [board.count, requests.count];
    let b = kind === "requests" ? boardEnd : board.first;
    let r = kind === "board" ? requestsEnd : requests.first;
    let left = boardEnd - b + requestsEnd - r;
    for (;;) {
      b = Math.max(b, board.first);
      r = Math.max(r, requests.first);
      const isBoard =
        b < boardEnd && (r >= requestsEnd || this.#requestsBefore[b - board.first] <= r);
      if (!isBoard && r >= requestsEnd) return;
      const line = isBoard ? board.at(b++) : requests.at(r++);
      if (left-- <= count) yield line;
    }
  }
}

Object.freeze(RecentEvents.prototype.last.prototype);

/** Events with an id or a client are as frequent as requests, and count as those; errors always count as the board's. */
function kindOf(event: Event): EventKind {
  if (event.level === "E") return "board";
  return "id" in event || "client" in event || ("what" in event && event.what === "accept-failed")
    ? "requests"
    : "board";
}
