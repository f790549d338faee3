import type { Behaviour, Connection } from "./behaviour.ts";
import { CONTINUE, chunked } from "./http.ts";
import type { Message } from "./http-reader.ts";
import type { Step, Steps } from "./steps.ts";

/** How a backend treats its clients, as data. By default it answers at once and echoes raw TCP. */
export interface Script {
  /** The answer: status, headers, and a body that is this text, or this many bytes. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly bodyBytes?: number;
  /** The framing of the body: its length, chunks, or the close. */
  readonly framing?: "length" | "chunked" | "close";
  /** Pause before each answer. */
  readonly latencyMs?: number;
  /** The rate at which the body is sent; the head is one piece. */
  readonly bytesPerSecond?: number;
  /** Answers after the request's head, and ignores the body. */
  readonly early?: boolean;
  /** Accepts an upgrade, and echoes. */
  readonly upgrades?: boolean;
  /** Bytes that it sends first. */
  readonly greeting?: string;
  /** The answer to raw TCP: an echo, the answer's body and a close, or nothing. */
  readonly raw?: "echo" | "answer" | "swallow";
  /** Receives everything and sends nothing. */
  readonly silent?: boolean;
  /** Closes, or resets, instead of answering. */
  readonly closes?: boolean;
  readonly resets?: boolean;
  /** Stops, with all its connections, after this many bytes of an answer's body. */
  readonly diesAfterBytes?: number;
  /** Resets the connection after this many bytes of an answer's body. */
  readonly resetsAfterBytes?: number;
}

/** Callbacks of a script. */
export interface ScriptEvents {
  /** A whole request, before its answer. */
  requested(request: Message): void;
  /** Bytes of raw TCP or of an upgraded connection. */
  received(bytes: Buffer): void;
  /** A malformed request. */
  broken(why: string): void;
  /** The script stops the whole backend. */
  dies(): void;
}

/** Bytes of one chunk. */
const CHUNK_BYTES = 1000;

/** Pause between the bytes of an answer and a reset. */
const RESET_AFTER_MS = 500;

/** Pause between two pieces of a slow answer. */
const DRIP_MS = 20;

/** Plays a script, and reports to `events`. */
export function scripted(script: Script, events: ScriptEvents): Behaviour {
  const { early = false, greeting, raw = "echo", silent, closes, resets, upgrades } = script;
  return {
    strict: true,
    accepts: connection => {
      if (greeting !== undefined && !silent) connection.play([{ send: greeting }]);
    },
    takes: () => {
      if (silent) return [];
      if (resets) return [{ close: "reset" }];
      return closes ? [{ close: "destroy" }] : undefined;
    },
    head(request, connection) {
      if (early) return answerOf(script, request, connection, events);
      return request.all("expect").includes("100-continue") ? [{ send: CONTINUE }] : [];
    },
    answer(request, connection) {
      events.requested(request);
      const [protocol] = upgrades ? request.all("upgrade") : [];
      if (protocol !== undefined) return switchTo(protocol, connection, events);
      return early ? [] : answerOf(script, request, connection, events);
    },
    broken(why) {
      events.broken(why);
      return [];
    },
    talk(connection, first) {
      connection.receive = bytes => events.received(bytes);
      events.received(first);
      if (raw === "echo") {
        connection.socket.write(first);
        connection.socket.pipe(connection.socket);
      }
      if (raw === "answer") {
        connection.play([{ send: bodyOf(script, connection.name) }, { close: "end" }]);
      }
    },
    ended: ({ socket }) => socket.end(),
  };
}

function switchTo(protocol: string, connection: Connection, events: ScriptEvents): Steps {
  const head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
  const { socket } = connection;
  const run = () => {
    let echoed = false;
    connection.upgrade(bytes => {
      events.received(bytes);
      if (!echoed) socket.write(bytes); // arrived after the head
    });
    echoed = true;
    socket.pipe(socket);
    return undefined;
  };
  return [{ send: head }, { run }];
}

function answerOf(
  script: Script,
  request: Message,
  { name, socket }: Connection,
  events: ScriptEvents,
): Steps {
  const { status = 200, headers = {}, framing = "length" } = script;
  const { latencyMs, diesAfterBytes, resetsAfterBytes, bytesPerSecond } = script;
  const [method, path] = request.line.split(" ");
  const text = bodyOf(script, `${name} ${method} ${path}`);
  const fields = Object.entries({ "X-Backend": name, ...headers });
  if (framing === "chunked") fields.push(["Transfer-Encoding", "chunked"]);
  else if (framing === "close") fields.push(["Connection", "close"]);
  else if (status !== 204) fields.push(["Content-Length", `${text.length}`]);
  const lines = [`HTTP/1.1 ${status} As-It-Is`, ...fields.map(field => field.join(": "))];
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  const framed = framing === "chunked" ? chunked(pieces(text, CHUNK_BYTES)) : text;
  const body = bodiless ? "" : framed;

  const steps: Step[] = latencyMs === undefined ? [] : [{ waitMs: latencyMs }];
  if (resetsAfterBytes !== undefined) {
    // With a pause, because a reset drops what is not sent.
    const part = body.slice(0, resetsAfterBytes);
    return [...steps, { send: head + part }, { waitMs: RESET_AFTER_MS }, { close: "reset" }];
  }
  if (diesAfterBytes !== undefined) {
    const run = () => {
      const bytes = Buffer.from(head + body.slice(0, diesAfterBytes), "latin1");
      socket.write(bytes, () => events.dies());
      return undefined;
    };
    return [...steps, { run }];
  }
  const pieceBytes = bytesPerSecond && Math.ceil((bytesPerSecond * DRIP_MS) / 1000);
  steps.push({ send: head }, { send: body, pieceBytes, gapMs: DRIP_MS });
  if (framing === "close") steps.push({ close: "end" });
  return steps;
}

/** The requested body, or the default one. */
function bodyOf({ body, bodyBytes }: Script, otherwise: string): string {
  return bodyBytes === undefined ? (body ?? otherwise) : patterned(bodyBytes);
}

/** A pattern in which a lost, added or moved byte is noticed. */
export function patterned(count: number): string {
  let text = "";
  for (let at = 0; text.length < count; at++) text += `${at.toString(36)} `;
  return text.slice(0, count);
}

function pieces(text: string, length: number): string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, i) =>
    text.slice(i * length, (i + 1) * length),
  );
}
