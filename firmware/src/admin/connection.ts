import { ascii } from "../ascii.ts";
import type { Deadlines, Timed } from "../deadline.ts";
import { Endpoint, type EndpointOwner } from "../endpoint.ts";
import { exceptionText } from "../exception.ts";
import { type BodyReader, bodyReader, requestFraming } from "../http/body.ts";
import { Head, TEXT_PIECE } from "../http/head.ts";
import type { Platform, TCPSocket } from "../platform.ts";
import { type AdminAnswer, respond } from "./api.ts";
import type { Report } from "./event.ts";
import type { Operator } from "./operator.ts";
import { DOCUMENT_BYTES_MAX } from "./revisions.ts";

/** A request of an operator is small. */
const HEAD_LIMITS = Object.freeze({ headBytesMax: 2048, headLinesMax: 40 });
const BODY_BYTES_MAX = DOCUMENT_BYTES_MAX;

/** For a request, and for each further piece of its answer. */
const TIMEOUT_MS = 5000;

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
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
});

export interface AdminContext {
  readonly platform: Platform;
  readonly operator: Operator;
  readonly report: Report;
  readonly deadlines: Deadlines;
  readonly scratch: Uint8Array;
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
  #address: string;
  /** Where it came in: the admin port, or the one that is on trial. */
  #port: number;
  #head = new Head("request", HEAD_LIMITS);
  #reader: BodyReader | undefined;
  #body = "";
  /** What is still to be sent; `undefined` while the request comes. */
  #rest: string | undefined;
  #ended = false;

  /** Throws what `new TCP({ from })` throws when the connection died before it was accepted. */
  constructor(context: AdminContext, port: number, accepted: TCPSocket) {
    this.#context = context;
    this.#port = port;
    this.#client = new Endpoint(context.platform, { from: accepted }, this);
    this.#address = this.#client.address().address;
    context.deadlines.within(this, TIMEOUT_MS);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.deadlines.cancel(this);
    this.#client.close();
    this.#context.ended(this);
  }

  moved(): void {
    if (this.#ended) return;
    if (this.#rest === undefined) this.#read();
    if (this.#rest !== undefined) this.#send();
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
    if (this.#rest === undefined && this.#head.length > 0) this.#answer(plain(408));
    else this.end();
  }

  // The request

  #read(): void {
    const { scratch } = this.#context;
    const client = this.#client;
    while (client.readable > 0 && this.#rest === undefined) {
      const piece = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
      client.read(piece);
      if (this.#reader === undefined) this.#readHead(piece);
      else this.#readBody(piece);
    }
    if (client.deaf) this.end();
  }

  #readHead(piece: Uint8Array): void {
    const head = this.#head;
    const rest = piece.subarray(head.feed(piece));
    head.keep(); // `piece` lies in the scratch buffer
    if (head.error !== undefined) this.#answer(plain(head.error));
    if (!head.done || head.error !== undefined) return;
    const framing = requestFraming(head, this.#method);
    if (typeof framing === "number") {
      this.#answer(plain(framing));
    } else if (framing.kind === "length" && framing.length > BODY_BYTES_MAX) {
      this.#answer(plain(413));
    } else {
      this.#reader = bodyReader(framing, BODY_BYTES_MAX);
      this.#readBody(rest);
    }
  }

  #readBody(piece: Uint8Array): void {
    const reader = this.#reader!;
    let rest = piece;
    while (rest.byteLength > 0 && !reader.done && !reader.broken) {
      const part = rest.subarray(0, Math.min(rest.byteLength, reader.wanted));
      const length = reader.decode(part);
      for (let at = 0; at < length; at += TEXT_PIECE) {
        const bytes = part.subarray(at, Math.min(length, at + TEXT_PIECE));
        this.#body += String.fromCharCode.apply(null, bytes as unknown as number[]);
      }
      rest = rest.subarray(part.byteLength - reader.behind);
    }
    if (reader.broken) this.#answer(plain(reader.tooLarge ? 413 : 400));
    else if (reader.done) this.#respond();
  }

  get #method(): string {
    const head = this.#head;
    return head.text(head.start, head.methodEnd);
  }

  #respond(): void {
    const { operator, report } = this.#context;
    const head = this.#head;
    const method = this.#method;
    const [path, query = ""] = head.text(head.targetStart, head.targetEnd).split("?", 2);
    const field = (name: string) => head.lookup(name);
    const answer = respond(operator, {
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
      report({ level: "W", on: "admin", what: "refused", client: this.#address, request, status });
    }
    this.#answer(answer);
  }

  // The answer

  #answer({ status, type, body, fields = [] }: AdminAnswer): void {
    const head = [
      `HTTP/1.1 ${status} ${REASONS[status]}`,
      `Content-Type: ${type}`,
      `Content-Length: ${body.length}`,
      "Cache-Control: no-store",
      "X-Content-Type-Options: nosniff",
      ...fields,
      "Connection: close",
    ];
    this.#body = "";
    this.#rest = `${head.join("\r\n")}\r\n\r\n${this.#method === "HEAD" ? "" : body}`;
    this.#context.deadlines.within(this, TIMEOUT_MS);
    this.#send();
  }

  /** Sends as much as there is room for; with all of it delivered, closes. */
  #send(): void {
    const client = this.#client;
    const { scratch } = this.#context;
    client.discard(scratch); // closing over unread bytes would reset the connection
    while (this.#rest !== "" && client.writable > 0) {
      const count = Math.min(client.writable, scratch.byteLength, this.#rest!.length);
      client.write(ascii(this.#rest!.slice(0, count)));
      this.#rest = this.#rest!.slice(count);
      this.#context.deadlines.within(this, TIMEOUT_MS);
    }
    if (client.deaf || (this.#rest === "" && client.flushed)) this.end();
  }
}

/** An answer to what was not understood. */
function plain(status: number): AdminAnswer {
  return { status, type: "application/json", body: `{"error":"${REASONS[status]}"}\n` };
}
