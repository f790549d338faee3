import { ASTERISK, BRACKET, CR, DOT, FF, LF, SLASH, SPACE, TAB, VT } from "./ascii-codes.ts";
/**
 * The methods of the IANA registry (June 2026) without `PRI`, the start of HTTP/2, which is handled as raw TCP.
 * Common ones come first, because the list is searched in order.
 */
export const METHODS: readonly string[] = Object.freeze(
  (
    "GET POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE PROPFIND PROPPATCH MKCOL COPY MOVE " +
    "LOCK UNLOCK SEARCH QUERY REPORT ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT LABEL LINK " +
    "MERGE MKACTIVITY MKCALENDAR MKREDIRECTREF MKWORKSPACE ORDERPATCH REBIND UNBIND " +
    "UNCHECKOUT UNLINK UPDATE UPDATEREDIRECTREF VERSION-CONTROL"
  ).split(" "),
);

/** Longest first line that is examined as a whole, in bytes. */
const FIRST_LINE_BYTES_MAX = 1024;

/** Empty lines accepted before a request; RFC 9112 section 2.2 asks for at least one. */
export const EMPTY_LINES_MAX = 4;

const ONE = 49;

/** A target may begin with one of these; other schemes are recognized by `://`. */
const WEB_SCHEMES = Object.freeze(["http://", "https://"]);

/** The first byte of a TLS record with a handshake message (RFC 8446 section 5.1), and of no HTTP. */
const TLS_HANDSHAKE = 0x16;

/** The first byte of a major version that SSL 3 and all versions of TLS have. */
const TLS_MAJOR = 3;

/** True if the bytes begin as a TLS hello does, as far as they go. */
export function startsTls(bytes: Uint8Array): boolean {
  return bytes[0] === TLS_HANDSHAKE && (bytes.byteLength === 1 || bytes[1] === TLS_MAJOR);
}

/**
 * Decides from a client's first bytes whether it speaks HTTP/1 or another protocol; `undefined` while there are too
 * few bytes. `final`: decide now, no more bytes are awaited.
 *
 * HTTP is everything that a lenient server might accept as a request: with any white space of RFC 9112 section 3
 * instead of a single space, after empty lines, well-formed or not. Malformed requests get 400 from the HTTP parser.
 *
 * - Any first line that ends in `HTTP/1.x`.
 * - A registered method, white space and the start of an HTTP target, unless the first line ends in the version of
 *   another protocol (RTSP, SIP and ICAP share `OPTIONS` with HTTP).
 *
 * More bytes are awaited only after a prefix of a method, after empty lines, or for a target that RTSP, SIP or
 * ICAP share with HTTP. Anything else is decided at once, because the client may be waiting for the server to speak.
 */
export function sniff(bytes: Uint8Array, final = false): "http" | "tcp" | undefined {
  const count = bytes.byteLength;
  let start = 0;
  while (bytes[start] <= SPACE && (bytes[start] === LF || isBlank(bytes[start]))) start++;
  const end = bytes.indexOf(LF, start);
  const whole = end >= 0 && end < FIRST_LINE_BYTES_MAX;
  const version = whole ? versionOf(bytes, start, end) : undefined;
  if (version === "HTTP/1") return "http";

  const first = bytes[start];
  if (start < count && !isCapital(first)) return "tcp";
  let begun = start === count;
  for (let i = 0; i < METHODS.length && !begun; i++) {
    const method = METHODS[i];
    if (method.charCodeAt(0) !== first) continue;
    const at = start + common(bytes, start, method);
    if (at === count) {
      begun = true;
    } else if (at === start + method.length && isBlank(bytes[at])) {
      if (version === "foreign") return "tcp";
      const target = targetAt(bytes, at + 1, method);
      if (target !== undefined) return target;
      return whole || final || count >= FIRST_LINE_BYTES_MAX ? "http" : undefined;
    }
  }
  return begun && !final && isEmptyLines(bytes, start) ? undefined : "tcp";
}

/**
 * The protocol that the target at `at` belongs to; `undefined` if HTTP and other protocols may have it.
 */
function targetAt(bytes: Uint8Array, at: number, method: string): "http" | "tcp" | undefined {
  const first = bytes[at];
  if (first === undefined || first === ASTERISK) return undefined;
  if (first === SLASH || (isBlank(first) && first !== CR)) return "http";
  if (method === "CONNECT" && (isAlphanumeric(first) || first === BRACKET)) return undefined;
  return schemeAt(bytes, at) ? undefined : "tcp";
}

/** True if a scheme and `://` begin at `start`, or the bytes end within `http://` or `https://`. */
function schemeAt(bytes: Uint8Array, start: number): boolean {
  for (const scheme of WEB_SCHEMES) {
    const length = common(bytes, start, scheme);
    if (length === scheme.length || start + length === bytes.byteLength) return true;
  }
  let at = start;
  while (isAlphanumeric(bytes[at])) at++;
  return at > start && common(bytes, at, "://") === 3;
}

/** The protocol whose version is the last word of the line; `undefined` for none, or a version of HTTP other than 1.x. */
function versionOf(
  bytes: Uint8Array,
  start: number,
  end: number,
): "HTTP/1" | "foreign" | undefined {
  let last = end;
  while (last > start && isBlank(bytes[last - 1])) last--;
  const slash = last - "/1.1".length;
  if (slash <= start || bytes[slash] !== SLASH || bytes[slash + 2] !== DOT) return undefined;
  if (!isDigit(bytes[slash + 1]) || !isDigit(bytes[slash + 3])) return undefined;
  let name = slash;
  while (name > start && isCapital(bytes[name - 1])) name--;
  if (name === slash || name === start || !isBlank(bytes[name - 1])) return undefined;
  if (slash - name !== "HTTP".length || common(bytes, name, "HTTP/") < 5) return "foreign";
  return bytes[slash + 1] === ONE ? "HTTP/1" : undefined;
}

/** True if the bytes before `end` are at most `EMPTY_LINES_MAX` empty lines (LF or CR LF, the last one perhaps cut). */
function isEmptyLines(bytes: Uint8Array, end: number): boolean {
  let lines = 0;
  for (let at = 0; at < end; at++) {
    if (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] !== LF)) lines++;
    else if (bytes[at] !== CR) return false;
  }
  return lines <= EMPTY_LINES_MAX;
}

/** The number of bytes from `start` on that equal `text`. */
function common(bytes: Uint8Array, start: number, text: string): number {
  let count = 0;
  while (count < text.length && bytes[start + count] === text.charCodeAt(count)) count++;
  return count;
}

/** White space within a line: RFC 9112 section 3. */
function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB || byte === VT || byte === FF || byte === CR;
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isCapital(byte: number): boolean {
  return byte >= 65 && byte <= 90;
}

function isAlphanumeric(byte: number): boolean {
  return isCapital(byte & ~32) || isDigit(byte);
}
