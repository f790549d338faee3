import { deepFreeze } from "../deep-freeze.ts";
import { ascii } from "../text/ascii.ts";
import type { Head } from "./head.ts";

/** Statuses that the proxy answers by itself, and what a person can do about each. */
const ANSWERS = deepFreeze({
  400: ["Bad Request", "The request is not valid HTTP."],
  404: ["Not Found", "No route leads there."],
  405: ["Method Not Allowed", "This proxy forwards neither CONNECT nor TRACE."],
  408: ["Request Timeout", "The request did not arrive in time."],
  413: ["Content Too Large", "The body is larger than this proxy lets through."],
  414: ["URI Too Long", "The request's first line is too long."],
  431: ["Request Header Fields Too Large", "The request's head is too long."],
  501: ["Not Implemented", "The only transfer coding is chunked."],
  502: ["Bad Gateway", "No backend took the request. Are they running?"],
  503: [
    "Service Unavailable",
    "Every slot is taken, or no backend is available. Try again in a moment.",
  ],
  504: ["Gateway Timeout", "The backend did not answer in time."],
  505: ["HTTP Version Not Supported", "This proxy speaks HTTP/1.0 and HTTP/1.1."],
  508: ["Loop Detected", "The request has been here before: a backend leads back to this proxy."],
} as const);

export type AnswerStatus = keyof typeof ANSWERS;

/** After these the connection is as good as before. */
export const KEEPS_ALIVE: readonly AnswerStatus[] = Object.freeze([404, 502, 503, 504, 508]);

/** Seconds after which a client that met a full proxy may try again. */
const RETRY_AFTER_S = 1;

export interface AnswerOptions {
  /** What a person can do about it, where more is known than the status says. */
  readonly advice?: string;
  /** Whoever asks would rather read HTML. */
  readonly html?: boolean;
  /** Without the body, as HEAD wants it. */
  readonly headOnly?: boolean;
  /** The connection stays open. */
  readonly keepAlive?: boolean;
}

/** A whole reply to the request whose head this is, as far as it was read and was good. */
export function answerTo(head: Head, status: AnswerStatus, keepAlive = false): Uint8Array {
  return answer(status, {
    html: wantsHtml(head),
    headOnly: head.done && head.text(head.start, head.methodEnd) === "HEAD",
    keepAlive,
  });
}

/** Whoever asks would rather read HTML. */
export function wantsHtml(head: Head): boolean {
  return head.all("accept").some(field => head.value(field).includes("text/html"));
}

/** A whole reply, small enough for any send buffer. */
export function answer(
  status: AnswerStatus,
  { advice, html = false, headOnly = false, keepAlive = false }: AnswerOptions = {},
): Uint8Array {
  const [reason, usual] = ANSWERS[status];
  const text = advice ?? usual;
  const body = html
    ? `<!doctype html><title>${status} ${reason}</title><h1>${status} ${reason}</h1><p>${text}</p>\n`
    : `${status} ${reason}\n${text}\n`;
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    `Content-Type: text/${html ? "html" : "plain"}`,
    `Content-Length: ${body.length}`,
    "Cache-Control: no-store",
    ...(status === 503 ? [`Retry-After: ${RETRY_AFTER_S}`] : []),
    ...(status === 405 ? ["Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"] : []),
    ...(keepAlive ? [] : ["Connection: close"]),
  ];
  return ascii(`${head.join("\r\n")}\r\n\r\n${headOnly ? "" : body}`);
}
