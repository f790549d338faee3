import type { Backend } from "../backend/backend.ts";
import type { CheckCode } from "../backend/health.ts";
import { type AnswerStatus, answer, KEEPS_ALIVE } from "../http1/answer.ts";
import type { Head } from "../http1/head.ts";
import type { AnswerRefusal } from "../log/event.ts";
import { countAnswer } from "../log/traffic.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import { isShort } from "../net/memory-reserve.ts";
import {
  type ConnectFailure,
  type Connection,
  Connector,
  type ConnectorOwner,
} from "./connector.ts";
import type { ProxyContext } from "./context.ts";
import {
  NO_ANSWER,
  NO_ROOM,
  REFUSED_RESPONSE,
  refusalOf,
  UNREACHABLE,
} from "./exchange-replies.ts";
import { RequestSide } from "./request-side.ts";
import { ResponseSide } from "./response-side.ts";

/** The session of an exchange. It gets the events of the connector and of the backend's endpoint. */
export interface ExchangeOwner extends ConnectorOwner, EndpointOwner {
  readonly clientSide: Endpoint;
  /** What the client says about other clients is believed. */
  readonly trusted: boolean;
}

/**
 * How far an exchange has come.
 *
 * | state        | what happens                                                              |
 * | ------------ | ------------------------------------------------------------------------- |
 * | `connecting` | a backend is picked, waited for, connected to                             |
 * | `sending`    | a backend gets the request, which has not come whole                      |
 * | `awaiting`   | the whole request has come; the final head of the response has not        |
 * | `receiving`  | the head of the response has been passed on; its body follows             |
 * | `switching`  | a 101 is passed on                                                        |
 * | `replying`   | a reply of our own is written instead of a response; the backend is gone  |
 * | `complete`   | over: the client has the whole response                                   |
 * | `cut`        | over: the response cannot be completed, and the client shall see that     |
 * | `tunnel`     | over: the two speak another protocol from here on                         |
 */
export type ExchangeState =
  | "connecting"
  | "sending"
  | "awaiting"
  | "receiving"
  | "switching"
  | "replying"
  | "complete"
  | "cut"
  | "tunnel";

/** All retries of one request begin within it, whatever the connect timeout. */
const RETRY_DEADLINE_MS = 10_000;

/**
 * One request and its response, from the request's head on. It calls nobody up: its owner calls `step` when
 * an endpoint or the connector has moved, and `expired` when `timeoutMs` is over.
 */
export class Exchange {
  /** Only `enter` changes it. */
  state: ExchangeState = "connecting";
  /** From now on, until `expired` is due; 0 where the deadline stays. The owner takes it after each call. */
  timeoutMs = 0;
  readonly request: RequestSide;
  readonly response = new ResponseSide();
  /** The last one that took the request, also when it is gone. */
  backend: Backend | undefined;
  /** The connection to it, while it is the exchange's. */
  backendSide: Endpoint | undefined;
  /** HAProxy's termination state: who ended it, and when in its life; `--` when nobody did. */
  termination = "--";
  /** Why a response was not passed on, or was cut. */
  declare refusal: AnswerRefusal | "slow" | undefined;
  /** When the head of the request was complete, a backend was connected, and the head of the response was complete. */
  readonly headMs: number;
  connectedMs: number | undefined;
  declare respondedMs: number | undefined;
  /** When the body of the request had been sent. */
  declare private sentMs: number | undefined;
  private context: ProxyContext;
  private owner: ExchangeOwner;
  /** Looks for a backend; `undefined` before. */
  connector: Connector | undefined;
  declare private stopping: true | undefined;

  /** Gives the request's head back to `context.heads` when it is no longer needed. */
  constructor(context: ProxyContext, owner: ExchangeOwner, head: Head) {
    this.context = context;
    this.owner = owner;
    this.request = new RequestSide(head);
    this.headMs = context.platform.clock.now();
  }

  /** The request's head has come: looks for a backend that takes it. */
  begin(): void {
    const { context, request } = this;
    const { config, stickyCookie } = context;
    const head = request.head!;
    const status = head.error ?? request.understand(context);
    if (status === 404) context.refusals.noRoute++;
    if (status === 503) this.replyWithoutRoom("RR");
    else if (status !== undefined) this.reply(status, "PR");
    if (status !== undefined) return;
    const { group } = request.route!;
    this.connector = new Connector(context, this.owner, group, {
      attemptsMax: config.retries + 1,
      withinMs: RETRY_DEADLINE_MS,
    });
    if (stickyCookie !== undefined) this.connector.sticky = stickyCookie.read(head, group);
    this.enter("connecting");
    // An idle connection may be closing: only what may be sent twice goes there.
    this.connector.connect(request.isRepeatable);
  }

