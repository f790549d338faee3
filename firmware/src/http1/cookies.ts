import { EQUALS, SEMICOLON, SPACE, TAB } from "../net/ascii-codes.ts";
import { COOKIE } from "./field-names.ts";
import { isBlank } from "./grammar.ts";
import type { Head } from "./head.ts";
import type { HeadWriter } from "./head-writer.ts";

/** The cookie that keeps a browser with its backend. */
export const STICKY_COOKIE = "lb";

/** The beginning of its pair: `lb=`. */
const L = 108;
const B = 98;
export const OURS_BYTES = 3;

/** The known fields with a sticky cookie: a bit for each index. */
export function stickyFields(head: Head): number {
  let bits = 0;
  for (let field = head.find(COOKIE); field >= 0; field = head.find(COOKIE, field + 1)) {
    if (ours(bytesOf(head, field), 0) >= 0) bits |= 1 << field;
  }
  return bits;
}

/** Writes a field without the sticky cookies, which no backend gets; nothing if it has no others. Returns the end. */
export function withoutSticky(out: HeadWriter, at: number, head: Head, field: number): number {
  const cookies = bytesOf(head, field);
  const valueStart = head.valueStart(field);
  const { byteLength } = cookies;
  let written = at;
  const write = (start: number, stop: number) => {
    const { to, end } = out;
    if (written === at) written = out.putTexts(to, at, end, "Cookie: ", "", "", "", "");
    written = out.putBytes(to, written, end, head.buffer, valueStart + start, valueStart + stop);
  };
  let from = 0;
  for (let place = ours(cookies, 0); place >= 0; place = ours(cookies, from)) {
    let behind = cookies.indexOf(SEMICOLON, place);
    if (behind < 0) behind = byteLength;
    // With the semicolon before it, or, where it is the first, with the one behind.
    let start = place;
    while (start > from && cookies[start] !== SEMICOLON) start--;
    if (start > from) write(from, start);
    else if (written === at) behind = skipBlanks(cookies, behind + 1);
    from = behind;
  }
  if (from < byteLength) write(from, byteLength);
  return written === at ? at : out.putTexts(out.to, written, out.end, "\r\n", "", "", "", "");
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
