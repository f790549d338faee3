import { EQUALS, SEMICOLON, SPACE, TAB } from "../net/ascii-codes.ts";
import { isBlank } from "./grammar.ts";
import type { Head } from "./head.ts";

/** The cookie that keeps a browser with its backend. */
export const STICKY_COOKIE = "lb";

/** The beginning of its pair: `lb=`. */
const L = 108;
const B = 98;
export const OURS_BYTES = 3;

/** Is there a sticky cookie in a field? */
export function hasStickyCookie(head: Head, field: number): boolean {
  return ours(bytesOf(head, field), 0) >= 0;
}

/**
 * A field's cookies without the board's, which no backend gets: calls `piece` with each run of bytes to keep.
 */
export function withoutStickyCookie(
  head: Head,
  field: number,
  piece: (bytes: Uint8Array) => void,
): void {
  const cookies = bytesOf(head, field);
  const { byteLength } = cookies;
  let from = 0;
  let any = false;
  for (let at = ours(cookies, 0); at >= 0; at = ours(cookies, from)) {
    let end = cookies.indexOf(SEMICOLON, at);
    if (end < 0) end = byteLength;
    // With the semicolon before it, or, where it is the first, with the one behind.
    let start = at;
    while (start > from && cookies[start] !== SEMICOLON) start--;
    if (start > from) {
      piece(cookies.subarray(from, start));
      any = true;
    } else if (!any) {
      end = skipBlanks(cookies, end + 1);
    }
    from = end;
  }
  if (from < byteLength) piece(cookies.subarray(from));
}

/** A field's value alone: a search in all of the head would go on far behind it. */
export function bytesOf(head: Head, field: number): Uint8Array {
  return head.bytes.subarray(head.valueStart(field), head.valueEnd(field));
}

/** Where the next sticky cookie begins, from `from` on; -1 where there is none. */
export function ours(cookies: Uint8Array, from: number): number {
  for (let at = cookies.indexOf(L, from); at >= 0; at = cookies.indexOf(L, at + 1)) {
    if (cookies[at + 1] !== B || cookies[at + 2] !== EQUALS) continue;
    let before = at;
    let byte = SPACE;
    while (before > 0 && (byte === SPACE || byte === TAB)) byte = cookies[--before];
    if (byte === SEMICOLON || (before === 0 && (byte === SPACE || byte === TAB))) return at;
  }
  return -1;
}

function skipBlanks(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.byteLength && isBlank(bytes[at])) at++;
  return Math.min(at, bytes.byteLength);
}

export function ends(byte: number): boolean {
  return byte === SEMICOLON || isBlank(byte);
}
