/**
 * Writes heads anew from what was understood: nothing is copied through that concerns one
 * connection only, and framing is always our own.
 */

import type { Framing } from "./body.ts";
import type { Field, Head, Name } from "./head.ts";
import { otherCookies } from "./sticky.ts";

/** Concern one connection only (RFC 9110 section 7.6.1), or are written by us. */
const OURS: readonly Name[] = [
  "connection",
  "content-length",
  "transfer-encoding",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "http2-settings",
  "te",
  "trailer",
  "upgrade",
];

/** Say where a request came from: believed only from a proxy that we trust. */
const FORWARDING: readonly Name[] = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
];

/** Tokens of Connection that name no field. */
const OPTIONS = ["close", "keep-alive", "upgrade"];

/** Bytes that a rewritten head may be longer than the one that came, long values aside. */
export const REWRITE_BYTES = 512;

/** Text and pieces of another head, one after the other, in a buffer that is given. */
class Writer {
  length = 0;
  #buffer: Uint8Array;

  constructor(buffer: Uint8Array) {
    this.#buffer = buffer;
  }

  text(text: string): void {
    const buffer = this.#buffer;
    let { length } = this;
    for (let i = 0; i < text.length; i++) buffer[length++] = text.charCodeAt(i);
    this.length = length;
  }

