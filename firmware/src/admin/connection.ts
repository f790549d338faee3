import { DOCUMENT_BYTES_MAX } from "../config/config-store.ts";
import { type BodyReader, bodyBytes, bodyReader, requestFraming } from "../http1/body.ts";
import { Head, textOf } from "../http1/head.ts";
import { namesHost, pathStart } from "../http1/request.ts";
import type { Report } from "../log/event.ts";
import type { Deadlines, Timed } from "../net/deadlines.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import type { Platform, TCPSocket } from "../platform.ts";
import { ascii } from "../text/ascii.ts";
import { exceptionText } from "../text/exception.ts";
import { type AdminAnswer, respond } from "./api.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** A request of an operator is small. */
const HEAD_LIMITS = Object.freeze({ headBytesMax: 2048, headLinesMax: 40 });
const BODY_BYTES_MAX = DOCUMENT_BYTES_MAX;
const TOO_LARGE = `the body has more than ${BODY_BYTES_MAX} bytes, which is what flash takes of a configuration; blanks count`;

/** Pieces of an answer are gathered until they are so long: less would be a segment that is not worth it. */
const GATHERED_BYTES = 512;

/** An answer's bytes on their way at once. */
const WRITE_BYTES_MAX = 512;

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

const LAST_CHUNK = "0\r\n\r\n";

/** For a request, and for each further piece of its answer. */
const TIMEOUT_MS = 5000;

/** How long the answer to a wrong token waits. */
const WRONG_TOKEN_MS = 2000;

const REASONS: Record<number, string> = Object.freeze({
  200: "OK",
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
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
});

export interface AdminContext {
  readonly platform: Platform;
  readonly runtime: RuntimeApi;
  readonly report: Report;
  readonly deadlines: Deadlines;
  readonly scratch: Uint8Array;
  /** The one connection whose answer waits because its token was wrong. */
  delayed: AdminConnection | undefined;
  /** A whole request has come. */
  asked(connection: AdminConnection): void;
  ended(connection: AdminConnection): void;
}

/**
 * One connection to the admin port: one request, its answer, and a close, so that the few places that
 * there are come free soon. Holds a head, a body of one configuration at most, and the rest of the
 * answer, which for the page is a constant.
 */
export class AdminConnection implements EndpointOwner, Timed {
  deadlineMs = Number.POSITIVE_INFINITY;
  #context: AdminContext;
  #client: Endpoint;
  readonly address: string;
  readonly #sinceMs: number;
  /** Where it came in: the admin port, or the one that is on trial. */
  #port: number;
  #head = new Head("request", HEAD_LIMITS);
  #reader: BodyReader | undefined;
  /** The client waits for `CONTINUE` before it sends its body. */
  #continues = false;
  #body = "";
  /** What is being sent, and how much of it is sent; `undefined` while the request comes. */
  #text: string | undefined;
  #sent = 0;
  /** What comes behind it. */
  #pieces: Iterator<string> | undefined;
  /** The answer to a wrong token, while it waits. */
  #delayedAnswer: AdminAnswer | undefined;
  /** Pieces are sent as chunks. */
  #chunked = false;
  #ended = false;

  /** Throws what `new TCP({ from })` throws when the connection died before it was accepted. */
  constructor(context: AdminContext, port: number, accepted: TCPSocket) {
    this.#context = context;
    this.#port = port;
    this.#client = new Endpoint(context.platform, { from: accepted }, this);
    this.address = this.#client.address().address;
    this.#sinceMs = context.platform.clock.now();
    context.deadlines.setDeadline(this, TIMEOUT_MS);
  }

  /** The head of its request has not come whole. */
  get isSilent(): boolean {
    return !this.#head.done && this.#text === undefined && this.#client.readable === 0;
  }

  /** All of its answer was written: closing it now takes nothing from its client. */
  get isAnswered(): boolean {
    return (
      this.#pieces === undefined && this.#text !== undefined && this.#sent === this.#text.length
    );
  }

