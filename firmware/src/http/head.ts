/**
 * Reads the head of a message, request or response, as RFC 9112 writes it and no other way: what
 * two readers could understand differently is refused, so that nobody behind us reads another
 * message than we did.
 */

/** Field names that mean something to a proxy. */
export const NAMES = [
  "", // any other
  "connection",
  "content-length",
  "transfer-encoding",
  "host",
  "expect",
  "upgrade",
  "te",
  "trailer",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "http2-settings",
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
  "accept",
  "cookie",
] as const;

export type Name = (typeof NAMES)[number];

/** Where a field stands in `Head.bytes`; the ends are exclusive, the value is without blanks around. */
export interface Field {
  readonly name: Name;
  /** Spelled with `_` where the name has `-`: to some backends the same, to others not. */
  readonly twin: boolean;
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface HeadLimits {
  /** Bytes of a head, its empty line included. */
  readonly headBytesMax: number;
  /** Lines of a head, the first one included, the empty one not. */
  readonly headLinesMax: number;
}

/** Statuses with which a request's head is refused. For a response each of them means 502. */
export type HeadError = 400 | 414 | 431;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

// What a byte may be part of.
const TOKEN = 1;
const VALUE = 2;
const TARGET = 4;
const HOST = 8;
const CLASS = classes();

function classes(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) {
    const visible = byte > SPACE && byte !== 127;
    if (visible || byte === SPACE || byte === TAB) table[byte] |= VALUE;
    if (visible && byte !== 35) table[byte] |= TARGET; // a fragment (#) is never sent
  }
  const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  mark(`${letters}!#$%&'*+-.^_\`|~`, TOKEN);
  mark(`${letters}-._~%!$&'()*+,;=:[]`, HOST);
  return table;

  function mark(text: string, bit: number): void {
    for (let i = 0; i < text.length; i++) table[text.charCodeAt(i)] |= bit;
  }
}

/** The names by their length: most fields are told apart by that alone. */
const NAMES_BY_LENGTH: Name[][] = [];
for (const name of NAMES) {
  if (name === "") continue;
  NAMES_BY_LENGTH[name.length] ??= [];
  NAMES_BY_LENGTH[name.length].push(name);
}

/** Bytes made into text at once: they pass over the engine's stack, which is small on the chip. */
const TEXT_PIECE = 32;

/** Bytes that a head's own buffer holds at first, and keeps for the next head. */
const BUFFER_BYTES = 512;

const NOTHING = new Uint8Array(0);

/**
 * One head, fed piece by piece. The outcome does not depend on where the pieces are cut: each line
 * is judged when its end has come, the first fault decides.
 */
export class Head {
  /** The head as it came: the piece itself when all of it came in one, else a copy. */
  bytes: Uint8Array = NOTHING;
  /** Bytes of it so far. */
  length = 0;
  done = false;
  error: HeadError | undefined;
  fields: Field[] = [];

  /** Minor version: HTTP/1.`minor`. */
  minor = 1;
  /** A request's method and target, as they stand in the first line. */
  methodEnd = 0;
  targetStart = 0;
  targetEnd = 0;
  /** Where the first line begins: one empty line may stand before a request. */
  start = 0;
  /** A response's status. */
  status = 0;

  #own: Uint8Array = NOTHING;
  #request: boolean;
  #limits: HeadLimits;
  #lines = 0;
  #lineStart = 0;

  constructor(kind: "request" | "response", limits: HeadLimits) {
    this.#request = kind === "request";
    this.#limits = limits;
  }

