/**
 * Methods of the IANA registry (of June 2026), `PRI` left out: it begins HTTP/2, which nothing here reads.
 * The usual ones stand first, because the list is searched from its beginning.
 */
export const METHODS: readonly string[] = Object.freeze([
  "GET",
  "POST",
  "PUT",
  "HEAD",
  "DELETE",
  "OPTIONS",
  "PATCH",
  "CONNECT",
  "TRACE",
  "PROPFIND",
  "PROPPATCH",
  "MKCOL",
  "COPY",
  "MOVE",
  "LOCK",
  "UNLOCK",
  "SEARCH",
  "QUERY",
  "REPORT",
  "ACL",
  "BASELINE-CONTROL",
  "BIND",
  "CHECKIN",
  "CHECKOUT",
  "LABEL",
  "LINK",
  "MERGE",
  "MKACTIVITY",
  "MKCALENDAR",
  "MKREDIRECTREF",
  "MKWORKSPACE",
  "ORDERPATCH",
  "REBIND",
  "UNBIND",
  "UNCHECKOUT",
  "UNLINK",
  "UPDATE",
  "UPDATEREDIRECTREF",
  "VERSION-CONTROL",
]);

/** Bytes within which a first line must end to be looked at as a whole. */
const FIRST_LINE_BYTES_MAX = 1024;

/** Empty lines after which the sniffer waits for a request; RFC 9112 section 2.2 asks for one. */
export const EMPTY_LINES_MAX = 4;

const TAB = 9;
const LF = 10;
const VT = 11;
const FF = 12;
const CR = 13;
const SPACE = 32;
const ASTERISK = 42;
const DOT = 46;
const SLASH = 47;
const ONE = 49;
const BRACKET = 91;

/** A target that begins like these is told by them; one with another scheme by its `://`. */
const WEB_SCHEMES = Object.freeze(["http://", "https://"]);

/**
 * Tells from a client's first bytes whether it speaks HTTP/1 or anything else; `undefined` while too few
 * have come. `final` says that no more are waited for.
 *
 * HTTP is whatever a lenient server may read as a request: with any of the white space that RFC 9112
 * section 3 allows instead of one space, behind empty lines, well-formed or not. What is not well-formed
 * gets its 400 from the HTTP parser.
 *
 * - Any first line that ends in `HTTP/1.x`.
 * - A registered method, white space, and a target that begins like one of HTTP; but not a first line that
 *   ends in another protocol's version (RTSP, SIP and ICAP share `OPTIONS` with HTTP).
 *
 * Only the beginning of a method, empty lines, and a target that those three share with HTTP wait for more
 * bytes: everything else would wait for an answer that no byte brings.
 */
export function sniff(bytes: Uint8Array, final = false): "http" | "tcp" | undefined {
  const count = bytes.byteLength;
  let start = 0;
  while (start < count && (bytes[start] === LF || isBlank(bytes[start]))) start++;
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
 * Judges the target that begins at `at`; `undefined` where HTTP may have it, and another protocol, too.
 */
function targetAt(bytes: Uint8Array, at: number, method: string): "http" | "tcp" | undefined {
  const first = bytes[at];
  if (first === undefined || first === ASTERISK) return undefined;
  if (first === SLASH || (isBlank(first) && first !== CR)) return "http";
  if (method === "CONNECT" && (isAlphanumeric(first) || first === BRACKET)) return undefined;
  return schemeAt(bytes, at) ? undefined : "tcp";
}

/** A URL's scheme and `://` begin at `start`, or the bytes end within `http://` or `https://`. */
function schemeAt(bytes: Uint8Array, start: number): boolean {
  for (const scheme of WEB_SCHEMES) {
    const length = common(bytes, start, scheme);
    if (length === scheme.length || start + length === bytes.byteLength) return true;
  }
  let at = start;
  while (isAlphanumeric(bytes[at])) at++;
  return at > start && common(bytes, at, "://") === 3;
}

/** Which protocol's version the line from `start` to `end` has as its last word: `HTTP` is another one. */
function versionOf(
  bytes: Uint8Array,
  start: number,
  end: number,
): "HTTP/1" | "HTTP" | "foreign" | undefined {
  let last = end;
  while (last > start && isBlank(bytes[last - 1])) last--;
  const slash = last - "/1.1".length;
  if (slash <= start || bytes[slash] !== SLASH || bytes[slash + 2] !== DOT) return undefined;
  if (!isDigit(bytes[slash + 1]) || !isDigit(bytes[slash + 3])) return undefined;
  let name = slash;
  while (name > start && isCapital(bytes[name - 1])) name--;
  if (name === slash || name === start || !isBlank(bytes[name - 1])) return undefined;
  if (slash - name !== "HTTP".length || common(bytes, name, "HTTP/") < 5) return "foreign";
  return bytes[slash + 1] === ONE ? "HTTP/1" : "HTTP";
}

/** The bytes before `end` are empty lines, `EMPTY_LINES_MAX` at most: LF, CR LF, or the CR of one to come. */
function isEmptyLines(bytes: Uint8Array, end: number): boolean {
  let lines = 0;
  for (let at = 0; at < end; at++) {
    if (bytes[at] === LF || (bytes[at] === CR && bytes[at + 1] !== LF)) lines++;
    else if (bytes[at] !== CR) return false;
  }
  return lines <= EMPTY_LINES_MAX;
}

/** How many bytes from `start` on are those of `text`. */
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