  /** A backend takes the request, or none does. */
  settled(result: Connection | ConnectFailure): void {
    if (typeof result === "string") this.reply(...UNREACHABLE[result]);
    else this.connected(result);
  }

  private connected({ backend, endpoint, reused }: Connection): void {
    const { context, request, owner } = this;
    this.backend = backend;
    this.backendSide = endpoint;
    this.connectedMs = context.platform.clock.now();
    endpoint.owner = owner;
    this.enter(request.body.done ? "awaiting" : "sending");
    const closes = !backend.keepsConnections && request.upgrade === undefined;
    if (!request.begin(context, endpoint, owner.client.address, owner.trusted, closes)) {
      this.replyWithoutRoom("RH");
    }
    // Bytes that still come on an idle connection that was dead already answer no request of ours.
    else if (endpoint.writeClosed && reused && this.retry()) return;
    else if (!request.isRepeatable) request.settle(context);
  }

  /** Moves what can be moved. */
  step(): ExchangeState {
    if (this.backendSide !== undefined) this.move(this.backendSide);
    if (this.state === "replying" && this.response.flush(this.context, this.owner.clientSide)) {
      this.enter("complete");
    }
    return this.state;
  }

  /** Bytes of the heads that it holds, those included that wait for room. */
  get headBytes(): number {
    return this.request.heldBytes + this.response.heldBytes;
  }

  /** Bytes of both messages so far; `undefined` where no more of a body is to come now. */
  get streamedBytes(): number | undefined {
    const { request, response } = this;
    const up = this.backendSide !== undefined && !request.body.done;
    const down = response.body !== undefined && !response.body.done;
    return up || down ? request.bytes + response.bytes : undefined;
  }

  /** HAProxy's letter for how far it has come. */
  get stage(): "Q" | "C" | "H" | "D" {
    switch (this.state) {
      case "connecting":
        return this.connector?.queued ? "Q" : "C";
      case "sending":
      case "awaiting":
        return "H";
      default:
        return "D";
    }
  }

  /** Writes a reply of our own instead of a response; `advice` where more is known than the status says. */
  reply(status: AnswerStatus, termination: string, advice?: string): void {
    const { request, response } = this;
    this.termination = termination;
    response.status = status;
    if (response.isPartial) {
      this.enter("cut"); // part of another head is out: ours would stand inside it
      return;
    }
    this.enter("replying");
    if (!request.body.done || !KEEPS_ALIVE.includes(status)) request.keepAlive = false;
    const bytes = answer(status, {
      advice,
      html: request.prefersHtml,
      headOnly: request.method === "HEAD",
      keepAlive: request.keepAlive,
    });
    request.releaseHead(this.context);
    response.reply(this.owner.clientSide, bytes);
  }

  /** The proxy stops: no other request follows. The owner says how long this one may take. */
  stop(): void {
    this.stopping = true;
    this.request.keepAlive = false;
  }

  /** Lets go of the backend; its connection waits for another request if it may. */
  release(): void {
    const { context, request, response, backend, backendSide } = this;
    if (backend?.keepsConnections && backendSide !== undefined && this.state === "complete") {
      const isClean = !backendSide.writeClosed && backendSide.readable === 0;
      if (response.isReusable && request.isSent && isClean && !this.stopping) {
        this.backendSide = undefined;
        context.idle.put(backend, backendSide);
        context.pool.release(backend);
      }
    }
    this.leaveBackend();
    request.releaseHead(context);
    response.dropPending(context);
  }

  /** The two speak another protocol from here on: `backend` and `backendSide` are the caller's. */
  handOver(): void {
    this.backendSide = undefined;
    this.request.dropPending(this.context);
    this.request.releaseHead(this.context);
    this.response.releaseHead(this.context);
  }

  /** `timeoutMs` is over. */
  expired(): void {
    const { response, owner } = this;
    switch (this.state) {
      case "connecting":
        this.reply(503, this.stopping ? "LC" : "sC");
        return;
      case "sending":
      case "awaiting":
        if (this.stopping) this.reply(503, "LH");
        else if (this.state === "sending" && this.backendSide!.writable > 0) this.reply(408, "cD");
        else {
          this.blame("L7TOUT");
          this.reply(504, "sH");
        }
        return;
      default: {
        const awaitsClient = owner.clientSide.writable === 0 || response.pending !== undefined;
        this.cut(this.stopping ? "LD" : awaitsClient ? "cD" : "sD");
      }
    }
  }

  /** The only place that changes the state: what it leaves behind, and how long the next one may take. */
  private enter(state: ExchangeState): void {
    const { config } = this.context;
    this.state = state;
    switch (state) {
      case "connecting":
        this.timeoutMs = config.queueTimeoutMs + RETRY_DEADLINE_MS + config.connectTimeoutMs;
        return;
      case "sending":
      case "awaiting":
        if (!this.stopping) this.timeoutMs = config.responseTimeoutMs;
        return;
      case "replying":
        this.timeoutMs = config.idleTimeoutMs;
        this.leaveBackend();
        return;
      case "cut":
        this.leaveBackend();
    }
  }

