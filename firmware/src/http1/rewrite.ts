/**
 * Writes the head that is forwarded from the parsed one: hop-by-hop fields are dropped, and framing fields are always
 * written by the proxy.
 *
 * The usual head is written by `rewriteRequest` and `rewriteResponse` alone, in three calls of a writer's functions each; the
 * functions below them are for what is rare. They take no objects apart and have few parameters, because on XS a constant from
 * `{ … }` costs half as much again as one from a property, and a parameter as much as a call.
 */

import { SPACE } from "../net/ascii-codes.ts";
import { stickyFields, withoutSticky } from "./cookies.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  COOKIE,
  EXPECT,
  HOST,
  type Name,
  OTHER,
  TREATMENT,
  UPGRADE,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
  X_REQUEST_ID,
} from "./field-names.ts";
import type { Framing } from "./framing.ts";
import type { Head } from "./head.ts";
import {
  FIELDS_START,
  FORM,
  HAS_OTHER_OPTION,
  IS_HTTP_1_1,
  ORDINAL,
  START,
} from "./head-layout.ts";
import { LINE_END_BYTES } from "./head-reader.ts";
import type { HeadWriter } from "./head-writer.ts";

/** Most bytes that a rewritten head is longer than the original, apart from long values. */
export const REWRITE_BYTES = 512;

/** Lines of the field Connection. */
export const CLOSE = "Connection: close\r\n";
export const KEEP_ALIVE = "Connection: keep-alive\r\n";
const UPGRADE_TO = "Connection: Upgrade\r\nUpgrade: ";

const LENGTH = "Content-Length: ";
const FORWARDED_HOST = "X-Forwarded-Host: ";
const REQUEST_ID = "\r\nX-Request-Id: ";
const LINE_END = "\r\n";
const HEAD_END = "\r\n\r\n";

/** Tokens of Connection that are no names of fields, and names of fields that it cannot remove: they identify the request. */
const NOT_REMOVED = Object.freeze(["close", "keep-alive", "upgrade", "host", "x-request-id"]);

const NONE: readonly string[] = Object.freeze([]);

/** Position of a response's status in its first line. */
const STATUS_START = 9;
const STATUS_END = 12;

/** A bit for each name whose fields are not passed on as they came. */
const NOT_IN_RESPONSE = namesOf("hop");
const NOT_FROM_TRUSTED =
  NOT_IN_RESPONSE | namesOf("origin") | (1 << OTHER) | (1 << VIA) | (1 << X_REQUEST_ID);
const NOT_IN_REQUEST = NOT_FROM_TRUSTED | namesOf("claim");

function namesOf(treatment: (typeof TREATMENT)[number]): number {
  return TREATMENT.reduce((bits, one, name) => (one === treatment ? bits | (1 << name) : bits), 0);
}

/** Values for the rewritten head of a request, besides the head itself. */
export interface RequestRewrite {
  readonly framing: Framing;
  /** The target for the backend, where it is not the client's. */
  readonly target?: Uint8Array | undefined;
  /** The known field with the protocol that the connection changes to if the backend agrees. */
  readonly upgrade?: number | undefined;
  /** X-Request-Id. */
  readonly id: string | undefined;
  /** The id is the client's own, unshortened. */
  readonly hasOwnId?: boolean | undefined;
}

/** The rules by which all requests of a proxy are rewritten. */
export interface RewriteRules {
  /** The proxy's name in Via. */
  readonly pseudonym: string;
  /** `originLines` of it. */
  readonly originLines: string;
  /** Where there is one, the sticky cookie may be among the others: it is not passed on. */
  readonly stickyCookie: object | undefined;
}

/** The lines about a request's origin up to the client's address, as nearly all requests have them: joined once. */
export function originLines(pseudonym: string): string {
  return `X-Forwarded-Proto: http\r\nVia: 1.1 ${pseudonym}\r\nX-Forwarded-For: `;
}

/**
 * Writes the head for a backend; returns its length. What the client at `clientAddress` says about other clients is passed
 * on where it is `trusted`.
 *
 * @param connection - `CLOSE` if no other request follows on the connection, else empty
 */
