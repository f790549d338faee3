import type { AnswerStatus } from "../http1/answer.ts";
import type { Head } from "../http1/head.ts";
import type { AnswerRefusal } from "../log/event.ts";
import type { Endpoint } from "../net/endpoint.ts";
import { hasRoom } from "../net/memory-reserve.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import { BackendLink, type ExchangeOwner } from "./backend-link.ts";
import { type ConnectFailure, type Connection, Connector } from "./connector.ts";
import type { ProxyContext } from "./context.ts";
import {
  INCOMPLETE_REQUEST,
  NO_ANSWER,
  NO_ROOM,
  REFUSED_RESPONSE,
  refusalOf,
  UNREACHABLE,
} from "./exchange-replies.ts";
import { type ExchangeState, RETRY_DEADLINE_MS, stageOf } from "./exchange-state.ts";
import { RequestSide } from "./request-side.ts";
import { type BodyProgress, ResponseSide } from "./response-side.ts";
import { type Progress, stallCheckMs } from "./stall-check.ts";

/**
 * One request and its response, from the request's head on. It makes no calls upward: its owner calls `step` when
 * an endpoint or the connector has moved, and `expired` when `timeoutMs` is over. It has more fields than other classes:
 * an object for each step would take slots of the heap for each request in flight.
 */
export class Exchange extends BackendLink implements Progress {
  /** Only `enter` changes it. */
  state: ExchangeState = "connecting";
  /** Until `expired` is due, counted from this call; 0 where the deadline stays. The owner reads and clears it after each call. */
  timeoutMs = 0;
  readonly request: RequestSide;
  readonly response: ResponseSide;
  /** HAProxy's termination state: who ended it, and when in its life; `undefined` for a regular end. */
  declare termination: string | undefined;
  /** Why a response was not passed on, or was cut. */
  declare refusal: AnswerRefusal | "slow" | undefined;
  /** When the head of the request was complete. */
  readonly headMs: number;
  private owner: ExchangeOwner;
  declare private stopping: true | undefined;
  declare seenBytes: number | undefined;
  declare movedMs: number;

  /** Gives the request's head back to `context.heads` when it is no longer needed. */
  constructor(context: ProxyContext, owner: ExchangeOwner, head: Head, nowMs: number) {
    super(context);
    this.owner = owner;
    this.request = new RequestSide(context, head);
    this.response = new ResponseSide(context);
    this.headMs = nowMs;
  }

  /** The request's head is complete: looks for a backend that accepts it. */
  begin(): void {
    const { context, request } = this;
    const { stickyCookie } = context;
    const head = request.head!;
    const status = head.error ?? request.understand();
    if (status !== undefined) {
      if (status === 404) context.admission.refusals.noRoute++;
      if (status === 503) this.refuse("no-memory", 503, "RR", NO_ROOM);
      else this.reply(status, "PR");
      return;
    }
    const { group } = request.route!;
    this.connector = new Connector(context, this.owner, group, context.retryLimits);
    if (stickyCookie !== undefined) this.connector.sticky = stickyCookie.read(head, group);
    this.enter("connecting");
    // An idle connection may be closing: only what may be sent twice goes there.
    this.connector.connect(request.isRepeatable);
  }

  /** A backend takes the request, or none does. */
  settled(result: Connection | ConnectFailure): void {
    if (typeof result === "string") {
      this.reply(...UNREACHABLE[result]);
    } else {
      this.take(result, this.owner);
      this.enter("connected"); // `step` sends the head: a call from here would deepen the stack
    }
  }

  private sendHead(endpoint: Endpoint): void {
    const { request, owner } = this;
    this.enter(request.body.done ? "awaiting" : "sending");
    const closes = !this.backend!.keepsConnections && request.upgrade === undefined;
    if (!request.begin(endpoint, owner.session.client.address, owner.trusted, closes)) {
      this.refuse("no-memory", 503, "RH", NO_ROOM);
      return;
    }
    // Bytes that arrive on an idle connection that was dead already are no response to this request.
    if (endpoint.writeClosed && this.isReused && this.retry()) return;
    if (!request.isRepeatable) request.settle();
  }

  /** Moves what can be moved. */
  step(): ExchangeState {
    if (this.state === "connected") this.sendHead(this.backendSide!);
    const { request } = this;
    if (this.backendSide !== undefined && (!request.body.done || request.pending !== undefined)) {
      this.moveRequest(this.backendSide);
    }
    if (this.state === "awaiting" || this.state === "sending") this.moveHeads(this.backendSide!);
    if (this.state === "receiving") this.moveBody(this.backendSide!);
    else if (this.state === "switching" || this.state === "replying") this.flushResponse();
    return this.state;
  }

