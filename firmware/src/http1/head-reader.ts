/**
 * Parses the head of a request or response strictly by RFC 9112. Whatever two parsers could read differently is
 * refused, so that no server behind the proxy sees another message than the proxy did.
 */

import { COLON, CR, DOT, LF, QUESTION_MARK, SLASH, SPACE } from "../net/ascii-codes.ts";
import { EMPTY_LINES_MAX } from "../net/sniff.ts";
import { textOf } from "../text/ascii.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  HOST,
  isUnderscored,
  type Name,
  nameAt,
  OTHER,
  UPGRADE,
} from "./field-names.ts";
import {
  decimal,
  isBlank,
  isPlainHost,
  PLAIN_PATH,
  span,
  TARGET,
  TOKEN,
  VALUE,
} from "./grammar.ts";
import {
  BODY_HIGH,
  BODY_LOW,
  BYTES_MAX,
  COMPLETE,
  COUNT,
  FIELDS_START,
  FORM,
  GOES_ON,
  HAS_BODY_BYTES,
  HAS_CLOSE,
  HAS_KEEP_ALIVE,
  HAS_NORMAL_PATH,
  HAS_OTHER_OPTION,
  HAS_PLAIN_HOST,
  HAS_UPGRADE,
  IS_HTTP_1_1,
  IS_REQUEST,
  KNOWN_FIELDS_MAX,
  LINE_END,
  LINE_START,
  LINES,
  LINES_MAX,
  MEMBERS,
  METHOD,
  METHODS,
  MINOR,
  NAME,
  ORDINAL,
  ORDINAL_BITS,
  OUTCOME_BITS,
  PARSED,
  PATH_END,
  RECORD_LENGTH,
  START,
  STATUS,
  TARGET_END,
  TARGET_START,
  VALUE_END,
  VALUE_START,
} from "./head-layout.ts";
import { isNormal } from "./path.ts";

/** CR and LF. */
export const LINE_END_BYTES = 2;

/**
 * Most members of all Connection and Upgrade lists of a head; browsers send two. A head full of them would need more
 * memory than the chip has.
 */
const LIST_MEMBERS_MAX = 32;

/** Digits of a Content-Length that fits into two words. */
const BODY_DIGITS_MAX = 9;

/**
 * Reads on in a head: `from` of its first `end` bytes have been read before. Returns the bytes of the head so far and,
 * from `OUTCOME_BITS` on, the outcome. `words` is what head-layout.ts says, and all that is kept between calls.
 *
 * The result does not depend on where the calls divide the bytes: each line is read when it is complete, and the first
 * error decides. The same in C is native/head.c.
 */
export function readHead(bytes: Uint8Array, from: number, end: number, words: Uint16Array): number {
  if (from === 0) {
    words.fill(0, 0, BYTES_MAX);
    words[MINOR] = 1;
  }
  const length = Math.min(end, words[BYTES_MAX]);
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < length; at = bytes.indexOf(LF, at + 1)) {
    const outcome = readLine(bytes, at, words);
    if (outcome !== GOES_ON) return (at + 1) | (outcome << OUTCOME_BITS);
  }
  if (length < words[BYTES_MAX]) return length;
  return length | ((words[LINES] === 0 && isRequest(words) ? 414 : 431) << OUTCOME_BITS);
}

function isRequest(words: Uint16Array): boolean {
  return words[IS_REQUEST] !== 0;
}

/** Reads the line that ends with the LF at `at`; the outcome. */
function readLine(bytes: Uint8Array, at: number, words: Uint16Array): number {
  const start = words[PARSED];
  const end = at - 1;
  const lines = words[LINES];
  words[PARSED] = at + 1;
  if (lines === 0 && end <= start && isRequest(words) && isEmptyLine(bytes, start, at)) {
    words[START] = at + 1;
    return GOES_ON;
  }
  if (end < start || bytes[end] !== CR) return 400; // LF alone
  if (end === start) return lines > 0 ? COMPLETE : 400;
  words[LINES] = lines + 1;
  if (lines >= words[LINES_MAX]) return 431;
  if (lines > 0) return readField(bytes, start, end, words);
  words[FIELDS_START] = end + LINE_END_BYTES;
  return isRequest(words)
    ? readRequestLine(bytes, start, end, words)
    : readStatusLine(bytes, start, end, words);
}

/**
 * Is this an empty line before a request? False where it is one too many. LF alone may end it, as with nginx
 * and HAProxy: no backend ever sees it.
 */
function isEmptyLine(bytes: Uint8Array, start: number, at: number): boolean {
  if (start < at && bytes[start] !== CR) return false;
  let lines = 0; // nothing but empty lines stands before
  for (let i = 0; i <= at; i++) if (bytes[i] === LF) lines++;
  return lines <= EMPTY_LINES_MAX;
}

function readRequestLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  words: Uint16Array,
): number {
  const methodEnd = span(bytes, start, TOKEN);
  if (methodEnd === start || bytes[methodEnd] !== SPACE) return 400;
  const targetStart = methodEnd + 1;
  const targetEnd = span(bytes, targetStart, TARGET);
  if (targetEnd === targetStart || bytes[targetEnd] !== SPACE || end !== targetEnd + 9) return 400;
  const pathEnd = span(bytes, targetStart, PLAIN_PATH);
  words[METHOD] = Math.max(0, METHODS.indexOf(textOf(bytes, start, methodEnd)));
  words[TARGET_START] = targetStart;
  words[TARGET_END] = targetEnd;
  words[PATH_END] = pathEnd;
  const isPlain = pathEnd === targetEnd || bytes[pathEnd] === QUESTION_MARK;
  if (isPlain && bytes[targetStart] === SLASH && isNormal(bytes, targetStart, pathEnd))
    words[FORM] |= HAS_NORMAL_PATH;
  return readVersion(bytes, targetEnd + 1, words);
}

/** `HTTP/1.1 200 OK`; the reason phrase and the space before it may be missing. */
function readStatusLine(bytes: Uint8Array, start: number, end: number, words: Uint16Array): number {
  if (end < start + 12 || bytes[start + 8] !== SPACE) return 400;
  const status = decimal(bytes, start + 9, start + 12);
  if (status < 100 || (end > start + 12 && bytes[start + 12] !== SPACE)) return 400;
  if (span(bytes, start, VALUE) !== end) return 400;
  words[STATUS] = status;
  return readVersion(bytes, start, words);
}

/**
 * `HTTP/` and two digits. Minor versions above 1 are read as 1 (RFC 9110 section 2.5); of other major
 * versions nothing is known, so the rest of the head is not read.
 */
function readVersion(bytes: Uint8Array, start: number, words: Uint16Array): number {
  const major = bytes[start + 5] - 48;
  const minor = bytes[start + 7] - 48;
  if (
    bytes[start] !== 72 ||
    bytes[start + 1] !== 84 ||
    bytes[start + 2] !== 84 ||
    bytes[start + 3] !== 80 ||
    bytes[start + 4] !== SLASH ||
    bytes[start + 6] !== DOT ||
    !(major > 0 && major <= 9 && minor >= 0 && minor <= 9)
  ) {
    return 400;
  }
  if (major > 1) return 505;
  if (minor === 0) words[MINOR] = 0;
  if (minor === 1) words[FORM] |= IS_HTTP_1_1;
  return GOES_ON;
}

function readField(bytes: Uint8Array, start: number, end: number, words: Uint16Array): number {
  const nameEnd = span(bytes, start, TOKEN);
  if (nameEnd === start || bytes[nameEnd] !== COLON) return 400;
  let valueStart = nameEnd + 1;
  if (span(bytes, valueStart, VALUE) !== end) return 400;
  const name = nameAt(bytes, start, nameEnd - start);
  if (name === OTHER) return GOES_ON;
  let valueEnd = end;
  while (valueStart < valueEnd && isBlank(bytes[valueStart])) valueStart++;
  while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1])) valueEnd--;
  const field = words[COUNT];
  if (field === KNOWN_FIELDS_MAX) return 431;
  const known: Name = isUnderscored(name, bytes, start) ? OTHER : name;
  const at = field * RECORD_LENGTH;
  words[COUNT] = field + 1;
  words[NAME + at] = known;
  words[LINE_START + at] = start;
  words[LINE_END + at] = end + LINE_END_BYTES;
  words[VALUE_START + at] = valueStart;
  words[VALUE_END + at] = valueEnd;
  if (known === HOST) {
    const isPlain = words[HOST] === 0 && isPlainHost(bytes, valueStart, valueEnd);
    words[FORM] = isPlain ? words[FORM] | HAS_PLAIN_HOST : words[FORM] & ~HAS_PLAIN_HOST;
  }
  if (known === CONTENT_LENGTH) readBodyBytes(bytes, valueStart, valueEnd, words);
  words[known] = (words[known] & ORDINAL || field + 1) | ((field + 1) << ORDINAL_BITS);
  if (known !== CONNECTION && known !== UPGRADE) return GOES_ON;
  const members = textOf(bytes, valueStart, valueEnd).split(",");
  if (known === CONNECTION) for (const member of members) words[FORM] |= optionOf(member);
  words[MEMBERS] += members.length;
  return words[MEMBERS] > LIST_MEMBERS_MAX ? 431 : GOES_ON;
}

/** The only Content-Length, if it has few digits: others need a closer look. */
function readBodyBytes(bytes: Uint8Array, start: number, end: number, words: Uint16Array): void {
  const isShort = end > start && end - start <= BODY_DIGITS_MAX;
  const number = isShort ? decimal(bytes, start, end) : -1;
  if (number < 0 || words[CONTENT_LENGTH] !== 0) {
    words[FORM] &= ~HAS_BODY_BYTES;
    return;
  }
  words[FORM] |= HAS_BODY_BYTES;
  words[BODY_LOW] = number;
  words[BODY_HIGH] = number >> 16;
}

/** A member of Connection as a bit; an empty one is none. */
function optionOf(member: string): number {
  switch (member.trim().toLowerCase()) {
    case "":
      return 0;
    case "close":
      return HAS_CLOSE;
    case "keep-alive":
      return HAS_KEEP_ALIVE;
    case "upgrade":
      return HAS_UPGRADE;
    default:
      return HAS_OTHER_OPTION;
  }
}
