/** A moment of each year at which the clocks are changed. */
interface Change {
  /**
   * `M`: weekday `day` (0: Sunday) of week `week` (5: the last one) of a month. `J`: day 1 to 365, no 29 February. `N`: day 0
   * to 365.
   */
  readonly kind: "M" | "J" | "N";
  readonly month: number;
  readonly week: number;
  readonly day: number;
  /** Time of that day, by the clock that is changed. */
  readonly atS: number;
}

interface Offset {
  readonly name: string;
  /** Ahead of UTC. */
  readonly seconds: number;
}

/** A time zone with the rules of its summer time. */
export interface TimeZone extends Offset {
  readonly summer: (Offset & { readonly from: Change; readonly to: Change }) | undefined;
}

const EXAMPLE = "CET-1CEST,M3.5.0,M10.5.0/3";
const HOUR_S = 3600;
const DAY_S = 86_400;
const YEAR_S = 366 * DAY_S;

/** The clocks are changed at this time unless the rule says otherwise. */
const CHANGE_AT_S = 2 * HOUR_S;

/** POSIX: offsets have up to 24 hours. RFC 8536 allows the times of changes a week before and after their day. */
const OFFSET_HOURS_MAX = 24;
const CHANGE_HOURS_MAX = 167;

/**
 * Reads a time zone in POSIX's form (IEEE 1003.1 section 8.3, `TZ`; RFC 8536 section 3.3.1). Returns a complaint, the end of a sentence about the text, if it is none.
 */
export function parseTimeZone(text: string): TimeZone | string {
  const parser = new Parser(text);
  const zone = parser.zone();
  return parser.complaint ?? zone;
}

/** How far the clocks of a zone are ahead of UTC at `unixS`. */
export function offsetAt(zone: TimeZone, unixS: number): Offset {
  const { summer } = zone;
  if (summer === undefined) return zone;
  const year = new Date((unixS + zone.seconds) * 1000).getUTCFullYear();
  const fromS = changeS(year, summer.from) - zone.seconds;
  const toS = changeS(year, summer.to) - summer.seconds;
  const isSummer = fromS < toS ? unixS >= fromS && unixS < toS : unixS >= fromS || unixS < toS; // in the south it lasts over New Year
  return isSummer ? summer : zone;
}

/** How far the clocks of a zone are ahead of UTC, in seconds, from a moment on, in seconds since 1970. */
export interface OffsetFrom {
  readonly fromS: number;
  readonly seconds: number;
}

/** The offsets from one moment to another, the oldest first: those of the last year at most. */
export function offsetsBetween(zone: TimeZone, fromS: number, toS: number): OffsetFrom[] {
  const { summer } = zone;
  const firstS = Math.max(fromS, toS - YEAR_S);
  const moments = [firstS];
  if (summer !== undefined) {
    const lastYear = new Date(toS * 1000).getUTCFullYear() + 1; // a zone may be a year ahead of UTC
    for (let year = lastYear - 3; year <= lastYear; year++) {
      moments.push(changeS(year, summer.from) - zone.seconds);
      moments.push(changeS(year, summer.to) - summer.seconds);
    }
  }
  const within = moments.filter(atS => atS >= firstS && atS <= toS).sort((a, b) => a - b);
  return within.map(atS => ({ fromS: atS, seconds: offsetAt(zone, atS).seconds }));
}

