import type { Backend } from "../backend/backend.ts";
import type { CheckCode } from "../backend/health.ts";
import { deepFreeze } from "../deep-freeze.ts";
import { type AnswerStatus, answer, KEEPS_ALIVE, wantsHtml } from "../http1/answer.ts";
import {
  type BodyReader,
  bodyReader,
  type Framing,
  LAST_CHUNK,
  NO_BODY,
  requestFraming,
  responseFraming,
} from "../http1/body.ts";
import type { Field, Head } from "../http1/head.ts";
import { relay, send } from "../http1/relay.ts";
import { persists, type Request } from "../http1/request.ts";
import { addClose, REWRITE_BYTES, rewriteRequest, rewriteResponse } from "../http1/rewrite.ts";
import type { AnswerRefusal } from "../log/event.ts";
import { countAnswer } from "../log/traffic.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import { isShort } from "../net/memory-reserve.ts";
import type { Route } from "../pool/group.ts";
import { type ConnectFailure, Connector, type ConnectorOwner } from "./connector.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";

/** The connection that an exchange takes place on. */
export interface ExchangeOwner {
  readonly client: ClientInfo;
  readonly clientSide: Endpoint;
  readonly trusted: boolean;
  /** The time that it has from now on; `expired` is called then. */
  setDeadline(ms: number): void;
  /** Something has moved: call `run` again. */
  advance(): void;
  failed(error: unknown): void;
}

/** All retries of one request begin within it, whatever the connect timeout. */
const RETRY_DEADLINE_MS = 10_000;

/** Characters of a path, and of a client's own X-Request-Id, that a log line holds. */
export const LOGGED_MAX = 128;

/** Interim answers (1xx) to one request; Go's client takes five, and a 102 may come each 20 s (RFC 2518). */
const INTERIM_ANSWERS_MAX = 10;

