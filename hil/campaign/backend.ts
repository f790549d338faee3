import type { Behaviour, Connection } from "../../backends/src/behaviour.ts";
import { ServedConnection } from "../../backends/src/connection.ts";
import type { Message } from "../../backends/src/http-reader.ts";
import type { Socket, Step, Steps } from "../../backends/src/steps.ts";
import { bytesOf, StreamCheck } from "./bytes.ts";
import { type Observations, type RawArrival, streamsOf } from "./observations.ts";
import type { BackendPart, Mode, PlannedRequest } from "./plan.ts";

/** The mark of the raw protocol, by which it differs from HTTP. */
const RAW_WORD = "POT ";

/** Sent after a keyword that ends the session: must not be delivered. */
export const BEHIND_KEYWORD = "nobody may receive this";

/** A slow backend pauses after so many bytes. */
const REST_BYTES = 512;

/** Delay of `late` answers: well within `responseTimeoutMs`. */
const LATE_MS = 600;

/** When a cut answer ends, after its half. */
const CUT_MS = 50;

/** Pieces of a `dribble` answer, and the pause between them. */
const DRIBBLE_PIECES = 5;
const DRIBBLE_MS = 40;

/** A backend that speaks HTTP and the raw protocol on one port, and checks everything that it receives. */
export function serve(seen: Observations, part: BackendPart, socket: Socket): void {
  const { clock } = seen.lab;
  const stage = { name: part.name, clock, keepAliveMs: part.keepMs };
  new ServedConnection(socket, behaviourOf(seen, part), stage);
  if (part.restMs === 0) return;
  let read = 0;
  socket.on("data", (bytes: Buffer) => {
    read += bytes.byteLength;
    if (read < REST_BYTES) return;
    read = 0;
    socket.pause();
    clock.after(part.restMs, () => socket.resume());
  });
}

/** The behaviour of one connection: answers as planned, checks each request. */
function behaviourOf(seen: Observations, part: BackendPart): Behaviour {
  let requests = 0;
  /** The request whose body is being received. */
  let open: { path: string; message: Message } | undefined;

  /** A body that was cut must be a prefix of the planned one. */
  const checkBeginning = () => {
    const planned = open && seen.planned(open.path);
    if (planned === undefined || open === undefined) return;
    const received = new StreamCheck(streamsOf(open.path).up, planned.request.upBytes);
    received.feed(open.message.body);
    seen.expect(received.correct, "a backend read a body that no client sent");
  };

  return {
    strict: true,
    speaksHttp: first =>
      first.byteLength < RAW_WORD.length
        ? undefined
        : first.toString("latin1", 0, RAW_WORD.length) !== RAW_WORD,
    head(message, connection) {
      const path = pathOf(message);
      const arrival = seen.arrived(path, part.name, requests++ === 0);
      open = { path, message };
      const planned = seen.planned(path);
      if (planned === undefined) return [];
      arrival.complete = planned.request.upFraming === "none";
      const { client, request } = planned;
      const [from, ...others] = message.all("x-forwarded-for");
      const right = from === client.address && others.length === 0;
      seen.expect(right, "a request has another client's address");
      if (request.mode !== "early") return [];
      const steps = answer(seen, request, path, "length", connection);
      return [...steps, { run: () => void connection.idle() }];
    },
    answer(message, connection) {
      const path = pathOf(message);
      open = undefined;
      if (message.all("upgrade").length > 0) {
        return upgrade(seen, part, connection, Number(path.slice(1)));
      }
      const planned = seen.planned(path);
      if (planned === undefined) {
        // A health check.
        const head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return [{ send: head }, { close: "end" }];
      }
      const { request } = planned;
      seen.requests.get(path)!.at(-1)!.complete = true;
      const received = new StreamCheck(streamsOf(path).up, request.upBytes);
      received.feed(message.body);
      seen.expect(received.complete, "a backend read a body that no client sent");
      if (request.mode === "early") return []; // has its answer
      if (request.mode !== "late") return answer(seen, request, path, request.mode, connection);
      const run = () => answer(seen, request, path, "length", connection);
      return [{ waitMs: LATE_MS }, { run }];
    },
    broken() {
      seen.expect(false, "a backend read what is no request");
      return [];
    },
    /** Reads the line that says which client this is. */
    talk(connection, first) {
      let header = "";
      connection.receive = bytes => {
        header += bytes.toString("latin1");
        const end = header.indexOf("\n");
        if (end < 0) return;
        const id = Number(header.slice(RAW_WORD.length, end));
        const arrival = serveRaw(seen, part, connection, id);
        connection.receive = bytes => arrival?.received.feed(bytes);
        connection.receive(Buffer.from(header.slice(end + 1), "latin1"));
      };
      connection.receive(first);
    },
    ended({ socket }) {
      if (socket.writable) socket.end();
      checkBeginning();
    },
  };
}

