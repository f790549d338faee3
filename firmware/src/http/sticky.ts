import type { Backend } from "../backend/backend.ts";
import type { Group } from "../backend/pool.ts";
import { type SipKey, sipHash } from "../sip-hash.ts";
import type { Field, Head } from "./head.ts";
import type { Route } from "./route.ts";

/** The cookie that keeps a browser with its backend. */
export const STICKY_COOKIE = "lb";

/** What its pair begins with: `lb=`. */
const L = 108;
const B = 98;
const EQUALS = 61;
const OURS_BYTES = 3;

const TAB = 9;
const SPACE = 32;
const SEMICOLON = 59;

/** Hexadecimal digits of a word. */
const WORD_DIGITS = 8;

/**
 * Keeps a browser with the backend that served it first, by a cookie whose value is a keyed hash of the
 * group and the backend: without the key it cannot be made, it does not tell what names there are, and one
 * that was made for another group is none.
 */
export class StickyCookie {
  #key: () => SipKey;
  /** Of each group by its index, the two words of each backend's hash; made when they are needed first. */
  #hashes: (Uint32Array | undefined)[] = [];

  /** `key` gives the same key each time; it is asked when the first client comes. */
  constructor(key: () => SipKey) {
    this.#key = key;
  }

  /** The backend of `group` that the request's cookies name. */
  read(head: Head, group: Group): Backend | undefined {
    const { known, bytes } = head;
    for (let i = 0; i < known.length; i++) {
      const field = known[i];
      if (field.name !== "cookie") continue;
      const { valueStart, valueEnd } = field;
      for (let at = ours(bytes, valueStart, valueEnd, valueStart); at >= 0; ) {
        const backend = this.#named(bytes, at + OURS_BYTES, valueEnd, group);
        if (backend !== undefined) return backend;
        at = ours(bytes, at + OURS_BYTES, valueEnd, valueStart);
      }
    }
    return undefined;
  }

  /**
   * What the client is told to remember: until the browser is closed, for no script, and for the paths of the
   * route only, so that a browser has a cookie for each route.
   */
  setCookie({ path, group }: Route, backend: Backend): string {
    const hashes = this.#hashesOf(group);
    const place = 2 * group.backends.indexOf(backend);
    const value = digits(hashes[place]) + digits(hashes[place + 1]);
    const end = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
    return `${STICKY_COOKIE}=${value}; Path=${path.slice(0, end)}; HttpOnly; SameSite=Lax`;
  }

  /** The backend whose hash begins at `start`. */
  #named(bytes: Uint8Array, start: number, end: number, group: Group): Backend | undefined {
    const at = start + 2 * WORD_DIGITS;
    if (at > end || (at < end && !ends(bytes[at]))) return undefined;
    const first = word(bytes, start);
    const second = word(bytes, start + WORD_DIGITS);
    if (first < 0 || second < 0) return undefined;
    const hashes = this.#hashesOf(group);
    const { backends } = group;
    for (let i = 0; i < backends.length; i++) {
      if (((hashes[2 * i] ^ first) | (hashes[2 * i + 1] ^ second)) === 0) return backends[i];
    }
    return undefined;
  }

  #hashesOf(group: Group): Uint32Array {
    const made = this.#hashes[group.index];
    if (made !== undefined) return made;
    const { backends, name } = group;
    const hashes = new Uint32Array(2 * backends.length);
    const key = this.#key();
    for (let i = 0; i < backends.length; i++) {
      sipHash(key, `${name} ${backends[i].name}`, hashes, 2 * i);
    }
    this.#hashes[group.index] = hashes;
    return hashes;
  }
}

/** Is there a cookie of ours in a field? */
export function hasOurs({ bytes }: Head, { valueStart, valueEnd }: Field): boolean {
  return ours(bytes, valueStart, valueEnd, valueStart) >= 0;
}

/**
 * A field's cookies but ours, which is none of the backend's business: calls `piece` with where each stretch of
 * them begins and ends.
 */
export function otherCookies(
  { bytes }: Head,
  { valueStart, valueEnd }: Field,
  piece: (start: number, end: number) => void,
): void {
  let from = valueStart;
  let any = false;
  for (let at = ours(bytes, from, valueEnd, from); at >= 0; ) {
    let end = bytes.indexOf(SEMICOLON, at);
    if (end < 0 || end > valueEnd) end = valueEnd;
    // With the semicolon before it, or, where it is the first, with the one behind.
    let start = at;
    while (start > from && bytes[start] !== SEMICOLON) start--;
    if (start > from) {
      piece(from, start);
      any = true;
    } else if (!any) {
      end = skipBlanks(bytes, end + 1, valueEnd);
    }
    from = end;
    at = from < valueEnd ? ours(bytes, from, valueEnd, valueStart) : -1;
  }
  if (from < valueEnd) piece(from, valueEnd);
}

/** Where the next cookie of ours begins in a value, from `from` on; -1 where there is none. */
function ours(bytes: Uint8Array, from: number, end: number, valueStart: number): number {
  for (let at = bytes.indexOf(L, from); at >= 0 && at < end; at = bytes.indexOf(L, at + 1)) {
    if (bytes[at + 1] !== B || bytes[at + 2] !== EQUALS) continue;
    let before = at - 1;
    while (before >= valueStart && blank(bytes[before])) before--;
    if (before < valueStart || bytes[before] === SEMICOLON) return at;
  }
  return -1;
}

function skipBlanks(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && blank(bytes[at])) at++;
  return Math.min(at, end);
}

function blank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

function ends(byte: number): boolean {
  return byte === SEMICOLON || blank(byte);
}

/** Eight digits as they are written by `digits`, as a number; -1 where they are none. */
function word(bytes: Uint8Array, start: number): number {
  let word = 0;
  for (let at = start; at < start + WORD_DIGITS; at++) {
    const byte = bytes[at];
    const digit = byte >= 97 && byte <= 102 ? byte - 87 : byte >= 48 && byte <= 57 ? byte - 48 : -1;
    if (digit < 0) return -1;
    word = word * 16 + digit;
  }
  return word;
}

function digits(word: number): string {
  return word.toString(16).padStart(WORD_DIGITS, "0");
}