/** `2026-11-30T23:05:00+01:00`. */
export function localTime(zone: TimeZone, unixMs: number): string {
  const { seconds } = offsetAt(zone, unixMs / 1000);
  const local = new Date(unixMs + seconds * 1000)
    .toISOString()
    .slice(0, "2026-11-30T23:05:00".length);
  const minutes = Math.floor(Math.abs(seconds) / 60);
  return `${local}${seconds < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Seconds from 1970 to a change, by the clock that is changed. */
function changeS(year: number, { kind, month, week, day, atS }: Change): number {
  if (kind !== "M") {
    const isLeap = new Date(Date.UTC(year, 1, 29)).getUTCDate() === 29;
    const days = kind === "N" ? day : day - 1 + (isLeap && day > 59 ? 1 : 0);
    return Date.UTC(year, 0, 1) / 1000 + days * DAY_S + atS;
  }
  const firstS = Date.UTC(year, month - 1, 1) / 1000;
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const weekday = new Date(firstS * 1000).getUTCDay();
  let date = 1 + ((day - weekday + 7) % 7) + (week - 1) * 7;
  if (date > days) date -= 7;
  return firstS + (date - 1) * DAY_S + atS;
}

class Parser {
  complaint: string | undefined;
  #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  zone(): TimeZone {
    const name = this.name();
    if (this.peek() === "/")
      this.complain(`, a name of a zone; wanted its rules, such as ${EXAMPLE}`);
    const seconds = 0 - this.time(OFFSET_HOURS_MAX, "the hours behind UTC, such as -1,");
    if (this.peek() === "") return { name, seconds, summer: undefined };
    const summerName = this.name();
    let summerSeconds = seconds + HOUR_S;
    if (this.peek() !== "" && this.peek() !== ",") {
      summerSeconds = 0 - this.time(OFFSET_HOURS_MAX, "the summer time's hours behind UTC");
    }
    const from = this.change();
    const to = this.change();
    if (this.peek() !== "") this.wanted("nothing more");
    return { name, seconds, summer: { name: summerName, seconds: summerSeconds, from, to } };
  }

  private peek(): string {
    return this.#text.charAt(this.#at);
  }

  private complain(complaint: string): void {
    this.complaint ??= complaint;
  }

  private wanted(what: string): void {
    const rest = this.#text.slice(this.#at);
    const where = rest === "" ? "at its end" : `at "${rest}"`;
    this.complain(`: wanted ${what} ${where}, as in ${EXAMPLE}`);
  }

  private takes(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** Three letters or more; in angle brackets also digits and signs. */
  private name(): string {
    const isQuoted = this.takes("<");
    const start = this.#at;
    while (isLetter(this.peek()) || (isQuoted && (isDigit(this.peek()) || isSign(this.peek()))))
      this.#at++;
    const name = this.#text.slice(start, this.#at);
    if (name.length < 3) {
      this.#at = start;
      this.wanted("the abbreviation of a time, of three letters or more,");
    }
    if (isQuoted && !this.takes(">")) this.wanted('">"');
    return name;
  }

  private number(max: number, what: string): number {
    const start = this.#at;
    while (isDigit(this.peek())) this.#at++;
    const digits = this.#text.slice(start, this.#at);
    const value = Number(digits);
    if (digits === "" || value > max) {
      this.#at = start;
      this.wanted(digits === "" ? what : `a number of at most ${max}`);
    }
    return value;
  }

  /** `1`, `-1`, `5:30`, `2:00:00`, in seconds. */
  private time(hoursMax: number, what: string): number {
    const sign = this.takes("-") ? -1 : 1;
    if (sign === 1) this.takes("+");
    let seconds = this.number(hoursMax, what) * HOUR_S;
    if (this.takes(":")) seconds += this.number(59, "minutes") * 60;
    if (this.takes(":")) seconds += this.number(59, "seconds");
    return sign * seconds;
  }

  private change(): Change {
    let kind: Change["kind"] = "N";
    let month = 0;
    let week = 0;
    let day = 0;
    if (!this.takes(",")) this.wanted("the rules of the summer time, each after a comma,");
    else if (this.takes("M")) {
      kind = "M";
      month = this.positive(12, "a month");
      if (!this.takes(".")) this.wanted('"."');
      week = this.positive(5, "a week");
      if (!this.takes(".")) this.wanted('"."');
      day = this.number(6, "a day of the week");
    } else if (this.takes("J")) {
      kind = "J";
      day = this.positive(365, "a day of the year");
    } else day = this.number(365, "a day of the year, or M and a month,");
    const atS = this.takes("/") ? this.time(CHANGE_HOURS_MAX, "hours") : CHANGE_AT_S;
    return { kind, month, week, day, atS };
  }

  private positive(max: number, what: string): number {
    const value = this.number(max, what);
    if (value === 0) this.wanted(`${what} from 1 on`);
    return value;
  }
}

function isLetter(character: string): boolean {
  return (character >= "a" && character <= "z") || (character >= "A" && character <= "Z");
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9";
}

function isSign(character: string): boolean {
  return character === "+" || character === "-";
}

/** The zone of a checked configuration. Throws the complaint about any other text. */
export function zoneOf(text: string): TimeZone {
  const zone = parseTimeZone(text);
  if (typeof zone === "string") throw new Error(zone);
  return zone;
}