  private move(backendSide: Endpoint): void {
    const { context, request, response, owner } = this;
    const requestBytes = request.bytes;
    const responseBytes = response.bytes;
    if (!request.isSent) this.moveRequest(backendSide);
    if (this.state === "sending" || this.state === "awaiting") this.moveHeads(backendSide);
    if (this.state === "receiving") {
      const isIntact = response.moveBody(context, backendSide, owner.clientSide);
      if (!isIntact) this.cut(response.body!.broken ? "PD" : "SD");
      else if (response.isWritten) this.enter("complete");
    } else if (this.state === "switching" && response.flush(context, owner.clientSide)) {
      this.enter("tunnel");
    }
    // Interim responses are no progress: with them a backend could keep a client waiting for ever.
    const isProgress =
      request.bytes > requestBytes ||
      (response.body !== undefined && response.bytes > responseBytes);
    if (!isProgress || this.stopping) return;
    const { responseTimeoutMs, idleTimeoutMs } = context.config;
    this.timeoutMs = this.state === "awaiting" ? responseTimeoutMs : idleTimeoutMs;
  }

  private moveRequest(backendSide: Endpoint): void {
    const { request } = this;
    const { body } = request;
    request.move(this.context, this.owner.clientSide, backendSide);
    if (body.broken) {
      if (this.response.body !== undefined) this.cut("PD");
      else this.reply(body.tooLarge ? 413 : 400, "PD");
    } else if (body.done && this.state === "sending") {
      this.sentMs = this.context.platform.clock.now();
      this.enter("awaiting");
    }
  }

  private moveHeads(backendSide: Endpoint): void {
    const { context, request, response, owner } = this;
    // A client that came with this backend's cookie needs no other.
    const cookieFor = this.connector!.sticky === this.backend ? undefined : this.backend;
    switch (response.moveHeads(context, backendSide, owner.clientSide, request, cookieFor)) {
      case "passed":
        this.responded();
        this.enter("receiving");
        return;
      case "switching":
        this.responded();
        this.enter("switching");
        return;
      case "refused":
        this.refuseResponse();
        return;
      case "unanswered":
        this.unanswered();
    }
  }

  /** The final head of a response has been passed on. */
  private responded(): void {
    const { status } = this.response;
    this.respondedMs = this.context.platform.clock.now();
    countAnswer(this.backend!.counters, status);
    const sentMs = this.sentMs ?? this.connectedMs!;
    this.context.feedback.responded(this.backend!, this.connector!, sentMs, status);
  }

  /** The backend has closed or reset where a response was due. */
  private unanswered(): void {
    const { connector } = this;
    const short = isShort(this.context.platform); // the chip cannot tell which of the two it was
    // An idle connection may have been closing when it was taken: then no connection was asked for.
    if (connector!.attempts > 0 && !short) this.blame("L7RSP");
    if (this.retry()) return;
    if (short) this.reply(503, "RH");
    else this.reply(502, "SH", NO_ANSWER);
  }

  /**
   * The backend's response is not passed on. That says nothing against the backend: it may be this proxy that
   * is too strict or too small.
   */
  private refuseResponse(): void {
    const refusal = refusalOf(this.response.head!, this.context.config);
    if (refusal === "no-memory") this.countNoRoom();
    this.refusal = refusal;
    this.reply(502, refusal === "no-memory" ? "RH" : "PH", REFUSED_RESPONSE[refusal]);
  }

  /** The board has no room for the request's head. */
  private replyWithoutRoom(termination: string): void {
    this.countNoRoom();
    this.reply(503, termination, NO_ROOM);
  }

  private countNoRoom(): void {
    this.refusal = "no-memory";
    this.context.refusals.noMemory++;
  }

  private blame(code: CheckCode): void {
    this.context.feedback.failed(this.backend!, code);
  }

  /** The backend has left before the first byte of a response: another one, where that does no harm. */
  private retry(): boolean {
    if (this.response.hasStarted || !this.request.isRepeatable || this.stopping) return false;
    this.leaveBackend();
    this.enter("connecting");
    this.connector!.connect(false, "unanswered");
    return true;
  }

  /** The response cannot be completed. */
  private cut(termination: string): void {
    this.termination = termination;
    this.enter("cut");
  }

  private leaveBackend(): void {
    const { context, backendSide } = this;
    this.connector?.cancel();
    if (backendSide !== undefined) {
      this.backendSide = undefined;
      backendSide.close();
      context.pool.release(this.backend!);
    }
    this.request.dropPending(context);
    this.response.releaseHead(context);
  }
}
