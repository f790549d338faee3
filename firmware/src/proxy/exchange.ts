import type { Backend } from "../backend/backend.ts";
import type { AnswerStatus, Wait } from "../http1/answer.ts";
import type { AnswerRefusal, HoldRefusal } from "../log/event.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { PickInput } from "../pool/group.ts";
import type { Connector, ConnectorOwner } from "./connector.ts";
import type { ProxyContext } from "./context.ts";
import { type ExchangeState, RETRY_DEADLINE_MS } from "./exchange-state.ts";
import { RequestSide } from "./request-side.ts";
import { ResponseSide } from "./response-side.ts";
import { type Progress, stallCheckMs } from "./stall-check.ts";

/** The session of an exchange. It gets the events of the connector and of the backend's endpoint. */
export interface ExchangeOwner extends ConnectorOwner, EndpointOwner {
  /** The client is a trusted proxy. */
  readonly trusted: boolean;
  /** The proxy stops: no other request follows, and this one has little time. */
  readonly stopping: boolean;
}

/**
 * One request and its response, from the request's head on: its state, its backend, and how it ends. What moves it from
 * state to state is in exchange-steps.ts.
 *
 * One object serves one request after the other (`ExchangePool`). Events of endpoints and connectors go to its owner, so none of an
 * earlier request can reach a later one. The fields that most steps need are the first: XS looks for a field one by one.
 */
export class Exchange implements PickInput, Progress {
  readonly context: ProxyContext;
  readonly request: RequestSide;
  readonly response: ResponseSide;
  declare state: ExchangeState;
  /** The connection to the backend, until it is released. */
  declare backendSide: Endpoint | undefined;
  /** `undefined` between two requests. */
  declare owner: ExchangeOwner | undefined;
  /** The last backend that took the request, also when it has been released. */
  declare backend: Backend | undefined;
  /** Until `expired` is due, counted from this step; 0 where the deadline stays. The owner reads and clears it after each step. */
  declare timeoutMs: number;
  /** Looks for a backend; `undefined` where an idle connection served at once, and when no other backend will be asked. */
  declare connector: Connector | undefined;
  /** Connections that a released connector asked for, and how long it waited for a backend with room. */
  declare attempts: number;
  declare queuedMs: number;
  /** The client's backend before this request, where that matters. */
  declare sticky: Backend | undefined;
  /** When the head of the request was complete; this time and the next ones are -1 before. */
  declare headMs: number;
  /** When the connection was established. */
  declare connectedMs: number;
  /** When all of the request had been sent; until then `connectedMs`. */
  declare sentMs: number;
  /** When the final head of the response was complete. */
  declare respondedMs: number;
  /** HAProxy's termination state: who ended it, and when in its life; `undefined` for a regular end. */
  declare termination: string | undefined;
  /** Why a response was not passed on, or was cut. */
  declare refusal: AnswerRefusal | HoldRefusal | "slow" | undefined;
  declare seenBytes: number | undefined;
  declare movedMs: number;

  constructor(context: ProxyContext) {
    this.context = context;
    this.request = new RequestSide(context);
    this.response = new ResponseSide(context);
    this.reset();
  }

  /** Sets all fields for the next request. */
  reset(): void {
    this.state = "connecting";
    this.backendSide = undefined;
    this.owner = undefined;
    this.backend = undefined;
    this.timeoutMs = 0;
    this.connector = undefined;
    this.attempts = 0;
    this.queuedMs = 0;
    this.sticky = undefined;
    this.headMs = -1;
    this.connectedMs = -1;
    this.sentMs = -1;
    this.respondedMs = -1;
    this.termination = undefined;
    this.refusal = undefined;
    this.seenBytes = undefined;
    this.movedMs = -1;
    this.request.reset();
    this.response.reset();
  }

  /** For strategies. */
  get client(): number {
    return this.owner!.session.client.hash;
  }

  /** Backends tried, as bits; an idle connection is no attempt. */
  get tried(): number {
    return this.connector === undefined ? 0 : this.connector.tried;
  }

