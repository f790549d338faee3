import type { Backend } from "../backend/backend.ts";
import type { Machine } from "../backend/machine.ts";
import type { Head } from "../http1/head.ts";
import { hostOf } from "../http1/request.ts";
import { endingBy } from "../log/ending.ts";
import type { HoldRefusal } from "../log/event.ts";
import type { WakeClient } from "../machines/wake-rules.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import type { ConnectFailure } from "./connector.ts";
import type { Exchange, ExchangeOwner } from "./exchange.ts";
import type { HttpContext } from "./exchange-pool.ts";
import { INCOMPLETE_REQUEST, replyNotHeld, UNREACHABLE } from "./exchange-replies.ts";
import { stageOf } from "./exchange-state.ts";
import { begin, expired, piped, step } from "./exchange-steps.ts";
import type { Handler, HandlerOwner } from "./handler.ts";
import { logRequest } from "./request-log.ts";

/** How long a request that is being served may go on when the proxy stops. */
const STOP_TIMEOUT_MS = 2_000;

/** nginx's status, for the log alone, of a client that left without an answer. */
const CLIENT_CLOSED_REQUEST = 499;

/** The session of a client that speaks HTTP/1.x. */
export interface HttpOwner extends HandlerOwner {
  readonly context: HttpContext;
}

/**
 * A client that speaks HTTP/1.x: request after request, each to a backend of its own.
 *
 * - `idle`: waits for a request
 * - `head`: reads its head
 * - `exchange`: request and answer move
 * - `over`: the session owns the client's endpoint again
 *
 * Memory of a connection: each way one head that is read and one rewritten that waits for room, at most
 * `headBytesMax` each (and what rewriting adds), a target once more where a route changes it, and two pieces
 * that were read too far; never a body.
 */
export class HttpSession implements Handler, EndpointOwner, ExchangeOwner {
  private exchange: Exchange | undefined;
  readonly session: HttpOwner;
  private phase: "idle" | "head" | "exchange" | "over" = "idle";
  private advancing = false;
  /** The head that is being read. */
  private head: Head | undefined;
  private requests = 0;
  /** Since when the session is idle; while it is not, when the current request's first byte was received. */
  private sinceMs = 0;
  stopping = false;
  readonly trusted: boolean;

  constructor(session: HttpOwner) {
    session.clientSide.owner = this;
    this.session = session;
    this.trusted = session.context.trusts(session.client.address);
  }

  /** Since when the client sends no other request; `undefined` during a request and before the first one. */
  get idleSinceMs(): number | undefined {
    return this.phase === "idle" && this.requests > 0 ? this.sinceMs : undefined;
  }

  /** Bytes of the heads that the session holds. */
  get headBytes(): number {
    return this.exchange?.headBytes ?? this.head?.length ?? 0;
  }

  /** No new request; the current one may end, if it does so soon. */
  stop(): void {
    this.stopping = true;
    if (this.exchange === undefined) this.finish(false);
    else {
      this.exchange.request.keepAlive = false;
      this.session.setDeadline(STOP_TIMEOUT_MS);
    }
  }

  /** Bytes that request and answer have moved; `undefined` while no body is to move. */
  get streamedBytes(): number | undefined {
    return this.exchange?.streamedBytes;
  }

  /** The session ends for want of memory or slots: the log says so of the request that this cuts. */
  shed(why: "no-memory" | "slow"): void {
    const { exchange } = this;
    if (exchange === undefined) return;
    if (why === "slow") exchange.refusal = why;
    exchange.termination ??= `R${stageOf(exchange.state, exchange.connector)}`;
    if (exchange.response.status === 0) exchange.response.status = 503;
    exchange.connector?.cancel(); // its wait is over, and counted
    this.report(exchange, this.now());
  }

  /** The session has ended: releases what is held. */
  close(): void {
    this.phase = "over";
    if (this.head !== undefined) this.session.context.heads.give(this.head);
    this.head = undefined;
    this.endExchange();
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }

  onPiped(from: Endpoint, outcome: PipeOutcome): void {
    if (this.exchange !== undefined) piped(this.exchange, from, outcome);
    this.onReady();
  }

  /** A backend takes the request. */
  connected(backend: Backend, endpoint: Endpoint): void {
    this.exchange!.take(backend, endpoint, this.now());
    this.onReady();
  }

  /** No backend takes the request. */
  unreachable(why: ConnectFailure, machine?: Machine): void {
    const exchange = this.exchange!;
    if (machine === undefined) exchange.reply(...UNREACHABLE[why]);
    else replyNotHeld(exchange, why as HoldRefusal, machine);
    this.onReady();
  }

  get wakeClient(): WakeClient {
    const { address, id } = this.session.client;
    const { head, method, path } = this.exchange!.request;
    const host = head!.authority ?? hostOf(head!);
    return { protocol: "http", id, address, host, method, path };
  }

  get takesWaitingPage(): boolean {
    const { request } = this.exchange!;
    return request.method === "GET" && request.isRepeatable && request.prefersHtml;
  }

  /** No rest of a head or reply waits for room; bodies have pipes. */
  get ignoresRoom(): boolean {
    const exchange = this.exchange;
    if (exchange === undefined) return true;
    return exchange.request.pending === undefined && exchange.response.pending === undefined;
  }

  /**
   * Does all that can be done now. The functions below may call it again: then the loop goes on instead. After an exception
   * it does nothing any more, because that ends the session.
   *
   * This and what it calls run for each request: they read a property into a local where they need it twice, and take no
   * object apart, which costs 8 instructions more for each statement.
   */
  onReady(): void {
    if (this.advancing) return;
    this.advancing = true;
    const nowMs = this.session.context.clock.now();
    let goesOn = true;
    while (goesOn) {
      const exchange = this.exchange;
      goesOn = exchange === undefined ? this.readHead(nowMs) : this.advance(exchange, nowMs);
    }
    this.advancing = false;
  }

  /** Reads the head of a request. True when there may be more to do. */
  private readHead(nowMs: number): boolean {
    const session = this.session;
    const clientSide = session.clientSide;
    if (clientSide.readable === 0) {
      return clientSide.state !== "open" && clientSide.peerEnded && this.endOfRequests(nowMs);
    }
    if (this.phase === "over") return false;
    const context = session.context;
    let head = this.head;
    if (head === undefined) {
      head = context.heads.take("request");
      // The first byte of the first request may have been received earlier.
      this.sinceMs = (this.requests === 0 ? session.firstByteMs : undefined) ?? nowMs;
    }
    const piece = clientSide.take(context.scratch);
    const used = head.feed(piece);
    if (used < piece.byteLength) clientSide.unread(piece.subarray(used));
    head.keep(); // `piece` lies in the scratch buffer
    if (head.done || head.error !== undefined) {
      begin(this.beginExchange(head, nowMs));
    } else if (this.head === undefined) {
      this.head = head;
      this.phase = "head";
      session.setDeadline(context.config.headTimeoutMs - (nowMs - this.sinceMs), nowMs);
    }
    return true;
  }

  /** The client sends nothing more. True when there may be more to do. */
  private endOfRequests(nowMs: number): boolean {
    if (this.phase === "over") return false;
    if (this.session.clientSide.writeClosed) this.clientLost();
    else if (this.phase === "idle") this.finish(false);
    else {
      this.beginExchange(this.head!, nowMs).reply(400, "CR", INCOMPLETE_REQUEST);
      return true;
    }
    return false;
  }

  private beginExchange(head: Head, nowMs: number): Exchange {
    const context = this.session.context;
    const exchange = context.exchanges.take(context);
    exchange.owner = this;
    exchange.headMs = nowMs;
    exchange.request.start(head);
    this.requests++;
    this.phase = "exchange";
    this.exchange = exchange;
    this.head = undefined;
    return exchange;
  }