  /** Ready for the next message. */
  reset(): void {
    this.length = 0;
    this.done = false;
    this.error = undefined;
    this.fields = [];
    this.start = 0;
    this.#lines = 0;
    this.#lineStart = 0;
    if (this.#own.byteLength > BUFFER_BYTES) this.#own = NOTHING;
  }

  /**
   * Takes what belongs to the head from a piece; returns how many bytes that were. The piece must
   * not change before `keep` or the next `feed`.
   */
  feed(piece: Uint8Array): number {
    const before = this.length;
    const { headBytesMax } = this.#limits;
    const count = Math.min(piece.byteLength, headBytesMax - before);
    if (before === 0) {
      this.bytes = piece;
    } else {
      this.keep();
      this.#reserve(before + count);
      this.bytes.set(piece.subarray(0, count), before);
    }
    const { bytes } = this;
    const end = before + count;
    this.length = end;
    for (let at = bytes.indexOf(LF, before); at >= 0 && at < end; at = bytes.indexOf(LF, at + 1)) {
      this.#line(at);
      if (this.error !== undefined || this.done) {
        this.length = at + 1;
        return at + 1 - before;
      }
    }
    if (end === headBytesMax) this.error = this.#lines === 0 && this.#request ? 414 : 431;
    return count;
  }

  /** Copies what has come so far, if that was not done before. */
  keep(): void {
    const { length } = this;
    if (this.bytes === this.#own) return;
    if (this.#own.byteLength < length) {
      this.#own = new Uint8Array(Math.max(length, BUFFER_BYTES));
    }
    this.#own.set(this.bytes.subarray(0, length));
    this.bytes = this.#own;
  }

  /** The fields of one name. */
  all(name: Name): Field[] {
    return this.fields.filter(field => field.name === name && !field.twin);
  }

  /** The only field of a name; `undefined` where there is none, or more than one. */
  only(name: Name): Field | undefined {
    const fields = this.all(name);
    return fields.length === 1 ? fields[0] : undefined;
  }

  /** Bytes as text, one character each. */
  text(start: number, end: number): string {
    let text = "";
    for (let at = start; at < end; at += TEXT_PIECE) {
      const piece = this.bytes.subarray(at, Math.min(end, at + TEXT_PIECE));
      text += String.fromCharCode.apply(null, piece as unknown as number[]);
    }
    return text;
  }

  value({ valueStart, valueEnd }: Field): string {
    return this.text(valueStart, valueEnd);
  }

  /** Does the list of tokens that the fields of this name hold have `token` (in lower case)? */
  lists(name: Name, token: string): boolean {
    return this.fields.some(
      field => field.name === name && !field.twin && this.#tokens(field).includes(token),
    );
  }

  /** Tokens of all fields of a name, in lower case. */
  tokens(name: Name): string[] {
    return this.all(name).flatMap(field => this.#tokens(field));
  }

  #tokens(field: Field): string[] {
    return this.value(field)
      .split(",")
      .map(token => token.trim().toLowerCase())
      .filter(token => token !== "");
  }

  #reserve(length: number): void {
    if (length <= this.bytes.byteLength) return;
    const { headBytesMax } = this.#limits;
    const larger = new Uint8Array(Math.min(headBytesMax, Math.max(length, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = this.#own = larger;
  }

  /** A line ends with the LF at `at`. */
  #line(at: number): void {
    const start = this.#lineStart;
    const end = at - 1;
    this.#lineStart = at + 1;
    if (end < start || this.bytes[end] !== CR) {
      this.error = 400; // LF alone
    } else if (end === start) {
      if (this.#lines > 0) this.done = true;
      else if (this.#request && start === 0) this.start = at + 1;
      else this.error = 400;
    } else if (++this.#lines > this.#limits.headLinesMax) {
      this.error = 431;
    } else {
      const good =
        this.#lines > 1
          ? this.#field(start, end)
          : this.#request
            ? this.#requestLine(start, end)
            : this.#statusLine(start, end);
      if (!good) this.error = 400;
    }
  }

  #requestLine(start: number, end: number): boolean {
    this.methodEnd = this.#span(start, end, TOKEN);
    this.targetStart = this.methodEnd + 1;
    this.targetEnd = this.#span(this.targetStart, end, TARGET);
    return (
      this.methodEnd > start &&
      this.bytes[this.methodEnd] === SPACE &&
      this.targetEnd > this.targetStart &&
      this.bytes[this.targetEnd] === SPACE &&
      end === this.targetEnd + 9 &&
      this.#version(this.targetEnd + 1)
    );
  }

  /** `HTTP/1.1 200 OK`; the words may be missing, and their blank with them. */
  #statusLine(start: number, end: number): boolean {
    if (end < start + 12 || !this.#version(start) || this.bytes[start + 8] !== SPACE) return false;
    this.status = this.#digits(start + 9, start + 12);
    return (
      this.status >= 100 &&
      (end === start + 12 || this.bytes[start + 12] === SPACE) &&
      this.#span(start, end, VALUE) === end
    );
  }

  #version(start: number): boolean {
    const { bytes } = this;
    const minor = bytes[start + 7] - 48;
    this.minor = minor;
    return this.#is("HTTP/1.", start) && (minor === 0 || minor === 1);
  }

  #field(start: number, end: number): boolean {
    const { bytes } = this;
    const nameEnd = this.#span(start, end, TOKEN);
    if (nameEnd === start || bytes[nameEnd] !== COLON) return false;
    let valueStart = nameEnd + 1;
    if (this.#span(valueStart, end, VALUE) !== end) return false;
    let valueEnd = end;
    while (valueStart < valueEnd && blank(bytes[valueStart])) valueStart++;
    while (valueEnd > valueStart && blank(bytes[valueEnd - 1])) valueEnd--;
    let name: Name = "";
    let twin = false;
    const candidates = NAMES_BY_LENGTH[nameEnd - start];
    if (candidates !== undefined) {
      for (const candidate of candidates) {
        const likeness = this.#names(candidate, start);
        if (likeness === 0) continue;
        name = candidate;
        twin = likeness === 2;
        break;
      }
    }
    this.fields.push({ name, twin, nameStart: start, nameEnd, valueStart, valueEnd });
    return true;
  }

  /** 1 when the bytes at `start` spell `name` in any case, 2 when only with `_` for `-`, else 0. */
  #names(name: string, start: number): 0 | 1 | 2 {
    const { bytes } = this;
    let likeness: 1 | 2 = 1;
    for (let i = 0; i < name.length; i++) {
      const wanted = name.charCodeAt(i);
      const byte = bytes[start + i];
      if (byte === wanted || (wanted >= 97 && byte === wanted - 32)) continue;
      if (wanted !== 45 || byte !== 95) return 0;
      likeness = 2;
    }
    return likeness;
  }

  #is(text: string, start: number): boolean {
    for (let i = 0; i < text.length; i++) {
      if (this.bytes[start + i] !== text.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Where the run of bytes of a class ends that begins at `start`. */
  #span(start: number, end: number, mask: number): number {
    const { bytes } = this;
    let at = start;
    while (at < end && (CLASS[bytes[at]] & mask) !== 0) at++;
    return at;
  }

  #digits(start: number, end: number): number {
    let number = 0;
    for (let at = start; at < end; at++) {
      const digit = this.bytes[at] - 48;
      if (digit < 0 || digit > 9) return -1;
      number = number * 10 + digit;
    }
    return number;
  }

  /** A value that is nothing but 1 to 15 digits, as a number; -1 for any other. */
  number({ valueStart, valueEnd }: Field): number {
    const count = valueEnd - valueStart;
    return count >= 1 && count <= 15 ? this.#digits(valueStart, valueEnd) : -1;
  }

  /** May the value be an authority: a name or address, and perhaps a port? */
  isHost({ valueStart, valueEnd }: Field): boolean {
    return this.#span(valueStart, valueEnd, HOST) === valueEnd;
  }
}

function blank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}