  /** The connection was idle before: no other was asked for. */
  get isReused(): boolean {
    return this.connector === undefined ? this.attempts === 0 : this.connector.tried === 0;
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

  /** Takes a backend that a pick has chosen, and the connection to it. */
  take(backend: Backend, endpoint: Endpoint, nowMs: number): void {
    this.backend = backend;
    this.backendSide = endpoint;
    this.connectedMs = nowMs;
    this.sentMs = nowMs;
    endpoint.owner = this.owner!;
    this.state = "connected"; // the next step sends the head: a call from here would deepen the stack
  }

  /** No other backend will be asked: the connector is no longer needed, but for the log line. */
  dropConnector(): void {
    const connector = this.connector;
    if (connector === undefined) return;
    this.attempts = connector.attempts;
    this.queuedMs = connector.queuedMs ?? 0;
    this.connector = undefined;
  }

  /** Changes the state: releases what the next one does not need, and sets its timeout. The commonest come first. */
  enter(state: ExchangeState): void {
    this.state = state;
    switch (state) {
      case "awaiting":
        if (!this.owner!.stopping) this.timeoutMs = this.context.config.responseTimeoutMs;
        return;
      case "complete":
        return;
      case "sending":
      case "receiving":
        this.dropConnector(); // a body is sent once, and a response is passed on once
        if (this.response.body?.done) return; // nothing is left to wait for
        this.seenBytes = undefined;
        this.isMoving();
        return;
      case "connecting": {
        const { queueTimeoutMs, connectTimeoutMs } = this.context.config;
        this.timeoutMs = queueTimeoutMs + RETRY_DEADLINE_MS + connectTimeoutMs;
        return;
      }
      case "replying":
      case "cut":
        this.timeoutMs = this.context.config.idleTimeoutMs;
        this.leaveBackend();
    }
  }

  /** Bodies have moved, or stand still for less than the timeout: counts them again later. */
  isMoving(): boolean {
    const { state, request, response, context } = this;
    if (this.owner!.stopping || (state !== "sending" && state !== "receiving")) return false;
    const { responseTimeoutMs, idleTimeoutMs } = context.config;
    const hasBegun = state === "receiving" || (request.sender?.passedBytes ?? 0) > 0;
    const timeoutMs = hasBegun ? idleTimeoutMs : responseTimeoutMs;
    const bytes = request.bytes + response.bytes;
    this.timeoutMs = stallCheckMs(this, bytes, timeoutMs, context.clock.now());
    return this.timeoutMs > 0;
  }

  /**
   * Writes a reply of the proxy instead of a response; `advice` where more is known than the status says, `wait` where that says how
   * long to wait.
   */
  reply(status: AnswerStatus, termination: string, advice?: string, wait?: Wait): void {
    const { request, response } = this;
    this.termination = termination;
    response.status = status;
    this.enter(response.isPartial ? "cut" : "replying"); // the reply would stand inside another head
    if (response.isPartial) return;
    response.reply(this.owner!.session.clientSide, request, status, advice, wait);
    request.releaseHead();
  }

  /** A reply whose reason the log line names. */
  refuse(why: AnswerRefusal, status: 502 | 503, termination: string, advice: string): void {
    this.refusal = why;
    if (why === "no-memory") this.context.admission.refusals.noMemory++;
    this.reply(status, termination, advice);
  }

  /** The response cannot be completed. With FIN, a client that reads up to the close would take it for whole. */
  cut(termination: string): void {
    this.termination = termination;
    if (this.response.endsWithClose) this.owner!.session.clientSide.resets = true;
    this.enter("cut");
  }

  /** The exchange is over: releases all. The connection to the backend is kept if it may be; that of a tunnel is the caller's. */
  release(): void {
    const state = this.state;
    if (state === "complete" && this.isReusable) this.keepConnection();
    else if (state === "tunnel") this.backendSide = undefined;
    this.leaveBackend();
    if (this.request.head !== undefined) this.request.releaseHead();
    if (this.response.pending !== undefined) this.response.dropPending();
  }

  /** The connection to the backend may serve another request. */
  private get isReusable(): boolean {
    const backendSide = this.backendSide;
    if (!this.response.isReusable || backendSide === undefined) return false;
    if (backendSide.state !== "open" || backendSide.readable > 0) return false;
    return this.request.isSent && !this.owner!.stopping && this.backend!.keepsConnections;
  }

  /** Nothing more passes through the connection, and it may serve another request: keeps it for one. */
  private keepConnection(): void {
    const context = this.context;
    const backend = this.backend!;
    const backendSide = this.backendSide!;
    this.backendSide = undefined;
    context.idle.put(backend, backendSide);
    context.pool.release(backend);
  }

  /** Releases the backend, and closes the connection. */
  leaveBackend(): void {
    const backendSide = this.backendSide;
    if (this.connector !== undefined) this.connector.cancel();
    if (backendSide !== undefined) {
      this.backendSide = undefined;
      backendSide.close();
      this.context.pool.release(this.backend!);
    }
    if (this.request.pending !== undefined) this.request.dropPending();
    if (this.response.head !== undefined) this.response.releaseHead();
  }
}
