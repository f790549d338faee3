import { type Body, ENDLESS, NO_BODY, PlainBody } from "./body.ts";
import { ChunkedBody } from "./chunked-body.ts";
import { CONTENT_LENGTH, TRANSFER_ENCODING } from "./field-names.ts";
import type { Head } from "./head.ts";
import { BODY_HIGH, BODY_LOW, FORM, HAS_BODY_BYTES } from "./head-layout.ts";

/** How a body is delimited: a length in bytes, in chunks, by the sender's close, or not at all. */
export type Framing = number | "chunked" | "close" | "none";

/** The body of a message. `lengthMax` bounds a body in chunks; `scratch` is needed for pipes only. */
export function bodyOf(framing: Framing, scratch?: Uint8Array, lengthMax = ENDLESS): Body {
  if (framing === "none" || framing === 0) return NO_BODY;
  if (framing === "chunked") return new ChunkedBody(lengthMax, scratch);
  return new PlainBody(framing === "close" ? ENDLESS : framing, scratch);
}

/** Methods whose body, if there is one, no HTTP/1.0 server expects. */
const BODILESS_IN_1_0 = Object.freeze(["GET", "HEAD", "DELETE"]);

/**
 * A request's framing; `undefined` where `head.error` refuses it: where two servers could disagree on where a
 * request ends, the second one could be tricked into seeing a request that was never sent.
 */
export function requestFraming(head: Head, method: string): Framing | undefined {
  const words = head.words;
  if (words[CONTENT_LENGTH] === 0 && words[TRANSFER_ENCODING] === 0) return "none";
  const framing = declaredFraming(head);
  if (framing === "none" || head.error !== undefined || head.minor > 0) return framing;
  const isUnexpected = framing !== "chunked" && framing !== 0 && BODILESS_IN_1_0.includes(method);
  if (framing === "chunked" || isUnexpected) return refuse(head, 400);
  return framing;
}

/** A response's framing; `undefined` when it is ambiguous, so that the response cannot be trusted. */
export function responseFraming(head: Head, method: string): Framing | undefined {
  const status = head.status;
  if (status < 200 || status === 204) return "none";
  const framing = declaredFraming(head);
  if (framing === undefined) return undefined;
  if (method === "HEAD" || status === 304) return "none";
  if (framing === "chunked" && head.minor === 0) return undefined;
  return framing === "none" ? "close" : framing;
}

/** The framing by Content-Length and Transfer-Encoding, `none` without both; `undefined` with an error of the head. */
function declaredFraming(head: Head): Framing | undefined {
  const words = head.words;
  if ((words[FORM] & HAS_BODY_BYTES) !== 0 && words[TRANSFER_ENCODING] === 0)
    return words[BODY_HIGH] * 65_536 + words[BODY_LOW];
  if (words[CONTENT_LENGTH] !== 0) {
    const length = words[TRANSFER_ENCODING] === 0 ? head.only(CONTENT_LENGTH) : -1;
    const bytes = length < 0 ? -1 : head.number(length);
    return bytes >= 0 ? bytes : refuse(head, 400);
  }
  if (words[TRANSFER_ENCODING] === 0) return "none";
  const coding = head.find(TRANSFER_ENCODING);
  if (head.value(coding).toLowerCase() !== "chunked") return refuse(head, 501);
  return head.only(TRANSFER_ENCODING) === coding ? "chunked" : refuse(head, 400);
}

function refuse(head: Head, error: 400 | 501): undefined {
  head.error = error;
  return undefined;
}
