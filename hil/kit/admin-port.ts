import { MessageReader } from "../../backends/src/http-reader.ts";
import { collect, type EmulatedLab } from "./emulated-lab.ts";

/** The token of the boards that tests operate. */
export const TOKEN = "correct-horse";

const ADMIN_PORT = 8404;

export interface Answer {
  /** `NaN` when nothing came. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends text, a byte for each character, to the admin port; what came until the close. */
export async function send(lab: EmulatedLab, text: string, port = ADMIN_PORT): Promise<Answer> {
  const socket = lab.network.host("operator").connect({ host: "board", port });
  const received = collect(socket);
  socket.write(Buffer.from(text, "latin1"));
  await lab.clock.run({ until: () => socket.closed, ms: 60_000 });
  const end = received.text.indexOf("\r\n\r\n");
  const head = end < 0 ? received.text : received.text.slice(0, end);
  const sent = end < 0 ? "" : received.text.slice(end + 4);
  const isChunked = /\r\nTransfer-Encoding: chunked/.test(head) && sent !== "";
  const body = isChunked ? dechunked(received.text) : sent;
  return { status: head === "" ? Number.NaN : Number(head.slice(9, 12)), head, body };
}

/** Throws when it is cut. */
function dechunked(answer: string): string {
  const reader = new MessageReader("response");
  reader.feed(Buffer.from(answer, "latin1"));
  const [message] = reader.messages;
  if (message === undefined) throw new Error(`a chunk is cut: ${reader.broken}`);
  return message.body.toString("latin1");
}

export function get(
  lab: EmulatedLab,
  path: string,
  { port = ADMIN_PORT, token }: { port?: number; token?: string } = {},
): Promise<Answer> {
  const field = token === undefined ? "" : `Authorization: Bearer ${token}\r\n`;
  return send(lab, `GET ${path} HTTP/1.1\r\nHost: board:8404\r\n${field}\r\n`, port);
}

export function put(
  lab: EmulatedLab,
  path: string,
  body: object | string,
  fields: string[] = [],
  port = ADMIN_PORT,
): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const head = [
    `PUT ${path} HTTP/1.1`,
    "Host: board:8404",
    "Content-Type: application/json",
    `Content-Length: ${text.length}`,
    ...(fields.some(field => /^authorization:/i.test(field))
      ? []
      : [`Authorization: Bearer ${TOKEN}`]),
    ...fields,
  ];
  return send(lab, `${head.join("\r\n")}\r\n\r\n${text}`, port);
}