  get ageMs(): number {
    return this.#context.platform.clock.now() - this.#sinceMs;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.deadlines.cancel(this);
    if (this.#context.delayed === this) this.#context.delayed = undefined;
    this.#client.close();
    this.#context.ended(this);
  }

  moved(): void {
    if (this.#ended) return;
    if (this.#delayedAnswer !== undefined) {
      this.#client.discard(this.#context.scratch);
      if (this.#client.writeClosed) this.end();
      return;
    }
    if (this.#text === undefined) this.#read();
    // From here, and not from where the last byte was read: what answers needs the stack.
    if (this.#text === undefined && this.#complete) this.#respond();
    else if (this.#text !== undefined) this.#send();
    else if (!this.#ended) this.#sendContinue();
  }

  lost(): void {
    this.end();
  }

  failed(error: unknown): void {
    this.#context.report({
      level: "E",
      on: "admin",
      what: "exception",
      error: exceptionText(error),
    });
    this.end();
  }

  expired(): void {
    const late = this.#delayedAnswer;
    if (late !== undefined) {
      this.#delayedAnswer = undefined;
      this.#context.delayed = undefined;
      this.#answer(late);
      return;
    }
    if (this.#text === undefined && this.#head.length > 0) this.#answer(plain(408));
    else this.end();
  }

  // The request

  #read(): void {
    const { scratch } = this.#context;
    const client = this.#client;
    while (client.readable > 0 && this.#text === undefined && !this.#complete) {
      const piece = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
      client.read(piece);
      if (this.#reader === undefined) this.#readHead(piece);
      else this.#readBody(piece);
    }
    if (client.writeClosed && !this.#complete) this.end();
  }

  get #complete(): boolean {
    return this.#reader?.done === true;
  }

  #readHead(piece: Uint8Array): void {
    const head = this.#head;
    const rest = piece.subarray(head.feed(piece));
    head.keep(); // `piece` lies in the scratch buffer
    if (head.error !== undefined) this.#answer(plain(head.error));
    if (!head.done || head.error !== undefined) return;
    const framing = requestFraming(head, this.#method);
    if (framing === undefined) {
      this.#answer(plain(head.error!));
    } else if (typeof framing === "number" && framing > BODY_BYTES_MAX) {
      this.#answer(plain(413, TOO_LARGE));
    } else {
      this.#reader = bodyReader(framing, BODY_BYTES_MAX);
      const expects = head.minor > 0 && head.lookup("expect")?.toLowerCase() === "100-continue";
      this.#continues = expects && !this.#reader.done && rest.byteLength === 0;
      this.#readBody(rest);
    }
  }

  /** The client waits to be told that its body is wanted. */
  #sendContinue(): void {
    const client = this.#client;
    if (!this.#continues || client.writable < CONTINUE.length) return;
    this.#continues = false;
    client.write(ascii(CONTINUE));
  }

  #readBody(piece: Uint8Array): void {
    const reader = this.#reader!;
    if (piece.byteLength > 0) this.#continues = false;
    const bytes = bodyBytes(reader, piece);
    this.#body += textOf(bytes, 0, bytes.byteLength);
    if (reader.broken) this.#answer(reader.tooLarge ? plain(413, TOO_LARGE) : plain(400));
  }

  get #method(): string {
    const head = this.#head;
    return head.text(head.start, head.methodEnd);
  }

  /** Where the path begins in the target, which may be a whole URL; -1 where it does not name this board's host. */
  get #pathStart(): number {
    const head = this.#head;
    const start = pathStart(head, this.#method);
    if (start <= head.targetStart) return start;
    const host = head.lookup("host");
    return host === undefined || namesHost(head, start, host) ? start : -1;
  }

  #respond(): void {
    this.#context.asked(this);
    const { runtime, report } = this.#context;
    const head = this.#head;
    const method = this.#method;
    const start = this.#pathStart;
    if (start < 0) {
      this.#answer(plain(400));
      return;
    }
    const text = head.text(start, head.targetEnd);
    const target = text === "" || text[0] === "?" ? `/${text}` : text;
    const mark = target.indexOf("?");
    const path = mark < 0 ? target : target.slice(0, mark);
    const query = mark < 0 ? "" : target.slice(mark + 1);
    const field = (name: string) => head.lookup(name);
    const answer = respond(runtime, {
      method,
      path,
      query,
      port: this.#port,
      field,
      body: this.#body,
    });
    const { status } = answer;
    if (status === 401 || status === 403) {
      const request = `${method} ${path.slice(0, 80)}`;
      report({ level: "W", on: "admin", what: "refused", client: this.address, request, status });
    }
    if (status === 401 && field("authorization") !== undefined) this.#delay(answer);
    else this.#answer(answer);
  }

  // The answer

  /** Whoever guesses tokens waits, on one connection of those that there are; a right token never does. */
  #delay(answer: AdminAnswer): void {
    const { deadlines, delayed } = this.#context;
    if (delayed !== undefined) {
      const fields = [`Retry-After: ${WRONG_TOKEN_MS / 1000}`];
      this.#answer({ ...plain(429, "another wrong token is being answered; try again"), fields });
      return;
    }
    this.#context.delayed = this;
    this.#delayedAnswer = answer;
    deadlines.setDeadline(this, WRONG_TOKEN_MS);
  }

  #answer({ status, type, body, fields = [] }: AdminAnswer): void {
    const whole = typeof body === "string";
    const bytes = whole ? body.length : body.bytes;
    this.#chunked = bytes === undefined && this.#head.minor > 0;
    const head = [
      `HTTP/1.1 ${status} ${REASONS[status]}`,
      `Content-Type: ${type}`,
      ...(bytes === undefined ? [] : [`Content-Length: ${bytes}`]),
      ...(this.#chunked ? ["Transfer-Encoding: chunked"] : []),
      "Cache-Control: no-store",
      "X-Content-Type-Options: nosniff",
      ...fields,
      "Connection: close",
    ];
    this.#body = "";
    this.#text = `${head.join("\r\n")}\r\n\r\n`;
    if (this.#method !== "HEAD") {
      if (whole) this.#text += body;
      else this.#pieces = body.pieces[Symbol.iterator]();
    }
    this.#context.deadlines.setDeadline(this, TIMEOUT_MS);
    this.#send();
  }

  /** Sends as much as there is room for; with all of it delivered, closes. */
  #send(): void {
    const client = this.#client;
    client.discard(this.#context.scratch); // closing over unread bytes would reset the connection
    let more = this.#hasMore();
    while (more && client.writable > 0 && !client.sendQueueFull) {
      const count = Math.min(client.writable, WRITE_BYTES_MAX);
      const part = this.#text!.slice(this.#sent, this.#sent + count);
      client.write(ascii(part));
      this.#sent += part.length;
      this.#context.deadlines.setDeadline(this, TIMEOUT_MS);
      more = this.#hasMore();
    }
    if (client.writeClosed || (!more && client.flushed)) this.end();
  }

  /** There is something to send: the rest of `#text`, or the next pieces. */
  #hasMore(): boolean {
    if (this.#sent < this.#text!.length) return true;
    if (this.#pieces === undefined) return false;
    this.#text = this.#nextPieces(this.#pieces);
    this.#sent = 0;
    return this.#text !== "";
  }

  /** As many pieces as are worth a write; behind the last one, what ends the body. */
  #nextPieces(pieces: Iterator<string>): string {
    let text = "";
    while (text.length < GATHERED_BYTES) {
      const { value, done } = pieces.next();
      if (done) {
        this.#pieces = undefined;
        break;
      }
      text += value;
    }
    if (!this.#chunked) return text;
    const chunk = text === "" ? "" : `${text.length.toString(16)}\r\n${text}\r\n`;
    return this.#pieces === undefined ? `${chunk}${LAST_CHUNK}` : chunk;
  }
}

/** An answer to what was not understood. */
function plain(status: number, error = REASONS[status]): AdminAnswer {
  return { status, type: "application/json", body: `{"error":"${error}"}\n` };
}
