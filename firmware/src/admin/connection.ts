import { DOCUMENT_BYTES_MAX } from "../config/document-parts.ts";
import { JsonParser, type Parsed, readJson } from "../config/json.ts";
import { answerHead, REASONS } from "../http1/answer.ts";
import { ReplyWriter } from "../http1/reply-writer.ts";
import { RequestReader } from "../http1/request-reader.ts";
import type { Deadlines, Timed } from "../net/deadlines.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import type { TCPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { refusedChange } from "./access.ts";
import { type AdminAnswer, error } from "./answer.ts";
import { respond } from "./api.ts";
import { memoryFor } from "./config-memory.ts";
import type { RuntimeApi } from "./runtime-api.ts";

/** Requests to the admin port are small. */
const HEAD_LIMITS = Object.freeze({ headBytesMax: 2048, headLinesMax: 40 });
const BODY_BYTES_MAX = DOCUMENT_BYTES_MAX;
const TOO_LARGE = `the body has more than ${BODY_BYTES_MAX} bytes, the most that flash can store; white space counts`;

/** Time for the request, and for each piece of its answer. */
const TIMEOUT_MS = 5000;

/** Delay of the answer to a wrong token. */
const WRONG_TOKEN_MS = 2000;

export interface AdminContext {
  readonly runtime: RuntimeApi;
  readonly deadlines: Deadlines;
  readonly scratch: Uint8Array;
  /** The connection whose answer is delayed because of a wrong token. */
  delayed: AdminConnection | undefined;
  /** Called when a whole request has arrived. */
  requested(connection: AdminConnection): void;
  /** Called when the connection is closed. */
  ended(connection: AdminConnection): void;
}

/**
 * A connection to the admin port: one request, its answer, and a close, because there are few such connections. Holds a
 * head, the values of one configuration at most, and the rest of the answer, which for the page is a constant.
 */
export class AdminConnection implements EndpointOwner, Timed {
  deadlineMs = 0;
  place = -1;
  #context: AdminContext;
  #client: Endpoint;
  readonly address: string;
  readonly #sinceMs: number;
  /** The board's port: the admin port, or the previous one during a trial. */
  #port: number;
  #request = new RequestReader(HEAD_LIMITS, BODY_BYTES_MAX, () => this.bodyParser());
  /** `undefined` while the request is read. */
  #reply: ReplyWriter | undefined;
  /** The answer to a wrong token, while it is delayed. */
  #delayedAnswer: AdminAnswer | undefined;
  #ended = false;

  /** Throws the exception of `new TCP({ from })` if the connection died before it was accepted. */
  constructor(context: AdminContext, port: number, accepted: TCPSocket) {
    this.#context = context;
    this.#port = port;
    this.#client = new Endpoint(context.runtime.parts.platform, { from: accepted }, this);
    this.address = this.#client.address().address;
    this.#sinceMs = this.nowMs;
    context.deadlines.setDeadline(this, TIMEOUT_MS);
  }

  /** The head of its request is not complete, and no bytes wait to be read. */
  get isSilent(): boolean {
    return !this.#request.head.done && this.#reply === undefined && this.#client.readable === 0;
  }

  /** The whole answer was written, so the client loses nothing if the connection is closed. */
  get isAnswered(): boolean {
    return this.#reply?.isWritten === true;
  }

  get ageMs(): number {
    return this.nowMs - this.#sinceMs;
  }

