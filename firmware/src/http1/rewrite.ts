/**
 * Writes the head that is forwarded from the parsed one: hop-by-hop fields are dropped, and framing fields are always
 * written by the proxy.
 */

import { SPACE } from "../net/ascii-codes.ts";
import { ascii } from "../text/ascii.ts";
import { hasStickyCookie, withoutStickyCookie } from "./cookies.ts";
import {
  ACCEPT,
  CONNECTION,
  CONTENT_LENGTH,
  COOKIE,
  EXPECT,
  HOST,
  TREATMENT,
  VIA,
  X_FORWARDED_FOR,
  X_FORWARDED_HOST,
  X_FORWARDED_PROTO,
  X_REQUEST_ID,
} from "./field-names.ts";
import type { Framing } from "./framing.ts";
import type { Head } from "./head.ts";
import { HeadWriter, LENGTH_IS, LINE_END } from "./head-writer.ts";

/** Tokens of Connection that are not field names. */
const OPTIONS = Object.freeze(["close", "keep-alive", "upgrade"]);

/** Most bytes that a rewritten head is longer than the original, apart from long values. */
export const REWRITE_BYTES = 512;

// Written to every head, so converted to bytes once.
const SPACE_HTTP_1_1 = ascii(" HTTP/1.1\r\n");
const HTTP_1_1 = ascii("HTTP/1.1 ");
const NO_HOST = ascii("Host:\r\n");
const FORWARDED_FOR = ascii("X-Forwarded-For: ");
const FORWARDED_PROTO = ascii("X-Forwarded-Proto: ");
const FORWARDED_PROTO_HTTP = ascii("X-Forwarded-Proto: http\r\n");
const FORWARDED_HOST = ascii("X-Forwarded-Host: ");
const VIA_IS = ascii("Via: ");
const VIA_1_0 = ascii("1.0 ");
const VIA_1_1 = ascii("1.1 ");
const REQUEST_ID = ascii("X-Request-Id: ");
const COOKIE_IS = ascii("Cookie: ");
const COMMA = ascii(", ");
const CONNECTION_CLOSE = ascii("Connection: close\r\n\r\n");
const NO_REASON = ascii(" \r\n");

/** Position of a response's status in its first line. */
const STATUS_START = 9;
const STATUS_END = 12;

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
  /** The proxy's name in Via, as bytes, with the line's end. */
  readonly signature: Uint8Array;
  /** Where there is one, the sticky cookie may be among the others: it is not passed on. */
  readonly stickyCookie: object | undefined;
}

/**
 * Writes the head for a backend into `buffer`; returns its length. What the client at `clientAddress` says about
 * other clients is passed on where it is `trusted`.
 */
export function rewriteRequest(
  buffer: Uint8Array,
  head: Head,
  request: RequestRewrite,
  clientAddress: string,
  trusted: boolean,
  { signature, stickyCookie }: RewriteRules,
): number {
  const { bytes } = head;
  const out = new HeadWriter(buffer);
  if (request.target === undefined) {
    out.piece(bytes, head.start, head.targetEnd);
  } else {
    out.piece(bytes, head.start, head.targetStart);
    out.bytes(request.target);
  }
  out.bytes(SPACE_HTTP_1_1);
  const host = head.only(HOST);
  const { hasOwnId = false } = request;
  out.fields(head, connectionNames(head), field => {
    const name = head.nameOf(field);
    const treatment = TREATMENT[name];
    if (treatment !== "read") return treatment === "claim" && trusted;
    if (name === HOST) return head.authority === undefined;
    if (name === X_REQUEST_ID) return hasOwnId;
    if (name === COOKIE) return stickyCookie === undefined || !hasStickyCookie(head, field);
    return name === ACCEPT || (name === EXPECT && head.minor === 1);
  });
  if (head.authority !== undefined) out.text(`Host: ${head.authority}\r\n`);
  else if (host < 0) out.bytes(NO_HOST); // HTTP/1.0 knows none, HTTP/1.1 demands one
  if (stickyCookie !== undefined) cookies(out, head);
  forwarded(out, head, host, clientAddress, trusted);
  out.bytes(VIA_IS);
  for (let via = head.find(VIA); via >= 0; via = head.find(VIA, via + 1)) {
    out.value(head, via);
    out.bytes(COMMA);
  }
  out.bytes(head.minor === 0 ? VIA_1_0 : VIA_1_1);
  out.bytes(signature);
  if (!hasOwnId && request.id !== undefined) {
    out.bytes(REQUEST_ID);
    out.text(`${request.id}\r\n`);
  }
  out.framing(request.framing);
  upgrade(out, head, request.upgrade);
  out.bytes(LINE_END);
  return out.length;
}

