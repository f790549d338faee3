import type { Backend } from "../backend/backend.ts";
import { bytesOf, ends, OURS_BYTES, ours, STICKY_COOKIE } from "../http1/cookies.ts";
import { COOKIE } from "../http1/field-names.ts";
import type { Head } from "../http1/head.ts";
import { type SipKey, sipHash } from "../net/sip-hash.ts";
import { textOf } from "../text/ascii.ts";
import type { Group, Route } from "./group.ts";

/** Hexadecimal digits of a cookie's value: a hash of 64 bits. */
const DIGITS = 16;

/**
 * Keeps a browser with the backend that served it first, by a cookie whose value is a keyed hash of the group and the
 * backend: without the key it cannot be forged, it does not reveal names, and it is not valid for another group.
 */
export class StickyCookie {
  #key: () => SipKey;
  /** Values by index of group and backend; calculated when first needed. */
  #values: (readonly string[] | undefined)[] = [];

  /** `key` returns the same key each time; it is called when the first client comes. */
  constructor(key: () => SipKey) {
    this.#key = key;
  }

  /** The backend of `group` that the request's cookies name. */
  read(head: Head, group: Group): Backend | undefined {
    for (let field = head.find(COOKIE); field >= 0; field = head.find(COOKIE, field + 1)) {
      const cookies = bytesOf(head, field);
      const { byteLength } = cookies;
      for (let at = ours(cookies, 0); at >= 0; ) {
        const start = at + OURS_BYTES;
        const end = start + DIGITS;
        at = ours(cookies, start);
        if (at >= 0 && at < end) continue; // shorter, as the next one begins before its end
        if (end > byteLength || (end < byteLength && !ends(cookies[end]))) continue;
        const place = this.valuesOf(group).indexOf(textOf(cookies, start, end));
        if (place >= 0) return group.backends[place];
      }
    }
    return undefined;
  }

  /** The Set-Cookie field: until the browser is closed, not for scripts, and only for the paths of the route. */
  setCookie({ path, group }: Route, backend: Backend): string {
    const value = this.valuesOf(group)[group.backends.indexOf(backend)];
    const end = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
    return `${STICKY_COOKIE}=${value}; Path=${path.slice(0, end)}; HttpOnly; SameSite=Lax`;
  }

  private valuesOf({ index, backends, name }: Group): readonly string[] {
    const known = this.#values[index];
    if (known !== undefined) return known;
    const key = this.#key();
    const words = new Uint32Array(2);
    const values: string[] = [];
    for (let i = 0; i < backends.length; i++) {
      sipHash(key, `${name} ${backends[i].name}`, words, 0);
      values.push(hex(words[0]) + hex(words[1]));
    }
    this.#values[index] = values;
    return values;
  }
}

function hex(word: number): string {
  return word.toString(16).padStart(DIGITS / 2, "0");
}
