import { deepFreeze } from "../deep-freeze.ts";
import { ascii } from "../text/ascii.ts";
import { ACCEPT } from "./field-names.ts";
import type { Head } from "./head.ts";

/** The reason phrases of all statuses that the board answers with by itself. */
export const REASONS: Readonly<Record<number, string>> = Object.freeze({
  200: "OK",
  301: "Moved Permanently",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  508: "Loop Detected",
});

/** Statuses that the proxy answers clients with, and what a person can do about each. */
const ADVICE = deepFreeze({
  301: "This is served over HTTPS.",
  308: "This is served over HTTPS.",
  400: "The request is not valid HTTP.",
  404: "No route leads there.",
  405: "This proxy forwards neither CONNECT nor TRACE.",
  408: "The request did not arrive in time.",
  413: "The body is larger than this proxy lets through.",
  414: "The request's first line is too long.",
  431: "The request's head is too long.",
  501: "The only transfer coding is chunked.",
  502: "No backend took the request. Are they running?",
  503: "Every slot is taken, or no backend is available. Try again in a moment.",
  504: "The backend did not answer in time.",
  505: "This proxy speaks HTTP/1.0 and HTTP/1.1.",
  508: "The request has been here before: a backend leads back to this proxy.",
} as const);

export type AnswerStatus = keyof typeof ADVICE;

/** After these the connection may serve another request. */
export const KEEPS_ALIVE: readonly AnswerStatus[] = Object.freeze([
  301, 308, 404, 502, 503, 504, 508,
]);

/** Seconds after which a client that met a full proxy may try again. */
const RETRY_AFTER_S = 1;

/** When the client of a 503 may try again. */
export interface Wait {
  readonly retryAfterS: number;
  /** A page that does so, in ASCII, instead of the text. */
  readonly page?: string | undefined;
}

export interface AnswerOptions {
  /** Advice for the user, where more is known than the status says. */
  readonly advice?: string;
  /** The client prefers HTML to plain text. */
  readonly html?: boolean;
  /** Without the body, as HEAD wants it. */
  readonly headOnly?: boolean;
  /** The connection stays open. */
  readonly keepAlive?: boolean;
  readonly wait?: Wait | undefined;
  /** The URL of a redirect. */
  readonly location?: string | undefined;
}

/** The client prefers HTML to plain text. */
export function wantsHtml(head: Head): boolean {
  for (let field = head.find(ACCEPT); field >= 0; field = head.find(ACCEPT, field + 1))
    if (head.value(field).includes("text/html")) return true;
  return false;
}

/** A whole reply, small enough for any send buffer; a redirect may be as long as its URL. */
export function answer(
  status: AnswerStatus,
  { advice, html = false, headOnly = false, keepAlive = false, wait, location }: AnswerOptions = {},
): Uint8Array {
  const reason = REASONS[status];
  const text = advice ?? ADVICE[status];
  const body =
    wait?.page ??
    (html
      ? `<!doctype html><title>${status} ${reason}</title><h1>${status} ${reason}</h1><p>${text}</p>\n`
      : `${status} ${reason}\n${text}\n`);
  const fields = [
    `Content-Type: text/${html ? "html" : "plain"}`,
    `Content-Length: ${body.length}`,
    ...(location === undefined ? [] : [`Location: ${location}`]),
    ...(status === 503 ? [`Retry-After: ${wait?.retryAfterS ?? RETRY_AFTER_S}`] : []),
    ...(status === 405 ? ["Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"] : []),
    ...(keepAlive ? [] : ["Connection: close"]),
  ];
  return ascii(`${answerHead(status, fields)}${headOnly ? "" : body}`);
}

/** The head of an answer of the board itself, which no cache may store. */
export function answerHead(status: number, fields: readonly string[]): string {
  const lines = [`HTTP/1.1 ${status} ${REASONS[status]}`, "Cache-Control: no-store", ...fields];
  return `${lines.join("\r\n")}\r\n\r\n`;
}