/** Methods that may be sent twice with the effect of once (RFC 9110 section 9.2.2). */
const IDEMPOTENT = Object.freeze(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"]);

/** What the client is told, and HAProxy's termination state. */
const UNREACHABLE: Record<ConnectFailure, [AnswerStatus, string]> = deepFreeze({
  refused: [502, "SC"],
  unanswered: [502, "SH"],
  "connect-timeout": [504, "sC"],
  "no-socket": [503, "RC"],
  "no-backend": [503, "SC"],
  full: [503, "SQ"],
  "queue-timeout": [503, "sQ"],
});

const NO_ANSWER = "The backend closed the connection instead of answering.";

/** What the client is told of an answer that is not passed on. */
const REFUSED_ANSWER: Record<AnswerRefusal, string> = Object.freeze({
  "invalid-answer":
    "The backend's answer is not HTTP/1.1 as this proxy accepts it, so it was not passed on.",
  headBytesMax: "The backend's answer has a longer head than this proxy's headBytesMax allows.",
  headLinesMax: "The backend's answer has more header lines than this proxy's headLinesMax allows.",
  "no-memory": "This proxy has no room just now for the long head of the backend's answer.",
});

const NO_ROOM = "This proxy has no room for so long a head just now. Try again in a moment.";

/** One request and its answer, from the request's head on. */
export class Exchange implements EndpointOwner, ConnectorOwner {
  method = "-";
  /** As much of it as the log holds. */
  path = "-";
  requestId: string | undefined;
  /** The client's connection may serve another request after this one. */
  keepAlive = false;
  /** Bytes of the request that came, head included, and of the answer that was written. */
  in: number;
  out = 0;
  status = 0;
  /** HAProxy's termination state: who ended it, and when in its life; `--` when nobody did. */
  state = "--";
  /** Why the backend's answer was not passed on. */
  declare refusal: AnswerRefusal | "slow" | undefined;
  /** Of the last backend, also when it is gone. */
  backendName: string | undefined;
  /** When the request's head was complete. */
  readonly headMs: number;
  connectedMs: number | undefined;
  declare answeredMs: number | undefined;

  private context: ProxyContext;
  private owner: ExchangeOwner;
  /** The request's head, while it may have to be sent. */
  private request: Head | undefined;
  private html: boolean;
  /** It speaks HTTP/1.0. */
  private oldClient: boolean;
  /** The answer's, while it is read. */
  declare private response: Head | undefined;
  private clientSide: Endpoint;
  /** Until the request is understood: it may have no end. */
  private framing: Framing = "close";
  private upload: BodyReader;
  declare private target: Uint8Array | undefined;
  /** Where cookies keep a browser with its backend. */
  declare private route: Route | undefined;
  declare private upgrade: Field | undefined;
  /** Interim answers so far. */
  declare private interims: number | undefined;
  /** The request came with an X-Request-Id. */
  private identified = false;
  private stopping = false;

  private connector: Connector | undefined;
  private backend: Backend | undefined;
  private backendSide: Endpoint | undefined;
  /** The backend has said something; from here on there is no other backend. */
  declare private heard: boolean | undefined;
  /** The answer's body, once its head has been passed on. */
  private download: BodyReader | undefined;
  declare private chunkedDown: boolean | undefined;
  /** The backend's connection may serve another request after this one. */
  declare private reusable: boolean | undefined;
  private cut = false;
  private reused = false;
  /** Heads and answers that wait for room. */
  private pendingUp: Uint8Array | undefined;
  private pendingDown: Uint8Array | undefined;
  /** Bytes that `target` and heads which are rewritten or wait have claimed of `heads`. */
  declare private targetBytes: number | undefined;
  declare private upBytes: number | undefined;
  declare private downBytes: number | undefined;

  /**
   * `request` is what `head` asks for, where that was understood. Gives the head back to `context.heads`
   * when it is done with it.
   */
  constructor(context: ProxyContext, owner: ExchangeOwner, head: Head, request?: Request<Route>) {
    this.request = head;
    this.headMs = context.platform.clock.now();
    this.in = head.length;
    this.html = wantsHtml(head);
    this.oldClient = head.minor === 0;
    this.context = context;
    this.owner = owner;
    this.clientSide = owner.clientSide;
    if (request !== undefined) {
      this.method = request.method;
      this.path = brief(request.path);
      this.framing = request.framing;
      this.keepAlive = persists(head);
    } else if (head.done) {
      this.method = head.text(head.start, head.methodEnd);
      const logged = Math.min(head.targetEnd, head.targetStart + LOGGED_MAX);
      this.path = head.text(head.targetStart, logged).split("?", 1)[0];
      const framing = requestFraming(head, this.method);
      if (framing !== undefined) this.framing = framing;
      this.keepAlive = persists(head);
    }
    this.upload = bodyReader(this.framing, context.config.bodyBytesMax);
  }

  get client(): ClientInfo {
    return this.owner.client;
  }

  /** Looks for a backend that takes the request. */
  begin({ route, target, upgrade }: Request<Route>): void {
    const { config, stickyCookie } = this.context;
    const head = this.request!;
    const theirId = head.only("x-request-id");
    const theirs = theirId === undefined ? "" : beginningOf(head, theirId);
    this.identified = theirs !== "";
    this.requestId = theirs || this.context.requestId();
    if (target !== undefined) {
      if (!this.context.heads.claim(target.byteLength)) {
        this.answerWithoutRoom("RR");
        return;
      }
      this.target = target;
      this.targetBytes = target.byteLength;
    }
    if (upgrade !== undefined) this.upgrade = upgrade;
    this.connector = new Connector(this.context, this, route.group, {
      attemptsMax: config.retries + 1,
      withinMs: RETRY_DEADLINE_MS,
    });
    if (stickyCookie !== undefined) {
      this.route = route;
      this.connector.sticky = stickyCookie.read(head, route.group);
    }
    this.owner.setDeadline(config.queueTimeoutMs + RETRY_DEADLINE_MS + config.connectTimeoutMs);
    // A connection that waited may be closing: only what may be sent twice goes there.
    this.connector.next(this.repeatable);
  }

  /** Times that the request was sent to another backend, or to one again. */
  get retries(): number {
    return Math.max(0, (this.connector?.attempts ?? 0) - 1);
  }

  /** How long it waited for a backend with room. */
  get queuedMs(): number {
    return this.connector?.queuedMs ?? 0;
  }

  /** Bytes of the heads that it holds, those included that wait for room. */
  get headBytes(): number {
    const read = (this.request?.length ?? 0) + (this.response?.length ?? 0);
    const written = (this.pendingUp?.byteLength ?? 0) + (this.pendingDown?.byteLength ?? 0);
    return read + written;
  }

  /** Bytes of both bodies so far; `undefined` where no more of them are to come now. */
  get streamedBytes(): number | undefined {
    const up = this.backendSide !== undefined && !this.upload.done;
    const down = this.download !== undefined && !this.download.done;
    return up || down ? this.in + this.out : undefined;
  }

  /** The whole request has come; if not, the client may still be sending. */
  get uploaded(): boolean {
    return this.upload.done;
  }

  /** HAProxy's letter for how far it has come. */
  get stage(): "Q" | "C" | "H" | "D" {
    if (this.download !== undefined) return "D";
    if (this.connector?.queued) return "Q";
    return this.backend === undefined ? "C" : "H";
  }

  /** An answer of our own instead of a backend's; `advice` where more is known than the status says. */
  answer(status: AnswerStatus, state: string, advice?: string): void {
    this.leaveBackend();
    this.status = status;
    this.state = state;
    if (this.pendingDown !== undefined || this.cut) {
      this.cut = true; // part of another head is out: ours would stand inside it
      return;
    }
    if (!this.upload.done || !KEEPS_ALIVE.includes(status)) this.keepAlive = false;
    this.dropHeads();
    const reply = answer(status, {
      advice,
      html: this.html,
      headOnly: this.method === "HEAD",
      keepAlive: this.keepAlive,
    });
    this.out += reply.byteLength;
    this.download = NO_BODY;
    this.pendingDown = send(this.clientSide, reply);
    this.owner.setDeadline(this.context.config.idleTimeoutMs);
  }

  /** The board has no room for the request's head. */
  answerWithoutRoom(state: string): void {
    this.refuseForRoom();
    this.answer(503, state, NO_ROOM);
  }

  private refuseForRoom(): void {
    this.refusal = "no-memory";
    this.context.refusals.noMemory++;
  }

  /** The proxy stops: what does not end soon is cut. */
  stop(withinMs: number): void {
    this.stopping = true;
    this.keepAlive = false;
    this.owner.setDeadline(withinMs);
  }

  /** Lets go of the backend; its connection waits for another request if it may. */
  release(): void {
    const backend = this.backend;
    const endpoint = this.backendSide;
    if (backend !== undefined && endpoint !== undefined && !this.cut && !this.stopping) {
      const sent = this.upload.done && this.pendingUp === undefined;
      const clean = sent && !endpoint.writeClosed && endpoint.readable === 0;
      if (this.reusable && this.download?.done && clean && backend.keepsConnections) {
        this.backendSide = undefined;
        this.context.idle.put(backend, endpoint);
      }
    }
    this.leaveBackend();
    this.dropHeads();
    if (this.downBytes !== undefined) this.unclaimDown();
  }

  private dropHeads(): void {
    this.dropRequest();
    this.dropResponse();
  }

  private dropRequest(): void {
    if (this.request === undefined) return;
    this.context.heads.give(this.request);
    this.request = undefined;
    if (this.targetBytes === undefined) return;
    this.context.heads.unclaim(this.targetBytes);
    this.target = this.targetBytes = undefined;
  }

  private unclaimUp(): void {
    if (this.upBytes === undefined) return;
    this.context.heads.unclaim(this.upBytes);
    this.upBytes = undefined;
  }

  private unclaimDown(): void {
    if (this.downBytes === undefined) return;
    this.context.heads.unclaim(this.downBytes);
    this.downBytes = undefined;
  }

  private dropResponse(): void {
    if (this.response === undefined) return;
    this.context.heads.give(this.response);
    this.response = undefined;
  }

  moved(): void {
    this.owner.advance();
  }

  lost(): void {
    this.owner.advance();
  }

  failed(error: unknown): void {
    this.owner.failed(error);
  }

  // The backend

  private get repeatable(): boolean {
    return (
      this.upload === NO_BODY && this.upgrade === undefined && IDEMPOTENT.includes(this.method)
    );
  }

  connected(backend: Backend, endpoint: Endpoint, reused: boolean): void {
    const { signature, config, platform, stickyCookie, headBuffer } = this.context;
    const { client, trusted } = this.owner;
    this.backend = backend;
    this.backendSide = endpoint;
    this.backendName = backend.name;
    this.connectedMs = platform.clock.now();
    this.connector!.requestSent();
    this.reused = reused;
    endpoint.owner = this;
    const head = this.request!;
    let buffer = headBuffer;
    const bytes = head.length + REWRITE_BYTES;
    if (bytes > headBuffer.byteLength) {
      if (!this.claimUp(bytes)) return;
      buffer = new Uint8Array(bytes);
    }
    let length = rewriteRequest(buffer, {
      head,
      framing: this.framing,
      target: this.target,
      clientAddress: client.address,
      trusted,
      signature,
      requestId: this.identified ? undefined : this.requestId,
      upgrade: this.upgrade,
      sticky: stickyCookie !== undefined,
    });
    if (!backend.keepsConnections && this.upgrade === undefined) {
      length = addClose(buffer, length);
    }
    const rest = send(endpoint, buffer.subarray(0, length));
    if (buffer !== headBuffer) {
      this.pendingUp = rest;
      if (rest === undefined) this.unclaimUp();
    } else if (rest !== undefined) {
      if (!this.claimUp(rest.byteLength)) return;
      this.pendingUp = rest.slice(); // it lies in the buffer that all share
    }
    // Bytes that still come on a kept connection that was dead already answer no request of ours.
    if (endpoint.writeClosed && reused && this.retry()) return;
    // Of an upgrade it tells later what the client offered.
    if (!this.repeatable && this.upgrade === undefined) this.dropRequest();
    if (!this.stopping) this.owner.setDeadline(config.responseTimeoutMs);
    this.owner.advance();
  }

  /** Claims what the request's head takes; where there is no room for it, that is the answer. */
  private claimUp(bytes: number): boolean {
    if (this.context.heads.claim(bytes)) {
      this.upBytes = bytes;
      return true;
    }
    this.answerWithoutRoom("RH");
    this.owner.advance();
    return false;
  }

  unreachable(why: ConnectFailure): void {
    this.answer(...UNREACHABLE[why]);
    this.owner.advance();
  }

  /** The backend has closed or reset where an answer was due. */
  private unanswered(): void {
    const short = isShort(this.context.platform); // the chip cannot tell which of the two it was
    // A connection that waited may have been closing when it was taken.
    if (!this.reused && !short) this.blame("L7RSP");
    if (this.retry()) return;
    if (short) this.answer(503, "RH");
    else this.answer(502, "SH", NO_ANSWER);
  }

  /**
   * The backend's answer is not passed on. That says nothing against the backend: it may be this proxy that
   * is too strict or too small.
   */
  private refuseAnswer(head: Head): void {
    const { headBytesMax, headLinesMax } = this.context.config;
    if (head.error === 503) {
      this.refuseForRoom();
      this.answer(502, "RH", REFUSED_ANSWER["no-memory"]);
      return;
    }
    this.refusal = "invalid-answer";
    if (head.error === 431) {
      if (head.length >= headBytesMax) this.refusal = "headBytesMax";
      else if (head.lines > headLinesMax) this.refusal = "headLinesMax";
    }
    this.answer(502, "PH", REFUSED_ANSWER[this.refusal]);
  }

  private blame(code: CheckCode): void {
    if (this.backend) this.context.checks.requestFailed(this.backend, code);
  }

  /** The backend left before it said a word: another one, where that does no harm. */
  private retry(): boolean {
    if (this.heard || !this.repeatable || this.stopping) return false;
    this.leaveBackend();
    this.connector!.next(false, "unanswered");
    return true;
  }

  private leaveBackend(): void {
    this.connector?.cancel();
    this.backendSide?.close();
    this.backendSide = undefined;
    if (this.backend) this.context.pool.release(this.backend);
    this.backend = undefined;
    this.pendingUp = undefined;
    if (this.upBytes !== undefined) this.unclaimUp();
    this.dropResponse();
  }

  // What moves

  /**
   * Moves what can be moved. `cut`: the answer cannot be completed, and the client shall see that;
   * `tunnel`: the two speak something else from here on.
   */
  run(): "waiting" | "complete" | "cut" | "tunnel" {
    const inBefore = this.in;
    const outBefore = this.out;
    if (this.pendingDown !== undefined) {
      this.pendingDown = send(this.clientSide, this.pendingDown);
      if (this.pendingDown === undefined) this.unclaimDown();
    }
    if (this.backendSide !== undefined) {
      if (!this.cut) this.moveUp(this.backendSide);
      if (this.backendSide !== undefined) this.moveDown(this.backendSide);
      if (this.status === 101 && this.pendingDown === undefined) return "tunnel";
    }
    if (this.cut) return "cut";
    if (this.download?.done && this.pendingDown === undefined) return "complete";
    // Interim answers are no progress: with them a backend could keep a client waiting for ever.
    const moved = this.in > inBefore || (this.download !== undefined && this.out > outBefore);
    if (moved && !this.stopping) {
      const { responseTimeoutMs, idleTimeoutMs } = this.context.config;
      const asked = this.upload.done && this.download === undefined;
      this.owner.setDeadline(asked ? responseTimeoutMs : idleTimeoutMs);
    }
    return "waiting";
  }

  private moveUp(backendSide: Endpoint): void {
    if (this.pendingUp !== undefined) {
      this.pendingUp = send(backendSide, this.pendingUp);
      if (this.pendingUp === undefined) this.unclaimUp();
    }
    if (this.pendingUp !== undefined || this.upload.done) return;
    const { scratch } = this.context;
    const upload = this.upload;
    this.in += relay(this.clientSide, backendSide, scratch, upload, this.framing === "chunked");
    if (upload.done) this.connector!.requestSent();
    if (upload.broken) this.breakOff(upload.tooLarge ? 413 : 400, "PD");
  }

  private moveDown(backendSide: Endpoint): void {
    while (this.download === undefined) {
      if (this.pendingDown !== undefined || this.status === 101) return;
      if (backendSide.readable === 0) {
        if (backendSide.ended) this.unanswered();
        return;
      }
      this.readHead(backendSide);
      if (this.backendSide !== backendSide) return;
    }
    const download = this.download;
    if (this.pendingDown !== undefined || download.done) return;
    const { scratch } = this.context;
    this.out += relay(backendSide, this.clientSide, scratch, download, this.chunkedDown === true);
    if (download.broken) this.breakOff(502, "PD");
    if (download.done || !backendSide.writeClosed || !backendSide.ended) return;
    download.closed();
    if (!download.done) this.breakOff(502, "SD");
    else if (this.chunkedDown) this.pendingDown = send(this.clientSide, LAST_CHUNK);
  }

  /** It cannot go on: the client is told, or finds its answer cut. */
  private breakOff(status: AnswerStatus, state: string): void {
    if (this.download === undefined) {
      this.answer(status, state);
      return;
    }
    this.state = state;
    this.cut = true;
    this.leaveBackend();
  }

  // The answer's head

  private readHead(backendSide: Endpoint): void {
    const { scratch } = this.context;
    this.response ??= this.context.heads.take("response");
    const head = this.response;
    const piece = scratch.subarray(0, Math.min(backendSide.readable, scratch.byteLength));
    backendSide.read(piece);
    this.heard = true;
    const rest = piece.subarray(head.feed(piece));
    const final = head.done && head.status >= 200;
    if (!final) {
      if (this.upgrade === undefined) this.dropRequest(); // it is not sent to another backend any more
      backendSide.unread(rest);
      head.keep(); // `piece` lies in the scratch buffer
    }
    if (head.error !== undefined || (head.done && !this.answered(head))) {
      this.refuseAnswer(head);
    } else if (final) {
      this.passRest(backendSide, rest);
    }
  }

  /** The backend's head is there; false when it makes no sense, or when there is no room for it. */
  private answered(head: Head): boolean {
    const oldClient = this.oldClient;
    const framing = responseFraming(head, this.method);
    if (framing === undefined) return false;
    if (head.status === 101) {
      const protocol = head.agreed("upgrade");
      if (protocol === undefined || !this.offered(head.value(protocol))) return false;
      if (!this.pass(head, "none", undefined, protocol)) return false;
    } else if (head.status < 200) {
      this.interims = (this.interims ?? 0) + 1;
      if (this.interims > INTERIM_ANSWERS_MAX) return false;
      if (!oldClient && !this.pass(head, "none", undefined)) return false;
      head.reset();
      return true;
    }
    this.status = head.status;
    this.answeredMs = this.context.platform.clock.now();
    countAnswer(this.backend!.counters, head.status);
    this.connector!.answered(this.backend!, head.status);
    if (head.status === 101) return true;
    const endless = framing === "close" || framing === "chunked";
    // After a refused upgrade the client may be speaking the other protocol already. What is left of a
    // request that is answered early is not read, and another request behind it would not be either.
    if (
      (endless && oldClient) ||
      this.upgrade !== undefined ||
      !this.upload.done ||
      this.context.shouldClose()
    ) {
      this.keepAlive = false;
    }
    this.chunkedDown = endless && !oldClient;
    this.reusable = framing !== "close" && head.minor === 1 && !head.lists("connection", "close");
    const down: Framing = endless ? (oldClient ? "close" : "chunked") : framing;
    const kept = oldClient ? "keep-alive" : undefined;
    if (!this.pass(head, down, this.keepAlive ? kept : "close")) return false;
    this.download = bodyReader(framing);
    this.dropHeads();
    return true;
  }

  /** Is this what a 101 may change to: the protocols that the client offered, or some of them? */
  private offered(protocols: string): boolean {
    const { request, upgrade } = this;
    if (request === undefined || upgrade === undefined) return false;
    const offer = listOf(request.value(upgrade));
    return listOf(protocols).every(protocol => offer.includes(protocol));
  }

  /** Passes a head on; false where there is no room for that, which is its `error` then. */
  private pass(
    head: Head,
    framing: Framing,
    connection: "close" | "keep-alive" | undefined,
    upgrade?: Field,
  ): boolean {
    const { headBuffer } = this.context;
    let buffer = headBuffer;
    const bytes = head.length + REWRITE_BYTES;
    if (bytes > headBuffer.byteLength) {
      if (!this.claimDown(head, bytes)) return false;
      buffer = new Uint8Array(bytes);
    }
    const setCookie = this.setCookie(head.status);
    const length = rewriteResponse(buffer, { head, framing, connection, upgrade, setCookie });
    this.out += length;
    const rest = send(this.clientSide, buffer.subarray(0, length));
    if (buffer !== headBuffer) {
      this.pendingDown = rest;
      if (rest === undefined) this.unclaimDown();
    } else if (rest !== undefined) {
      if (!this.claimDown(head, rest.byteLength)) {
        this.cut = rest.byteLength < length;
        return false;
      }
      this.pendingDown = rest.slice(); // it lies in the buffer that all share
    }
    return true;
  }

  private claimDown(head: Head, bytes: number): boolean {
    if (this.context.heads.claim(bytes)) this.downBytes = bytes;
    else head.error = 503;
    return head.error === undefined;
  }

  /** For a client that did not come with this backend's cookie. */
  private setCookie(status: number): string | undefined {
    const { stickyCookie } = this.context;
    const backend = this.backend!;
    const interim = status < 200 && status !== 101;
    if (interim || this.connector!.sticky === backend) return undefined;
    return stickyCookie?.setCookie(this.route!, backend);
  }

  /** What came with the head goes on at once where it can: a small answer is one piece. */
  private passRest(backendSide: Endpoint, rest: Uint8Array): void {
    const download = this.download!;
    const count = rest.byteLength;
    if (count === 0) return; // an empty write would count as a small one
    const { clientSide } = this;
    const fits =
      count <= clientSide.writable && !clientSide.sendQueueFull && count <= download.wanted;
    if (this.chunkedDown || this.pendingDown !== undefined || !fits || download.done) {
      backendSide.unread(rest);
      return;
    }
    const length = download.decode(rest);
    if (download.excess > 0) backendSide.unread(rest.subarray(count - download.excess));
    clientSide.write(rest.subarray(0, length));
    this.out += length;
  }

  /** Hands the two ends over: they speak something else from here on. */
  handOver(): { backend: Backend; backendSide: Endpoint } {
    const parts = { backend: this.backend!, backendSide: this.backendSide! };
    this.dropHeads();
    this.unclaimUp();
    this.backend = undefined;
    this.backendSide = undefined;
    return parts;
  }

  /** The deadline has passed. */
  expired(): void {
    if (this.backend === undefined && this.download === undefined) {
      this.answer(503, this.stopping ? "LC" : "sC");
      return;
    }
    const awaitsClient =
      this.download === undefined
        ? !this.upload.done && this.backendSide!.writable > 0
        : this.clientSide.writable === 0 || this.pendingDown !== undefined;
    const who = this.stopping ? "L" : awaitsClient ? "c" : "s";
    if (this.download !== undefined) this.breakOff(502, `${who}D`);
    else if (this.stopping) this.answer(503, "LH");
    else if (awaitsClient) this.answer(408, "cD");
    else {
      this.blame("L7TOUT");
      this.answer(504, "sH");
    }
  }
}

/** As much of a value as the log holds. */
function beginningOf(head: Head, { valueStart, valueEnd }: Field): string {
  return head.text(valueStart, Math.min(valueEnd, valueStart + LOGGED_MAX));
}

/** Members of a list, in lower case. */
function listOf(value: string): string[] {
  return value
    .toLowerCase()
    .split(",")
    .map(member => member.trim());
}

/** As much of a path as the log holds: all of it would be kept as long as the exchange. */
function brief(path: string): string {
  return path.length > LOGGED_MAX ? path.slice(0, LOGGED_MAX) : path;
}