function pathOf({ line }: Message): string {
  return line.split(" ")[1];
}

function upgrade(seen: Observations, part: BackendPart, connection: Connection, id: number): Steps {
  const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: potato\r\n\r\n";
  const run = () => {
    const arrival = serveRaw(seen, part, connection, id);
    connection.upgrade(bytes => arrival?.received.feed(bytes));
    return undefined;
  };
  return [{ send: head }, { run }];
}

/** Serves both streams of a raw client, after its header. */
function serveRaw(
  seen: Observations,
  { name }: BackendPart,
  connection: Connection,
  id: number,
): RawArrival | undefined {
  const { socket } = connection;
  const client = seen.clients.get(id)?.part;
  seen.expect(client?.does === "raw", "a backend received of a raw client that there is not");
  if (client?.does !== "raw") return undefined;
  const received = seen.upload(client);
  const arrival: RawArrival = { backend: name, id, received, ended: false, error: undefined };
  seen.raw.push(arrival);
  socket.on("end", () => {
    arrival.ended = true;
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    arrival.error = error.code;
  });
  const steps: Step[] = [{ send: bytesOf(id * 32 + 1, 0, seen.answerTo(client).length) }];
  const ends = seen.endsOf(client);
  if (ends === "answer-keyword") steps.push({ send: `STOP${BEHIND_KEYWORD}` });
  if (ends === "backend") steps.push({ close: "end" });
  connection.play(steps);
  return arrival;
}

/** The answer to a planned request; nothing for a client that is gone. */
function answer(
  seen: Observations,
  request: PlannedRequest,
  path: string,
  mode: Mode,
  { socket }: Connection,
): Steps {
  if (!socket.writable) return [];
  const body = bytesOf(streamsOf(path).down, 0, request.downBytes);
  const fields = `X-Answer: ${path}\r\n`;
  const length = `Content-Length: ${body.byteLength}\r\n`;
  const whole = (more: string, text: Buffer): Buffer => {
    const head = Buffer.from(`HTTP/1.1 200 OK\r\n${fields}${more}\r\n`, "latin1");
    return request.method === "HEAD" ? head : Buffer.concat([head, text]);
  };
  const half = body.subarray(0, body.byteLength >> 1);
  const end: Step = { close: "end" };
  const hangUp: Step = request.downBytes % 2 === 0 ? end : { close: "reset" };
  const plain: Step = { send: whole(length, body) };
  const inChunks = (text: Buffer, ends: boolean): Step => ({
    send: whole("Transfer-Encoding: chunked\r\n", chunks(text, ends)),
  });
  switch (mode) {
    case "chunked":
      return [inChunks(body, true)];
    case "close":
      return [{ send: whole("Connection: close\r\n", body) }, end];
    case "closing":
      return [{ send: whole(`Connection: close\r\n${length}`, body) }, end];
    case "cut":
      return [{ send: whole(length, half) }, { waitMs: CUT_MS }, hangUp];
    case "cut-chunked":
      return [inChunks(half, false), { waitMs: CUT_MS }, hangUp];
    case "dies":
      return [hangUp];
    case "dies-once":
      return [seen.requests.get(path)!.length === 1 ? hangUp : plain];
    case "never":
      return [];
    case "garbage":
      return [{ send: "HTP/1.1 200 OK\r\n\r\n" }];
    case "interim":
      return [{ send: "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" }, plain];
    case "empty":
      return [{ send: `HTTP/1.1 204 No Content\r\n${fields}\r\n` }];
    case "dribble": {
      const send = whole(length, body);
      const pieceBytes = Math.ceil(send.byteLength / DRIBBLE_PIECES);
      return [{ send, pieceBytes, gapMs: DRIBBLE_MS }];
    }
    default:
      return [plain];
  }
}

/** Chunks of many sizes, with an extension here and there, and a trailer where the body ends. */
function chunks(body: Buffer, ends: boolean): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0, size = 7; at < body.byteLength; at += size, size = (size * 13) % 1_999) {
    const data = body.subarray(at, at + size);
    const extension = size % 3 === 0 ? ";name=value" : "";
    pieces.push(Buffer.from(`${data.byteLength.toString(16)}${extension}\r\n`, "latin1"));
    pieces.push(data, Buffer.from("\r\n", "latin1"));
  }
  if (ends) pieces.push(Buffer.from("0\r\nX-Trailer: yes\r\n\r\n", "latin1"));
  return Buffer.concat(pieces);
}