export function rewriteRequest(
  out: HeadWriter,
  head: Head,
  request: RequestRewrite,
  clientAddress: string,
  trusted: boolean,
  connection: string,
  rules: RewriteRules,
): number {
  const words = head.words;
  const id = request.hasOwnId === true ? undefined : request.id;
  const authority = head.authority;
  let dropped = trusted ? NOT_FROM_TRUSTED : NOT_IN_REQUEST;
  if (id === undefined) dropped ^= 1 << X_REQUEST_ID;
  if (authority !== undefined) dropped |= 1 << HOST;

  // Nearly always the first line leaves as it came, with the fields behind it.
  let start = words[START];
  let at = 0;
  let isUnusual = trusted;
  const form = words[FORM];
  if ((form & IS_HTTP_1_1) === 0 || request.target !== undefined) {
    at = requestLine(out, head, request.target);
    start = words[FIELDS_START];
    if (head.minor === 0) {
      dropped |= 1 << EXPECT;
      isUnusual = true;
    }
  }
  const to = out.to;
  const end = out.end;
  const buffer = head.buffer;
  const positions = head.positions;
  if ((form & HAS_OTHER_OPTION) === 0 && rules.stickyCookie === undefined) {
    const fieldsEnd = head.length - LINE_END_BYTES;
    at = out.putFields(to, at, end, buffer, start, fieldsEnd, positions, dropped, 0);
  } else {
    at = unusualFields(out, at, head, start, dropped, rules.stickyCookie !== undefined);
  }

  const host = (words[HOST] & ORDINAL) - 1; // there is one, or none
  if (isUnusual || host < 0 || authority !== undefined)
    at = unusualHost(out, at, head, host, trusted);
  else at = out.putValue(to, at, end, FORWARDED_HOST, buffer, positions, host, LINE_END);
  let origin = rules.originLines;
  if (isUnusual || words[VIA] !== 0) {
    at = unusualOrigin(out, at, head, trusted, rules.pseudonym);
    origin = "";
  }
  const upgrade = request.upgrade;
  const isLast = request.framing === "none" && connection === "" && upgrade === undefined;
  const behind = isLast ? HEAD_END : LINE_END;
  at =
    id === undefined
      ? out.putTexts(to, at, end, origin, clientAddress, behind, "", "")
      : out.putTexts(to, at, end, origin, clientAddress, REQUEST_ID, id, behind);
  if (isLast) return at;
  if (upgrade !== undefined) at = value(out, at, UPGRADE_TO, head, upgrade, LINE_END);
  return lastLines(out, at, request.framing, connection);
}

/** The first line, for a target or a version that differs from the client's. */
function requestLine(out: HeadWriter, head: Head, target: Uint8Array | undefined): number {
  let at = bytes(out, 0, head.buffer, head.start, target ? head.targetStart : head.targetEnd);
  if (target !== undefined) {
    const { buffer, byteOffset, byteLength } = target;
    at = bytes(out, at, buffer as ArrayBuffer, byteOffset, byteOffset + byteLength);
  }
  return text(out, at, " HTTP/1.1\r\n");
}

/** The cookies beside ours, of the fields that have one of ours. */
function otherCookies(out: HeadWriter, at: number, head: Head, sticky: number): number {
  let end = at;
  for (let field = head.find(COOKIE); field >= 0; field = head.find(COOKIE, field + 1)) {
    if ((sticky & (1 << field)) !== 0) end = withoutSticky(out, end, head, field);
  }
  return end;
}

/** Host where it is not the client's field, and X-Forwarded-Host. */
function unusualHost(
  out: HeadWriter,
  at: number,
  head: Head,
  host: number,
  trusted: boolean,
): number {
  const { authority } = head;
  let end = at;
  if (authority !== undefined) end = line(out, end, "Host: ", authority);
  else if (host < 0) end = text(out, end, "Host:\r\n"); // HTTP/1.0 knows none, HTTP/1.1 demands one
  const said = trusted ? head.agreed(X_FORWARDED_HOST) : -1;
  if (said >= 0) return value(out, end, FORWARDED_HOST, head, said, LINE_END);
  if (authority !== undefined) return line(out, end, FORWARDED_HOST, authority);
  return host < 0 ? end : value(out, end, FORWARDED_HOST, head, host, LINE_END);
}

/** The lines of `originLines` where proxies before this one have said something, too. */
function unusualOrigin(
  out: HeadWriter,
  at: number,
  head: Head,
  trusted: boolean,
  pseudonym: string,
): number {
  const proto = trusted ? head.agreed(X_FORWARDED_PROTO) : -1;
  let end =
    proto < 0
      ? line(out, at, "X-Forwarded-Proto: ", "http")
      : value(out, at, "X-Forwarded-Proto: ", head, proto, LINE_END);
  end = values(out, text(out, end, "Via: "), head, VIA);
  end = line(out, end, head.minor === 0 ? "1.0 " : "1.1 ", pseudonym);
  end = text(out, end, "X-Forwarded-For: ");
  return trusted ? values(out, end, head, X_FORWARDED_FOR) : end;
}

/** The beginning of a list: the values of all fields of a name. */
function values(out: HeadWriter, at: number, head: Head, name: Name): number {
  let end = at;
  for (let field = head.find(name); field >= 0; field = head.find(name, field + 1))
    end = value(out, end, "", head, field, ", ");
  return end;
}

/**
 * Writes the head for a client; returns its length.
 *
 * @param framing - how we delimit the body; `none` keeps the Content-Length of a body that is not sent
 * @param lines - the proxy's own: `setCookieLines`, then `CLOSE` or `KEEP_ALIVE`
 */
