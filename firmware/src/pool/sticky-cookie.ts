import type { Backend } from "../backend/backend.ts";
import { bytesOf, ends, OURS_BYTES, ours, STICKY_COOKIE } from "../http1/cookies.ts";
import type { Head } from "../http1/head.ts";
import { type SipKey, sipHash } from "../net/sip-hash.ts";
import type { Group, Route } from "./group.ts";

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
    const { known } = head;
    for (let i = 0; i < known.length; i++) {
      if (known[i].name !== "cookie") continue;
      const cookies = bytesOf(head, known[i]);
      for (let at = ours(cookies, 0); at >= 0; at = ours(cookies, at + OURS_BYTES)) {
        const backend = this.#named(cookies, at + OURS_BYTES, group);
        if (backend !== undefined) return backend;
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
  #named(cookies: Uint8Array, start: number, group: Group): Backend | undefined {
    const end = start + 2 * WORD_DIGITS;
    const { byteLength } = cookies;
    if (end > byteLength || (end < byteLength && !ends(cookies[end]))) return undefined;
    const first = word(cookies, start);
    const second = word(cookies, start + WORD_DIGITS);
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