  /** Moves the exchange on. True when there may be more to do. */
  private advance(exchange: Exchange, nowMs: number): boolean {
    const isOver = step(exchange, nowMs);
    const clientSide = this.session.clientSide;
    if (clientSide.state !== "open") {
      if (this.hasLeft(exchange, isOver)) return false;
    }
    if (isOver) return this.answered(exchange, nowMs);
    if (exchange.timeoutMs > 0) {
      this.session.setDeadline(exchange.timeoutMs, nowMs);
      exchange.timeoutMs = 0;
    }
    return false;
  }

  /**
   * The client has left: no response reaches it any more, but what it sent before is delivered. One that has ended its sending
   * side (half close) gets its response, but is not held for it.
   */
  private hasLeft(exchange: Exchange, isOver: boolean): boolean {
    const { state, ended } = this.session.clientSide;
    const isHeld = exchange.connector?.isHeld === true;
    if (!isHeld && state === "peer-ended") return false;
    if (isOver || isHeld || exchange.request.body.done || ended) this.clientLost();
    return true;
  }

  /** The exchange is over. True when there may be more to do. */
  private answered(exchange: Exchange, nowMs: number): boolean {
    const session = this.session;
    const state = exchange.state;
    const request = exchange.request;
    const isWhole = request.body.done;
    const isLast = state === "cut" || !request.keepAlive || !isWhole || this.stopping;
    this.report(exchange, nowMs);
    if (state === "tunnel") {
      const { backend, backendSide } = exchange;
      this.phase = "over";
      this.endExchange();
      session.tunnel(backend!, backendSide!);
      return false;
    }
    this.endExchange();
    const clientSide = session.clientSide;
    const context = session.context;
    // A client that queued during the exchange does not wait for a request that may never come.
    if (isLast || (clientSide.readable === 0 && context.shouldClose())) {
      this.finish(!isWhole);
      return false;
    }
    this.phase = "idle";
    this.sinceMs = nowMs;
    session.setDeadline(context.config.keepAliveTimeoutMs, nowMs);
    return clientSide.readable > 0 || clientSide.state !== "open";
  }

  /** Gives the exchange back, if there is one. */
  private endExchange(): void {
    const { exchange } = this;
    if (exchange === undefined) return;
    this.exchange = undefined;
    this.session.context.exchanges.give(exchange);
  }

  /** Nothing can be written to the client any more: it has reset, or, with the SDK's sockets, closed its sending side. */
  private clientLost(): void {
    const isHeadIncomplete = this.phase === "head";
    const exchange = isHeadIncomplete ? this.beginExchange(this.head!, this.now()) : this.exchange;
    this.phase = "over";
    if (exchange !== undefined) {
      exchange.termination ??= isHeadIncomplete
        ? "CR"
        : `C${stageOf(exchange.state, exchange.connector)}`;
      if (exchange.response.status === 0) exchange.response.status = CLIENT_CLOSED_REQUEST;
      exchange.connector?.cancel(); // its wait is over, and counted
      this.report(exchange, this.now());
      this.endExchange();
    }
    const why = endingBy(true, this.session.clientSide.failure);
    this.session.end(exchange === undefined ? why : "done");
  }

  private finish(lingers: boolean): void {
    this.phase = "over";
    this.session.closeAfter("done", { waitForClientFin: lingers });
  }

  /** The deadline has passed. */
  expired(): void {
    if (this.phase === "idle") {
      this.phase = "over";
      this.session.end("idle");
      return;
    }
    if (this.phase === "head") this.beginExchange(this.head!, this.now()).reply(408, "cR");
    else expired(this.exchange!);
    this.onReady();
  }

  private now(): number {
    return this.session.context.clock.now();
  }

  private report(exchange: Exchange, nowMs: number): void {
    const session = this.session;
    const slotMs = this.requests > 1 ? 0 : session.waitedMs;
    logRequest(session.context, session.client, exchange, this.sinceMs, slotMs, nowMs);
  }
}