  private get nowMs(): number {
    return this.#context.runtime.parts.platform.clock.now();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.deadlines.cancel(this);
    if (this.#context.delayed === this) this.#context.delayed = undefined;
    if (this.#reply?.isWritten === false) this.#client.resets = true; // or it might look whole
    this.#client.close();
    this.#context.ended(this);
  }

  onReady(): void {
    if (this.#ended) return;
    if (this.#delayedAnswer !== undefined) {
      this.#client.discard(this.#context.scratch);
      if (this.#client.writeClosed) this.end();
      return;
    }
    if (this.#reply !== undefined) {
      this.send(this.#reply);
      return;
    }
    // Called from here, not from where the last byte was read: an answer needs much stack.
    const progress = this.#request.read(this.#client, this.#context.scratch);
    if (progress === "complete") this.respond();
    else if (progress !== "waiting") this.answer(unreadable(progress));
    else if (this.#client.writeClosed) this.end();
    else if (this.#client.ended) this.answer(unreadable(400));
  }

  failed(exception: unknown): void {
    const error = exceptionText(exception);
    this.#context.runtime.parts.report({ level: "E", on: "admin", what: "exception", error });
    this.end();
  }

  expired(): void {
    const late = this.#delayedAnswer;
    if (late !== undefined) {
      this.#delayedAnswer = undefined;
      this.#context.delayed = undefined;
      this.answer(late);
      return;
    }
    if (this.#reply === undefined && this.#request.head.length > 0) this.answer(unreadable(408));
    else this.end();
  }

  private respond(): void {
    this.#context.requested(this);
    const { runtime } = this.#context;
    const { head, target } = this.#request;
    const { method } = head;
    if (target === undefined) {
      this.answer(unreadable(400));
      return;
    }
    const mark = target.indexOf("?");
    const path = mark < 0 ? target : target.slice(0, mark);
    const query = mark < 0 ? "" : target.slice(mark + 1);
    const field = (name: string) => head.lookup(name);
    const body = () => this.takeBody();
    const answer = respond(runtime, { method, path, query, port: this.#port, field, body });
    const { status } = answer;
    if (status === 401 || status === 403) {
      const request = `${method} ${path.slice(0, 80)}`;
      const client = this.address;
      runtime.parts.report({ level: "W", on: "admin", what: "refused", client, request, status });
    }
    if (status === 401 && field("authorization") !== undefined) this.delay(answer);
    else this.answer(answer);
  }

  /** The body of a change is read as it arrives, if it may change anything; no other body is of use. */
  private bodyParser(): JsonParser | undefined {
    const { head } = this.#request;
    const { runtime } = this.#context;
    const field = (name: string) => head.lookup(name);
    if (head.method !== "PUT" || refusedChange(runtime, { field }) !== undefined) return undefined;
    return new JsonParser(memoryFor(runtime.parts.platform));
  }

  /** Returns the parsed body, and releases it. */
  private takeBody(): Parsed | "no memory" {
    const parser = this.#request.body;
    this.#request.body = undefined;
    if (parser?.lacksMemory) return "no memory";
    return parser?.end() ?? readJson("");
  }

  /** The answer to a wrong token is delayed, on at most one connection at a time; a right token is never delayed. */
  private delay(answer: AdminAnswer): void {
    const { deadlines, delayed } = this.#context;
    if (delayed !== undefined) {
      const fields = [`Retry-After: ${WRONG_TOKEN_MS / 1000}`];
      this.answer({ ...error(429, "another wrong token is being answered; try again"), fields });
      return;
    }
    this.#context.delayed = this;
    this.#delayedAnswer = answer;
    deadlines.setDeadline(this, WRONG_TOKEN_MS);
  }

  private answer({ status, type, body, fields = [] }: AdminAnswer): void {
    const whole = typeof body === "string";
    const bytes = whole ? body.length : body.bytes;
    const { head } = this.#request;
    const chunked = bytes === undefined && head.minor > 0;
    const text = answerHead(status, [
      `Content-Type: ${type}`,
      ...(bytes === undefined ? [] : [`Content-Length: ${bytes}`]),
      ...(chunked ? ["Transfer-Encoding: chunked"] : []),
      "X-Content-Type-Options: nosniff",
      ...fields,
      "Connection: close",
    ]);
    this.#request.body = undefined;
    if (head.method === "HEAD") this.#reply = new ReplyWriter(text);
    else if (whole) this.#reply = new ReplyWriter(text + body);
    else this.#reply = new ReplyWriter(text, body.pieces, chunked);
    this.#context.deadlines.setDeadline(this, TIMEOUT_MS);
    this.send(this.#reply);
  }

  /** Sends as much as there is room for; closes when all of it is delivered. */
  private send(reply: ReplyWriter): void {
    const client = this.#client;
    const { scratch, deadlines } = this.#context;
    client.discard(scratch); // a close with unread bytes would reset the connection
    if (reply.write(client)) deadlines.setDeadline(this, TIMEOUT_MS);
    if (client.writeClosed || (reply.isWritten && client.flushed)) this.end();
  }
}

/** The answer to a request that could not be read. */
function unreadable(status: number): AdminAnswer {
  return error(status, status === 413 ? TOO_LARGE : REASONS[status]);
}
