import type { MockSocket } from "net-mock-socket";
import { type Message, MessageReader } from "../kit/http-backend.ts";
import { bytesOf, StreamCheck } from "./bytes.ts";
import { type Observations, type RawArrival, streamsOf } from "./observations.ts";
import { write } from "./paced-stream.ts";
import type { BackendPart, Mode, PlannedRequest } from "./plan.ts";
import { serveRaw } from "./raw-service.ts";

/** Delay of `late` answers: well within `responseTimeoutMs`. */
const LATE_MS = 600;

/** Pieces of a `dribble` answer, and the pause between them. */
const DRIBBLE_PIECES = 5;
const DRIBBLE_MS = 40;

/** One connection of a backend that speaks HTTP: answers as planned, checks each request. */
export class HttpService {
  #seen: Observations;
  #part: BackendPart;
  #socket: MockSocket;
  #reader: MessageReader;
  #requests = 0;
  #raw: RawArrival | undefined;
  #giveUp: (() => void) | undefined;
  /** The request whose body is being received. */
  #open: { path: string; message: Message } | undefined;

  constructor(seen: Observations, part: BackendPart, socket: MockSocket) {
    this.#seen = seen;
    this.#part = part;
    this.#socket = socket;
    this.#reader = new MessageReader(
      "request",
      message => this.#complete(message),
      message => this.#head(message),
    );
    socket.on("end", () => {
      this.#reader.end();
      this.#checkBeginning();
    });
    socket.on("close", () => this.#giveUp?.());
  }

  receive = (bytes: Buffer): void => {
    if (this.#raw !== undefined) {
      this.#raw.received.feed(bytes);
      return;
    }
    this.#reader.feed(bytes);
    const { broken } = this.#reader;
    this.#seen.expect(broken === undefined, "a backend read what is no request");
  };

  #head(message: Message): void {
    this.#giveUp?.();
    const path = message.line.split(" ")[1];
    const arrival = this.#seen.arrived(path, this.#part.name, this.#requests++ === 0);
    this.#open = { path, message };
    const planned = this.#seen.planned(path);
    if (planned === undefined) return;
    arrival.complete = planned.request.upFraming === "none";
    const { client, request } = planned;
    const [from, ...others] = message.all("x-forwarded-for");
    const right = from === client.address && others.length === 0;
    this.#seen.expect(right, "a request came with another client's address");
    if (request.mode === "early") this.#say(request, path, "length");
  }

  /** A body that was cut must be a prefix of the planned one. */
  #checkBeginning(): void {
    const planned = this.#open && this.#seen.planned(this.#open.path);
    if (planned === undefined || this.#open === undefined) return;
    const received = new StreamCheck(streamsOf(this.#open.path).up, planned.request.upBytes);
    received.feed(this.#open.message.body);
    this.#seen.expect(received.correct, "a backend read a body that nobody sent");
  }

  #complete(message: Message): void {
    const path = message.line.split(" ")[1];
    this.#open = undefined;
    if (message.all("upgrade").length > 0) {
      this.#upgrade(Number(path.slice(1)));
      return;
    }
    const planned = this.#seen.planned(path);
    if (planned === undefined) {
      // A health check.
      this.#socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    const { request } = planned;
    this.#seen.requests.get(path)!.at(-1)!.complete = true;
    const received = new StreamCheck(streamsOf(path).up, request.upBytes);
    received.feed(message.body);
    this.#seen.expect(received.complete, "a backend read a body that nobody sent");
    if (request.mode === "early") return; // has its answer
    if (request.mode === "late") {
      this.#seen.lab.clock.after(LATE_MS, () => this.#say(request, path, "length"));
    } else {
      this.#say(request, path, request.mode);
    }
  }

  #upgrade(id: number): void {
    this.#socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: potato\r\n\r\n",
    );
    this.#raw = serveRaw(this.#seen, this.#part, this.#socket, id);
  }

  #dribble(answer: Buffer): void {
    const pieceBytes = Math.ceil(answer.byteLength / DRIBBLE_PIECES);
    write(this.#seen.lab, this.#socket, answer, { pieceBytes, gapMs: DRIBBLE_MS }, () => {});
  }

  #say(request: PlannedRequest, path: string, mode: Mode): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    const { clock } = this.#seen.lab;
    const body = bytesOf(streamsOf(path).down, 0, request.downBytes);
    const bodiless = request.method === "HEAD";
    const fields = `X-Answer: ${path}\r\n`;
    const length = `Content-Length: ${body.byteLength}\r\n`;
    const whole = (more: string, text: Buffer) => {
      const head = Buffer.from(`HTTP/1.1 200 OK\r\n${fields}${more}\r\n`, "latin1");
      return bodiless ? head : Buffer.concat([head, text]);
    };
    const half = body.subarray(0, body.byteLength >> 1);
    const hangUp = () => {
      if (request.downBytes % 2 === 0) socket.end();
      else socket.resetAndDestroy();
    };
    switch (mode) {
      case "chunked":
        socket.write(whole("Transfer-Encoding: chunked\r\n", chunks(body, true)));
        break;
      case "close":
        socket.end(whole("Connection: close\r\n", body));
        break;
      case "closing":
        socket.end(whole(`Connection: close\r\n${length}`, body));
        break;
      case "cut":
        socket.write(whole(length, half));
        clock.after(50, hangUp);
        return;
      case "cut-chunked":
        socket.write(whole("Transfer-Encoding: chunked\r\n", chunks(half, false)));
        clock.after(50, hangUp);
        return;
      case "dies":
        hangUp();
        return;
      case "dies-once":
        if (this.#seen.requests.get(path)!.length === 1) {
          hangUp();
          return;
        }
        socket.write(whole(length, body));
        break;
      case "never":
        return;
      case "garbage":
        socket.write("HTP/1.1 200 OK\r\n\r\n");
        break;
      case "interim":
        socket.write("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
        socket.write(whole(length, body));
        break;
      case "empty":
        socket.write(`HTTP/1.1 204 No Content\r\n${fields}\r\n`);
        break;
      case "dribble":
        this.#dribble(whole(length, body));
        break;
      default:
        socket.write(whole(length, body));
    }
    this.#giveUp = clock.after(this.#part.keepMs, () => socket.end());
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