/** Adds to a head of this length that no other request follows on its connection; returns its length then. */
export function addClose(buffer: Uint8Array, length: number): number {
  const start = length - LINE_END.byteLength;
  buffer.set(CONNECTION_CLOSE, start);
  return start + CONNECTION_CLOSE.byteLength;
}

function cookies(out: HeadWriter, head: Head): void {
  for (let field = head.find(COOKIE); field >= 0; field = head.find(COOKIE, field + 1)) {
    if (!hasStickyCookie(head, field)) continue; // it was written as it came
    const before = out.length;
    withoutStickyCookie(head, field, piece => {
      if (out.length === before) out.bytes(COOKIE_IS);
      out.bytes(piece);
    });
    if (out.length > before) out.bytes(LINE_END);
  }
}

function forwarded(
  out: HeadWriter,
  head: Head,
  host: number,
  clientAddress: string,
  trusted: boolean,
): void {
  out.bytes(FORWARDED_FOR);
  if (trusted) {
    let field = head.find(X_FORWARDED_FOR);
    for (; field >= 0; field = head.find(X_FORWARDED_FOR, field + 1)) {
      out.value(head, field);
      out.bytes(COMMA);
    }
  }
  out.text(`${clientAddress}\r\n`);
  const proto = trusted ? head.agreed(X_FORWARDED_PROTO) : -1;
  if (proto < 0) {
    out.bytes(FORWARDED_PROTO_HTTP);
  } else {
    out.bytes(FORWARDED_PROTO);
    out.line(head, proto);
  }
  const told = trusted ? head.agreed(X_FORWARDED_HOST) : -1;
  if (told < 0 && head.authority !== undefined) {
    out.text(`X-Forwarded-Host: ${head.authority}\r\n`);
    return;
  }
  const forwardedHost = told >= 0 ? told : host;
  if (forwardedHost < 0) return;
  out.bytes(FORWARDED_HOST);
  out.line(head, forwardedHost);
}

/**
 * Writes the head for a client into `buffer`; returns its length.
 *
 * @param framing - how we delimit the body; `none` keeps the Content-Length of a body that is not sent
 * @param connection - what Connection says to the client
 * @param setCookie - a cookie for the client; no shared cache may store it
 * @param protocol - the field with the protocol that a 101 changes to
 */
export function rewriteResponse(
  buffer: Uint8Array,
  head: Head,
  framing: Framing,
  connection?: "close" | "keep-alive",
  setCookie?: string,
  protocol?: number,
): number {
  const out = new HeadWriter(buffer);
  out.bytes(HTTP_1_1);
  // The status, the reason and the line's end: after "HTTP/1.1 " of the received line. The blank before
  // the reason is written also where the reason is empty (RFC 9112 section 4).
  if (head.bytes[STATUS_END] === SPACE) {
    out.piece(head.bytes, STATUS_START, head.fieldsStart);
  } else {
    out.piece(head.bytes, STATUS_START, STATUS_END);
    out.bytes(NO_REASON);
  }
  // A response field that is spelled with _ instead of - is a different field for clients, so it is kept.
  out.fields(head, connectionNames(head), field => TREATMENT[head.nameOf(field)] !== "hop");
  const length = framing === "none" ? head.only(CONTENT_LENGTH) : -1;
  if (length >= 0 && head.status >= 200 && head.status !== 204) {
    out.bytes(LENGTH_IS);
    out.line(head, length);
  }
  out.framing(framing);
  if (connection !== undefined) out.text(`Connection: ${connection}\r\n`);
  if (setCookie !== undefined) {
    out.text(`Set-Cookie: ${setCookie}\r\nCache-Control: private\r\n`);
  }
  upgrade(out, head, protocol);
  out.bytes(LINE_END);
  return out.length;
}

function upgrade(out: HeadWriter, head: Head, field: number | undefined): void {
  if (field === undefined) return;
  out.text("Connection: Upgrade\r\nUpgrade: ");
  out.line(head, field);
}

/** Field names that Connection lists, in lower case; `undefined` if there are none. */
function connectionNames(head: Head): string[] | undefined {
  const tokens = head.tokens(CONNECTION);
  if (tokens.length === 0) return undefined;
  const names = tokens.filter(token => !OPTIONS.includes(token));
  return names.length > 0 ? names : undefined;
}