  /** Bytes of the heads that it holds, those included that wait for room. */
  get headBytes(): number {
    return this.request.heldBytes + this.response.heldBytes;
  }

  /** Bytes of both messages so far; `undefined` where no more of a body is expected now. */
  get streamedBytes(): number | undefined {
    const { request, response } = this;
    const up = this.backendSide !== undefined && !request.body.done;
    const down = response.body !== undefined && !response.body.done;
    return up || down ? request.bytes + response.bytes : undefined;
  }

  /** Writes a reply of the proxy instead of a response; `advice` where more is known than the status says. */
  reply(status: AnswerStatus, termination: string, advice?: string): void {
    const { request, response, owner } = this;
    this.termination = termination;
    response.status = status;
    this.enter(response.isPartial ? "cut" : "replying"); // the reply would stand inside another head
    if (response.isPartial) return;
    response.reply(owner.session.clientSide, request, status, advice);
    request.releaseHead();
  }

  /** The proxy stops: no other request follows. The owner says how long this one may take. */
  stop(): void {
    this.stopping = true;
    this.request.keepAlive = false;
  }

  /** The exchange is over: releases all. The connection to the backend is kept if it may be; that of a tunnel is the caller's. */
  release(): void {
    if (this.state === "tunnel") this.backendSide = undefined;
    else if (this.state === "complete" && this.isReusable) this.keepConnection();
    this.leaveBackend();
    this.request.releaseHead();
    this.response.dropPending();
  }

  /** `timeoutMs` is over. */
  expired(): void {
    if (this.isMoving()) return;
    const { request, response, backendSide } = this;
    switch (this.state) {
      case "connecting":
        this.reply(503, this.stopping ? "LC" : "sC");
        return;
      case "sending":
      case "awaiting":
        if (this.stopping) this.reply(503, "LH");
        else if (
          request.sender?.waitsFor === "bytes" &&
          !request.body.done &&
          !backendSide!.writeClosed
        )
          this.reply(408, "cD");
        else {
          this.context.checks.requestFailed(this.backend!, "L7TOUT");
          this.reply(504, "sH");
        }
        return;
      default: {
        const { writable } = this.owner.session.clientSide;
        const isClientSlow =
          response.sender === undefined
            ? writable === 0 || response.pending !== undefined
            : response.sender.waitsFor === "room";
        this.cut(this.stopping ? "LD" : isClientSlow ? "cD" : "sD");
      }
    }
  }

  /** Bodies have moved, or stand still for less than the timeout: counts them again later. */
  private isMoving(): boolean {
    const { state, request, response, context } = this;
    if (this.stopping || (state !== "sending" && state !== "receiving")) return false;
    const { responseTimeoutMs, idleTimeoutMs } = context.config;
    const hasBegun = state === "receiving" || (request.sender?.passedBytes ?? 0) > 0;
    const timeoutMs = hasBegun ? idleTimeoutMs : responseTimeoutMs;
    const bytes = request.bytes + response.bytes;
    this.timeoutMs = stallCheckMs(this, bytes, timeoutMs, context.clock.now());
    return this.timeoutMs > 0;
  }

  /** The only place that changes the state: releases what the next state does not need, and sets its timeout. */
  private enter(state: ExchangeState): void {
    this.state = state;
    const { config } = this.context;
    switch (state) {
      case "connecting":
        this.timeoutMs = config.queueTimeoutMs + RETRY_DEADLINE_MS + config.connectTimeoutMs;
        return;
      case "sending":
      case "receiving":
        if (this.response.body?.done) return; // nothing is left to wait for
        this.seenBytes = undefined;
        this.isMoving();
        return;
      case "awaiting":
        if (!this.stopping) this.timeoutMs = config.responseTimeoutMs;
        return;
      case "replying":
      case "cut":
        this.timeoutMs = config.idleTimeoutMs;
        this.leaveBackend();
    }
  }

  private moveRequest(backendSide: Endpoint): void {
    const outcome = this.request.move(this.owner.session.clientSide, backendSide);
    if (outcome !== undefined) this.requestPiped(outcome);
  }

  private moveBody(backendSide: Endpoint): void {
    const { response, owner } = this;
    this.responseMoved(response.moveBody(backendSide, owner.session.clientSide), backendSide);
  }

