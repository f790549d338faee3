import { BACKSLASH, DOT, PERCENT, SEMICOLON, SLASH } from "../net/ascii-codes.ts";
import { textOf } from "../text/ascii.ts";
import { hexadecimal, UNRESERVED } from "./grammar.ts";

/** Longest path of a route, in bytes; a request's path is compared up to one byte more. */
export const ROUTE_PATH_MAX = 128;

/** True if no segment is empty or begins with a dot; bytes of `PLAIN_PATH` are then a normal path. */
export function isNormal(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at >= 0 && at < end; at = bytes.indexOf(SLASH, at + 1)) {
    const next = bytes[at + 1];
    if (next === SLASH || next === DOT) return false;
  }
  return true;
}

/** True if there is an encoded NUL, at which some servers stop reading. */
export function hasNul(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = bytes.indexOf(PERCENT, start); at >= 0 && at < end; ) {
    if (bytes[at + 1] === 48 && bytes[at + 2] === 48) return true;
    at = bytes.indexOf(PERCENT, at + 1);
  }
  return false;
}

/**
 * A path in its normal form (RFC 3986 section 6.2.2): what needs no encoding is decoded, dot segments are resolved,
 * and empty segments are left out, as nginx does. `undefined` where servers disagree about what it means: it
 * leaves the root, its dots follow an empty segment, or a % is not followed by two hexadecimal digits.
 *
 * With `loose` it is read as by servers that take \ and encoded slashes for slashes, and leave out the
 * parameters of segments (`;x`). `undefined` also where such a slash is among parameters.
 */
export function normalPath(
  bytes: Uint8Array,
  start: number,
  end: number,
  loose = false,
): Uint8Array | undefined {
  const into = new Uint8Array(end - start);
  into[0] = SLASH;
  let length = 1;
  let segment = 1; // where it begins in `into`
  let parameters = -1; // where its parameters begin there
  let hadEmpty = false;
  for (let at = start + 1; ; ) {
    const byte = bytes[at];
    let sign = at < end ? SIGNS[byte] : SLASH;
    if (sign === 0) {
      into[length++] = byte;
      at++;
      continue;
    }
    let width = 1;
    if (sign === PERCENT) {
      if (at + 2 >= end) return undefined;
      const decoded = hexadecimal(bytes[at + 1]) * 16 + hexadecimal(bytes[at + 2]);
      if (decoded <= 0) return undefined;
      width = 3;
      sign = loose ? SIGNS[decoded] : 0;
      if (UNRESERVED[decoded]) {
        into[length++] = decoded;
        at += width;
        continue;
      }
      if (sign === 0 || sign === PERCENT) {
        into[length] = byte;
        into[length + 1] = bytes[at + 1];
        into[length + 2] = bytes[at + 2];
        length += width;
        at += width;
        continue;
      }
    }
    if (sign === SEMICOLON || (sign === BACKSLASH && !loose)) {
      if (sign === SEMICOLON && parameters < 0) parameters = length;
      into[length++] = sign;
      at += width;
      continue;
    }
    // A slash, or the end: the segment is complete.
    if (loose && parameters >= 0) {
      if (at < end && byte !== SLASH) return undefined; // only some would end the parameters there
      length = parameters;
    }
    parameters = -1;
    const size = length - segment;
    if (size === 0) {
      hadEmpty = true;
    } else if (isDots(into, segment, size)) {
      if (size === 2) {
        if (hadEmpty || segment === 1) return undefined;
        segment = into.lastIndexOf(SLASH, segment - 2) + 1;
      }
      length = segment;
    } else if (at < end) {
      into[length++] = SLASH;
      segment = length;
    }
    if (at >= end) return into.subarray(0, length);
    at += width;
  }
}

/** Are these `size` bytes `.` or `..`? */
function isDots(bytes: Uint8Array, start: number, size: number): boolean {
  return size <= 2 && bytes[start] === DOT && (size === 1 || bytes[start + 1] === DOT);
}

/** The bytes that `normalPath` handles; 0 for all others. */
const SIGNS = Uint8Array.from({ length: 256 }, (_, byte) =>
  [PERCENT, SLASH, SEMICOLON, BACKSLASH].includes(byte) ? byte : 0,
);

/**
 * The beginning of a normal path as routes compare it, `ROUTE_PATH_MAX` characters and one more: without
 * parameters (RFC 3986 section 3.3). Where nothing or dots stand before them they stay, because the
 * segment would be another one without.
 */
export function comparedPath(path: Uint8Array): string {
  const kept = new Uint8Array(ROUTE_PATH_MAX + 1);
  let count = 0;
  let segment = 0; // where it begins in `kept`
  for (let at = 0; at < path.byteLength && count <= ROUTE_PATH_MAX; at++) {
    const byte = path[at];
    if (byte === SEMICOLON) {
      const size = count - segment;
      if (size === 0 || isDots(kept, segment, size)) kept[count++] = SEMICOLON;
      at = path.indexOf(SLASH, at) - 1;
      if (at < 0) break;
      continue;
    }
    kept[count++] = byte;
    if (byte === SLASH) segment = count;
  }
  return textOf(kept, 0, count);
}
