import { chunked } from "./client.ts";
import type { Message } from "./http-backend.ts";

/** How a backend treats those who connect. Without any of it, it answers at once and echoes raw TCP. */
export interface Behaviour {
  /** What it answers: status, headers, and a body that is this text, or so many bytes. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bodyBytes?: number;
  /** How the end of its body is known: by its length, by the last chunk, or by the close. */
  readonly framing?: "length" | "chunked" | "close";
  /** Pause before each answer, and the rate at which it is sent then. */
  readonly latencyMs?: number;
  readonly bytesPerSecond?: number;
  /** Answers when the request's head is there, and does not look at the body. */
  readonly early?: boolean;
  /** Agrees to speak another protocol, and echoes. */
  readonly upgrades?: boolean;
  /** Speaks first. */
  readonly greeting?: string;
  /** What raw TCP gets: all of it back, the answer's body and a close, or nothing. */
  readonly raw?: "echo" | "answer" | "swallow";
  /** Nobody listens on its port, until `start`. */
  readonly refuses?: boolean;
  /** Takes all that it is sent, and never says a word. */
  readonly silent?: boolean;
  /** Hangs up, or resets, where an answer is due. */
  readonly closes?: boolean;
  readonly resets?: boolean;
  /** Dies, with all that it has, after so many bytes of an answer's body. */
  readonly diesAfterBytes?: number;
}

/** Bytes of one chunk. */
const CHUNK_BYTES = 1000;

/** An answer as it is sent, each in bytes that are characters. */
export interface Rendered {
  readonly head: string;
  /** Framed; empty where the request or the status allows none. */
  readonly body: string;
}

/** What a backend called `name` answers to a request. */
export function renderAnswer(name: string, behaviour: Behaviour, request: Message): Rendered {
  const { status = 200, headers = {}, framing = "length" } = behaviour;
  const [method, path] = request.line.split(" ");
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  const body = bodyOf(behaviour, `${name} ${method} ${path}`);
  const fields = Object.entries({ "X-Backend": name, ...headers });
  if (framing === "chunked") fields.push(["Transfer-Encoding", "chunked"]);
  else if (framing === "close") fields.push(["Connection", "close"]);
  else if (status !== 204) fields.push(["Content-Length", `${body.length}`]);
  const lines = [`HTTP/1.1 ${status} As-It-Is`, ...fields.map(field => field.join(": "))];
  const framed = framing === "chunked" ? chunked(pieces(body, CHUNK_BYTES)) : body;
  return { head: `${lines.join("\r\n")}\r\n\r\n`, body: bodiless ? "" : framed };
}

/** The body that was asked for, or this one. */
export function bodyOf({ body, bodyBytes }: Behaviour, otherwise: string): string {
  return bodyBytes === undefined ? (body ?? otherwise) : patterned(bodyBytes);
}

/** So many bytes, of which none can be lost, added or moved unseen. */
export function patterned(count: number): string {
  let text = "";
  for (let at = 0; text.length < count; at++) text += `${at.toString(36)} `;
  return text.slice(0, count);
}

export function pieces(text: string, length: number): string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, i) =>
    text.slice(i * length, (i + 1) * length),
  );
}