export function rewriteResponse(
  out: HeadWriter,
  head: Head,
  framing: Framing,
  lines: string,
): number {
  const words = head.words;
  const to = out.to;
  const end = out.end;
  let start = 0;
  let at = 0;
  if ((words[FORM] & IS_HTTP_1_1) === 0 || head.bytes[STATUS_END] !== SPACE) {
    at = statusLine(out, head);
    start = words[FIELDS_START];
  }
  // A response field that is spelled with _ instead of - is a different field for clients, so it is kept.
  const names = NOT_IN_RESPONSE;
  if ((words[FORM] & HAS_OTHER_OPTION) === 0) {
    const fieldsEnd = head.length - LINE_END_BYTES;
    at = out.putFields(to, at, end, head.buffer, start, fieldsEnd, head.positions, names, 0);
  } else {
    at = unusualFields(out, at, head, start, names, false);
  }
  // Most responses have a length: `lastLines` writes the same, but costs one more call.
  if (typeof framing === "number")
    return out.putTexts(to, at, end, LENGTH, `${framing}`, LINE_END, lines, LINE_END);
  if (framing === "none") at = withoutBody(out, at, head);
  return lastLines(out, at, framing, lines);
}

/** The lines of a cookie for a client, which no shared cache may store. */
export function setCookieLines(cookie: string): string {
  return `Set-Cookie: ${cookie}\r\nCache-Control: private\r\n`;
}

/** The protocol that a 101 changes to, or the length of a body that is not sent. */
function withoutBody(out: HeadWriter, at: number, head: Head): number {
  const { status } = head;
  const isSwitch = status === 101;
  if (!isSwitch && (status < 200 || status === 204)) return at;
  const field = isSwitch ? head.agreed(UPGRADE) : head.only(CONTENT_LENGTH);
  return field < 0 ? at : value(out, at, isSwitch ? UPGRADE_TO : LENGTH, head, field, LINE_END);
}

/** The first line, for another version, or a status without the blank behind it, which is sent (RFC 9112 section 4). */
function statusLine(out: HeadWriter, head: Head): number {
  const at = text(out, 0, "HTTP/1.1 ");
  if (head.bytes[STATUS_END] === SPACE)
    return bytes(out, at, head.buffer, STATUS_START, head.fieldsStart);
  return text(out, bytes(out, at, head.buffer, STATUS_START, STATUS_END), " \r\n");
}

/** As the writer's `putFields`, and without the fields that Connection lists, and the sticky cookies. */
function unusualFields(
  out: HeadWriter,
  at: number,
  head: Head,
  start: number,
  names: number,
  isSticky: boolean,
): number {
  const { to, end, putFields } = out;
  const { buffer, positions } = head;
  const fieldsEnd = head.length - LINE_END_BYTES;
  const cookies = isSticky ? stickyFields(head) : 0;
  const listed = head.hasOption(HAS_OTHER_OPTION) ? head.tokens(CONNECTION) : NONE;
  const removed = listed.filter(token => !NOT_REMOVED.includes(token));
  let rest = start;
  let written = at;
  let next = removed.length > 0 ? head.fieldsStart : fieldsEnd;
  while (next < fieldsEnd) {
    const lineStart = next;
    next = head.nextLine(lineStart);
    if (!removed.includes(head.nameAt(lineStart))) continue;
    written = putFields(to, written, end, buffer, rest, lineStart, positions, names, cookies);
    rest = next;
  }
  written = putFields(to, written, end, buffer, rest, fieldsEnd, positions, names, cookies);
  return cookies === 0 ? written : otherCookies(out, written, head, cookies);
}

/** How the message is framed, what becomes of the connection, and the end of the head. */
function lastLines(out: HeadWriter, at: number, framing: Framing, connection: string): number {
  if (typeof framing === "number") {
    const length = `${framing}`;
    return out.putTexts(out.to, at, out.end, LENGTH, length, LINE_END, connection, LINE_END);
  }
  const chunked = framing === "chunked" ? "Transfer-Encoding: chunked\r\n" : "";
  return out.putTexts(out.to, at, out.end, chunked, connection, LINE_END, "", "");
}

function text(out: HeadWriter, at: number, text: string): number {
  return out.putTexts(out.to, at, out.end, text, "", "", "", "");
}

function line(out: HeadWriter, at: number, name: string, value: string): number {
  return out.putTexts(out.to, at, out.end, name, value, LINE_END, "", "");
}

function value(
  out: HeadWriter,
  at: number,
  before: string,
  head: Head,
  field: number,
  behind: string,
): number {
  return out.putValue(out.to, at, out.end, before, head.buffer, head.positions, field, behind);
}

function bytes(out: HeadWriter, at: number, from: ArrayBuffer, start: number, end: number): number {
  return out.putBytes(out.to, at, out.end, from, start, end);
}
