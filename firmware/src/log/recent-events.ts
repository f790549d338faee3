import type { Event } from "./event.ts";

/** Which events: what happened to the board, or what clients asked for. */
export type EventKind = "board" | "requests";

export const EVENT_KINDS: readonly EventKind[] = Object.freeze(["board", "requests"]);

/** Memory for the lines of each kind, in bytes; together they hold 32 lines of `LINE_MAX` characters. */
export const BOARD_BYTES = 3 * 1024;
export const REQUESTS_BYTES = 5.5 * 1024;

/** Characters of a line that is remembered. */
const LINE_MAX = 240;

/** What XS takes for a line beside its characters: the head of its chunk, its end and alignment (xs/sources/xsAll.h). */
const LINE_OVERHEAD_BYTES = 12;

/** What XS takes for an element of an array. */
const ELEMENT_BYTES = 16;

/** Places that are made at once when all are taken. */
const PLACES = 8;

/**
 * Lines in the order in which they came, as many of the last ones as so many bytes hold. A ring: to move up
 * all lines for each new one costs more than all the rest.
 */
class LineRing {
  /** Those that ever came. */
  count = 0;
  /** Places, of which `#length` are taken from `#start` on, and from 0 on behind the last. */
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

  /** The number of the oldest that is still there, counted from 0. */
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

  /** Of the one after so many. */
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
 * The last events, as their log lines. What happened to the board is kept apart from requests: at 50 requests
 * in a second it would be forgotten within one.
 */
export class RecentEvents {
  #board = new LineRing(BOARD_BYTES, 2 * ELEMENT_BYTES);
  #requests = new LineRing(REQUESTS_BYTES, ELEMENT_BYTES);
  /** For each line of `#board`, how many requests had come before it. */
  #requestsBefore: number[] = [];

  /** `line` is ASCII, as all lines of the log are: a character is a byte. */
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
   * The last `count` lines of a kind, or of both, the oldest first. Lines that come while they are taken do
   * not count, and those that are dropped meanwhile are left out.
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

/** What concerns one client or request comes as often as these do; a bug is for the board's operator. */
function kindOf(event: Event): EventKind {
  if (event.level === "E") return "board";
  return "id" in event || "client" in event || ("what" in event && event.what === "accept-failed")
    ? "requests"
    : "board";
}
