import type { Connection } from "./behaviour.ts";
import type { Message } from "./http-reader.ts";
import type { Steps } from "./steps.ts";

/** Maximum bytes of one answer, so that a request for too many by mistake does not take days. */
export const BYTES_MAX = 2 ** 30;

export const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

export interface ReplyOptions {
  readonly status?: string;
  /** Lines of the head, without Content-Length. */
  readonly fields?: readonly string[];
}

/** A response with a Content-Length; a character of `body` is a byte. */
export function reply(body: string, { status = "200 OK", fields = [] }: ReplyOptions = {}): string {
  return head(body.length, { status, fields }) + body;
}

function head(length: number, { status = "200 OK", fields = [] }: ReplyOptions): string {
  const lines = [`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${length}`];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A body in these chunks. */
export function chunked(chunks: readonly string[]): string {
  return [...chunks, ""].map(chunk => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
}

/** The default answer: the backend's name, the request, and the length of its body. */
export function nameItself(request: Message, connection: Connection): Steps {
  const { name } = connection;
  const [method, path] = request.line.split(" ");
  const digits = /^\/bytes\/(\d+)(?:\?|$)/.exec(path)?.[1];
  if (digits === undefined) {
    const sent = request.bodyBytes > 0 ? ` (${request.bodyBytes} bytes received)` : "";
    return answerText("200 OK", `${name}: ${method} ${path}${sent}\n`, request, connection);
  }
  if (Number(digits) <= BYTES_MAX) return answerBytes(Number(digits), request, connection);
  const text = `${name}: ${path} is too much; the maximum is ${BYTES_MAX}\n`;
  return answerText("400 Bad Request", text, request, connection);
}

/** Answers with `count` bytes, byte i of which is the digit of i modulo 16. */
export function answerBytes(count: number, request: Message, { name }: Connection): Steps {
  const fields = ["Content-Type: application/octet-stream"];
  return answer("200 OK", fields, count, [{ pour: count }], request, name);
}

function answerText(status: string, text: string, request: Message, { name }: Connection): Steps {
  return answer(status, ["Content-Type: text/plain"], text.length, [{ send: text }], request, name);
}

/** The steps of an answer: no body for HEAD, and a close if the client wants it. */
function answer(
  status: string,
  fields: readonly string[],
  length: number,
  body: Steps,
  request: Message,
  name: string,
): Steps {
  const closes =
    request.all("connection").some(value => /\bclose\b/i.test(value)) ||
    (request.line.endsWith("1.0") && !request.all("connection").some(v => /keep-alive/i.test(v)));
  const all = [`X-Backend: ${name}`, ...fields, `Connection: ${closes ? "close" : "keep-alive"}`];
  return [
    { send: head(length, { status, fields: all }) },
    ...(request.line.startsWith("HEAD ") ? [] : body),
    ...(closes ? [{ close: "end" } as const] : []),
  ];
}

/** Answers a malformed request. */
export function refuse(): Steps {
  return [{ send: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n" }, { close: "end" }];
}