  piece(bytes: Uint8Array, start: number, end: number): void {
    this.#buffer.set(bytes.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** Fields that follow each other in `head`, in one piece. */
  fields(head: Head, kept: (field: Field) => boolean): void {
    let start = -1;
    let end = 0;
    for (const field of head.fields) {
      const lineEnd = lineEndOf(head, field);
      if (kept(field)) {
        if (start < 0) start = field.nameStart;
        end = lineEnd;
      } else if (start >= 0) {
        this.piece(head.bytes, start, end);
        start = -1;
      }
    }
    if (start >= 0) this.piece(head.bytes, start, end);
  }

  framing(framing: Framing): void {
    if (framing.kind === "length") this.text(`Content-Length: ${framing.length}\r\n`);
    else if (framing.kind === "chunked") this.text("Transfer-Encoding: chunked\r\n");
  }
}

const LF = 10;

/** Behind the field's line; blanks may stand between its value and the line's end. */
function lineEndOf(head: Head, { valueEnd }: Field): number {
  let at = valueEnd;
  while (head.bytes[at] !== LF) at++;
  return at + 1;
}

/** What a request's new head is made from. */
export interface RequestRewrite {
  readonly head: Head;
  readonly framing: Framing;
  /** The target as the backend shall see it, when it is not the one that came. */
  readonly target: string | undefined;
  /** The peer, and whether what it says about others is believed. */
  readonly clientAddress: string;
  readonly trusted: boolean;
  /** Our name in Via. */
  readonly pseudonym: string;
  /** Made by us; `undefined` when the request has one. */
  readonly requestId: string | undefined;
  /** The connection shall become something else, and may. */
  readonly upgrade: Field | undefined;
  /** Our own cookie may be among the others: it is not passed on. */
  readonly sticky: boolean;
}

/** Writes the head for a backend into `buffer`; returns its length. */
export function rewriteRequest(buffer: Uint8Array, request: RequestRewrite): number {
  const { head, trusted } = request;
  const { bytes } = head;
  const out = new Writer(buffer);
  out.piece(bytes, head.start, head.targetStart);
  if (request.target === undefined) out.piece(bytes, head.targetStart, head.targetEnd);
  else out.text(request.target);
  out.text(" HTTP/1.1\r\n");
  const named = connectionNames(head);
  const host = head.only("host");
  out.fields(head, field => {
    const { name } = field;
    if (named !== undefined && name !== "host" && named.includes(nameOf(head, field))) return false;
    if (name === "") return true;
    if (field.twin || OURS.includes(name)) return false;
    if (name === "x-request-id") return request.requestId === undefined;
    if (FORWARDING.includes(name)) return trusted && name === "forwarded";
    if (name === "expect") return head.minor === 1;
    if (name === "cookie") return !request.sticky;
    return name !== "via";
  });
  if (host === undefined) out.text("Host:\r\n"); // HTTP/1.0 knows none, HTTP/1.1 demands one
  if (request.sticky) cookies(out, head);
  forwarded(out, request, host);
  out.text("Via: ");
  for (const field of head.all("via")) {
    out.piece(bytes, field.valueStart, field.valueEnd);
    out.text(", ");
  }
  out.text(`1.${head.minor} ${request.pseudonym}\r\n`);
  if (request.requestId !== undefined) out.text(`X-Request-Id: ${request.requestId}\r\n`);
  out.framing(request.framing);
  upgrade(out, head, request.upgrade);
  out.text("\r\n");
  return out.length;
}

function cookies(out: Writer, head: Head): void {
  for (const field of head.all("cookie")) {
    const others = otherCookies(head, field);
    if (others !== "") out.text(`Cookie: ${others}\r\n`);
  }
}

function forwarded(out: Writer, request: RequestRewrite, host: Field | undefined): void {
  const { head, trusted, clientAddress } = request;
  const { bytes } = head;
  out.text("X-Forwarded-For: ");
  if (trusted) {
    for (const field of head.all("x-forwarded-for")) {
      out.piece(bytes, field.valueStart, field.valueEnd);
      out.text(", ");
    }
  }
  out.text(`${clientAddress}\r\n`);
  const proto = trusted ? head.only("x-forwarded-proto") : undefined;
  out.text("X-Forwarded-Proto: ");
  if (proto === undefined) out.text("http");
  else out.piece(bytes, proto.valueStart, proto.valueEnd);
  out.text("\r\n");
  const forwardedHost = (trusted ? head.only("x-forwarded-host") : undefined) ?? host;
  if (forwardedHost === undefined) return;
  out.text("X-Forwarded-Host: ");
  out.piece(bytes, forwardedHost.valueStart, forwardedHost.valueEnd);
  out.text("\r\n");
}

/** What a response's new head is made from. */
export interface ResponseRewrite {
  readonly head: Head;
  /** How we delimit the body; `none` keeps a Content-Length that tells of a body not sent. */
  readonly framing: Framing;
  /** What the client is told about the connection; `undefined` where nothing need be said. */
  readonly connection: "close" | "keep-alive" | undefined;
  /** The protocol that a 101 changes to. */
  readonly upgrade: Field | undefined;
  /** A cookie for the client, for nobody else to keep. */
  readonly setCookie: string | undefined;
}

/** Writes the head for a client into `buffer`; returns its length. */
export function rewriteResponse(buffer: Uint8Array, response: ResponseRewrite): number {
  const { head, framing } = response;
  const out = new Writer(buffer);
  const [first] = head.fields;
  out.text(`HTTP/1.1 ${head.status}`);
  // The words and the line's end: after "HTTP/1.1 200" of the line that came.
  out.piece(head.bytes, 12, first === undefined ? head.length - 2 : first.nameStart);
  const named = connectionNames(head);
  out.fields(head, field => {
    if (named?.includes(nameOf(head, field))) return false;
    return field.twin || !OURS.includes(field.name);
  });
  const length = framing.kind === "none" ? head.only("content-length") : undefined;
  if (length !== undefined && head.status >= 200 && head.status !== 204) {
    out.text("Content-Length: ");
    out.piece(head.bytes, length.valueStart, length.valueEnd);
    out.text("\r\n");
  }
  out.framing(framing);
  if (response.connection !== undefined) out.text(`Connection: ${response.connection}\r\n`);
  if (response.setCookie !== undefined) {
    out.text(`Set-Cookie: ${response.setCookie}\r\nCache-Control: private\r\n`);
  }
  upgrade(out, head, response.upgrade);
  out.text("\r\n");
  return out.length;
}

function upgrade(out: Writer, head: Head, field: Field | undefined): void {
  if (field === undefined) return;
  out.text("Connection: Upgrade\r\nUpgrade: ");
  out.piece(head.bytes, field.valueStart, field.valueEnd);
  out.text("\r\n");
}

/** Fields that Connection names, in lower case; `undefined` where it names none. */
function connectionNames(head: Head): string[] | undefined {
  const names = head.tokens("connection").filter(token => !OPTIONS.includes(token));
  return names.length > 0 ? names : undefined;
}

function nameOf(head: Head, { nameStart, nameEnd }: Field): string {
  return head.text(nameStart, nameEnd).toLowerCase();
}
