import { type AnswerStatus, wantsHtml } from "../http1/answer.ts";
import { type Body, NO_BODY, SENT_BODY, UNKNOWN_BODY } from "../http1/body.ts";
import { X_REQUEST_ID } from "../http1/field-names.ts";
import { bodyOf, type Framing } from "../http1/framing.ts";
import type { Head } from "../http1/head.ts";
import { MINOR } from "../http1/head-layout.ts";
import { parseRequest, persists, type Request } from "../http1/request.ts";
import { CLOSE, REWRITE_BYTES, rewriteRequest } from "../http1/rewrite.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import type { Route } from "../pool/group.ts";
import { MessageSide } from "./message-side.ts";

/** Characters of a path, and of a client's own X-Request-Id, that a log line holds. */
export const LOGGED_MAX = 128;

/** Methods that may be sent twice with the effect of once (RFC 9110 section 9.2.2). */
const IDEMPOTENT = Object.freeze(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

/** The client sent an X-Request-Id. */
const OWN_ID = 1;

/** The client sent HTTP/1.0. */
const HTTP_1_0 = 2;

/** The head, which has been given back, had `prefersHtml`. */
const PREFERS_HTML = 4;

/** A request on its way from the client to a backend. Many fields, because the log line and the rewritten head need them. */
export class RequestSide extends MessageSide implements Request<Route> {
  declare method: string;
  /** The path, as much of it as the log holds. */
  declare path: string;
  /** X-Request-Id, the client's or one of this proxy; as much of it as the log holds. */
  declare id: string | undefined;
  /** The client's connection may serve another request after this one. */
  declare keepAlive: boolean;
  /** Until the request is understood: it may have no end. */
  declare framing: Framing;
  declare body: Body;
  declare route: Route | undefined;
  /** The target for the backend, where it is not the client's. */
  declare target: Uint8Array | undefined;
  /** The known field Upgrade, if the client offers another protocol. */
  declare upgrade: number | undefined;
  /** `OWN_ID`, `HTTP_1_0` and `PREFERS_HTML`: three fields would take 48 bytes of each live session. */
  declare private flags: number;

  override reset(): void {
    super.reset();
    this.method = "-";
    this.path = "-";
    this.id = undefined;
    this.keepAlive = false;
    this.framing = "close";
    this.body = UNKNOWN_BODY;
    this.route = undefined;
    this.target = undefined;
    this.upgrade = undefined;
    this.flags = 0;
  }

  /** Takes a head, complete or not. */
  start(head: Head): void {
    this.head = head;
    this.headBytes = head.length;
  }

  /** Reads a complete head. Returns the status that refuses the request, 503 where there is no memory for it. */
  understand(): AnswerStatus | undefined {
    const context = this.context;
    const head = this.head!;
    const status = parseRequest(head, context, this);
    const framing = this.framing;
    this.keepAlive = persists(head);
    if (framing === "none") {
      this.body = NO_BODY;
    } else if (framing !== "close") {
      this.body = bodyOf(framing, context.scratch, context.config.bodyBytesMax);
      if (framing === "chunked") this.body.toFraming = "chunked";
    }
    if (head.words[MINOR] === 0) this.flags |= HTTP_1_0;
    if (status !== undefined) {
      const end = Math.min(head.targetEnd, head.targetStart + LOGGED_MAX);
      this.path = head.text(head.targetStart, end).split("?", 1)[0];
      return status;
    }
    if (this.path.length > LOGGED_MAX) this.path = this.path.slice(0, LOGGED_MAX);
    if (head.words[X_REQUEST_ID] !== 0) this.takeId(head);
    this.id ??= context.requestId();
    if (this.target === undefined || context.heads.claim(this.target.byteLength)) return undefined;
    this.target = undefined;
    return 503;
  }

  /** Takes the client's own id, if it sent a single one that is not empty. */
  private takeId(head: Head): void {
    const id = head.only(X_REQUEST_ID);
    if (id < 0) return;
    const start = head.valueStart(id);
    const end = head.valueEnd(id);
    if (end === start) return;
    this.id = head.text(start, Math.min(end, start + LOGGED_MAX));
    this.flags |= OWN_ID;
  }

  get hasOwnId(): boolean {
    return (this.flags & OWN_ID) !== 0;
  }

  get isHttp10(): boolean {
    return (this.flags & HTTP_1_0) !== 0;
  }

  /** The request may be sent to another backend, or once more to the same. */
  get isRepeatable(): boolean {
    return this.body === NO_BODY && this.upgrade === undefined && IDEMPOTENT.includes(this.method);
  }

  /** All of it has been written to the backend. */
  get isSent(): boolean {
    return this.body.done && this.pending === undefined;
  }

  /** The client would rather read HTML than text. */
  get prefersHtml(): boolean {
    if (this.head !== undefined) return wantsHtml(this.head);
    return (this.flags & PREFERS_HTML) !== 0;
  }

  /** Sends the rewritten head to a backend; false where the board has no memory for it. */
  begin(to: Endpoint, clientAddress: string, trusted: boolean, closes: boolean): boolean {
    const head = this.head!;
    const writer = this.writerFor(head.length + REWRITE_BYTES);
    if (writer === undefined) return false;
    const connection = closes ? CLOSE : "";
    const { context } = this;
    const length = rewriteRequest(writer, head, this, clientAddress, trusted, connection, context);
    return this.sendHead(to, writer, length);
  }

  /** Sends what waits of the head; then a pipe moves the body. Gives its outcome if it ends at once. */
  move(client: Endpoint, to: Endpoint): PipeOutcome | undefined {
    if (this.sender !== undefined || !this.flush(to) || this.body.done) return undefined;
    this.sender = client;
    return client.pipe(to, this.body);
  }

  /** The backend has all of the body. */
  sent(): void {
    this.body = SENT_BODY;
  }

  /** Called when no other backend can get the request: the head is no longer needed, unless it offers an upgrade. */
  settle(): void {
    if (this.head === undefined || this.upgrade !== undefined) return;
    if (wantsHtml(this.head)) this.flags |= PREFERS_HTML;
    this.releaseHead();
  }

  override releaseHead(): void {
    super.releaseHead();
    if (this.target === undefined) return;
    this.context.heads.unclaim(this.target.byteLength);
    this.target = undefined;
  }

  /** Are these protocols, to which a 101 would change, among those that the client offered? */
  offers(protocols: string): boolean {
    if (this.head === undefined || this.upgrade === undefined) return false;
    const offered = membersOf(this.head.value(this.upgrade));
    return membersOf(protocols).every(protocol => offered.includes(protocol));
  }
}

/** Members of a list, in lower case. */
function membersOf(list: string): string[] {
  return list
    .toLowerCase()
    .split(",")
    .map(member => member.trim());
}