  /** The pipe from this endpoint has ended. */
  piped(from: Endpoint, outcome: PipeOutcome): void {
    if (from !== this.backendSide) this.requestPiped(outcome);
    else this.responseMoved(this.response.progress(from, outcome), from);
  }

  /** After `from-error` the client is lost, after `to-error` a response may still come from the backend. */
  private requestPiped(outcome: PipeOutcome): void {
    if (outcome === "done") {
      this.request.sent();
      if (this.state !== "sending") return;
      this.sentMs = this.context.clock.now();
      this.enter("awaiting");
    } else if (outcome === "bad-framing") {
      this.refuseBody(400, "PD");
    } else if (outcome === "too-large") {
      this.refuseBody(413, "PD");
    } else if (outcome === "end" && !this.owner.session.clientSide.writeClosed) {
      this.refuseBody(400, `C${stageOf(this.state)}`, INCOMPLETE_REQUEST);
    }
  }

  private refuseBody(status: AnswerStatus, termination: string, advice?: string): void {
    if (this.response.body !== undefined) this.cut(termination);
    else this.reply(status, termination, advice);
  }

  private responseMoved(progress: BodyProgress, backendSide: Endpoint): void {
    if (progress === "complete") this.enter("complete");
    else if (progress === "broken") this.cut("PD");
    else if (progress === "incomplete") this.cut(backendSide.failure === "memory" ? "RD" : "SD");
  }

  /** Writes what is left of a 101 or of a reply. */
  private flushResponse(): void {
    if (!this.response.flush(this.owner.session.clientSide)) return;
    this.enter(this.state === "switching" ? "tunnel" : "complete");
  }

  /** Interim responses are no progress: with them a backend could keep a client waiting for ever. */
  private moveHeads(backendSide: Endpoint): void {
    const { request, response } = this;
    const { clientSide } = this.owner.session;
    // A client that sent this backend's cookie needs no other.
    const cookieFor = this.connector!.sticky === this.backend ? undefined : this.backend;
    const progress = response.moveHeads(backendSide, clientSide, request, cookieFor);
    if (progress === "refused") this.refuseResponse();
    else if (progress === "unanswered") this.unanswered();
    else if (progress !== "waiting") {
      this.responded(response.status);
      this.enter(progress);
    }
  }

  /** The backend has closed or reset where a response was due. */
  private unanswered(): void {
    const failure = this.backendSide!.failure;
    // The SDK's sockets do not tell.
    const short = failure === undefined ? !hasRoom(this.context.platform, 0) : failure === "memory";
    // An idle connection may have been closing.
    if (!this.isReused && !short) this.context.checks.requestFailed(this.backend!, "L7RSP");
    if (this.retry()) return;
    if (short) this.reply(503, "RH");
    else this.reply(502, "SH", NO_ANSWER);
  }

  /**
   * The backend's response is not passed on. That says nothing against the backend: it may be this proxy that
   * is too strict or too small.
   */
  private refuseResponse(): void {
    const why = refusalOf(this.response.head!, this.context.config);
    this.refuse(why, 502, why === "no-memory" ? "RH" : "PH", REFUSED_RESPONSE[why]);
  }

  /** A reply whose reason the log line names. */
  private refuse(why: AnswerRefusal, status: 502 | 503, termination: string, advice: string): void {
    this.refusal = why;
    if (why === "no-memory") this.context.admission.refusals.noMemory++;
    this.reply(status, termination, advice);
  }

  /** The backend has left before the first byte of a response: another one, where that does no harm. */
  private retry(): boolean {
    if (this.response.hasStarted || !this.request.isRepeatable || this.stopping) return false;
    this.leaveBackend();
    this.enter("connecting");
    this.connector!.connect(false, "unanswered");
    return true;
  }

  /** The connection to the backend may serve another request. */
  private get isReusable(): boolean {
    const { request, response, backend, backendSide } = this;
    if (backendSide?.state !== "open" || backendSide.readable > 0) return false;
    if (!request.isSent || this.stopping) return false;
    return response.isReusable === true && backend!.keepsConnections;
  }

  /** The response cannot be completed. With FIN, a client that reads up to the close would take it for whole. */
  private cut(termination: string): void {
    this.termination = termination;
    if (this.response.endsWithClose) this.owner.session.clientSide.resets = true;
    this.enter("cut");
  }

  protected override leaveBackend(): void {
    super.leaveBackend();
    this.request.dropPending();
    this.response.releaseHead();
  }
}
