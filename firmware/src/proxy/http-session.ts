import type { Head } from "../http1/head.ts";
import { endingBy } from "../log/ending.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import type { ExchangeOwner } from "./backend-link.ts";
import type { ConnectFailure, Connection } from "./connector.ts";
import type { ProxyContext } from "./context.ts";
import { Exchange } from "./exchange.ts";
import { INCOMPLETE_REQUEST } from "./exchange-replies.ts";
import { isOver, stageOf } from "./exchange-state.ts";
import type { Handler, HandlerOwner } from "./handler.ts";
import { logRequest } from "./request-log.ts";

/** How long a request that is being served may go on when the proxy stops. */
const STOP_TIMEOUT_MS = 2_000;

/** nginx's status, for the log alone, of a client that left without an answer. */
const CLIENT_CLOSED_REQUEST = 499;

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
  readonly session: HandlerOwner;
  readonly trusted: boolean;
  private context: ProxyContext;
  private phase: "idle" | "head" | "exchange" | "over" = "idle";
  /** The head that is being read. */
  private head: Head | undefined;
  private exchange: Exchange | undefined;
  private requests = 0;
  declare private stopping: boolean | undefined;
  private advancing = false;
  /** Since when the session is idle; while it is not, when the current request's first byte was received. */
  private sinceMs = 0;

  constructor(context: ProxyContext, session: HandlerOwner) {
    session.clientSide.owner = this;
    this.session = session;
    this.trusted = context.trusts(session.client.address);
    this.context = context;
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
      this.exchange.stop();
      this.session.setDeadline(STOP_TIMEOUT_MS);
    }
  }

  /** Bytes that request and answer have moved; `undefined` while no body is to move. */
  get streamedBytes(): number | undefined {
    return this.exchange?.streamedBytes;
  }

  /** The session ends for want of memory or slots: the log says so of the request that this cuts. */
  shed(why: "no-memory" | "slow"): void {
    const exchange = this.exchange;
    if (exchange === undefined) return;
    if (why === "slow") exchange.refusal = why;
    exchange.termination ??= `R${stageOf(exchange.state, exchange.connector)}`;
    if (exchange.response.status === 0) exchange.response.status = 503;
    this.report(exchange);
  }

  /** The session has ended: releases what is held. */
  close(): void {
    this.phase = "over";
    if (this.head !== undefined) this.context.heads.give(this.head);
    this.head = undefined;
    this.exchange?.release();
    this.exchange = undefined;
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }

  onPiped(from: Endpoint, outcome: PipeOutcome): void {
    this.exchange?.piped(from, outcome);
    this.onReady();
  }

  /** Does all that can be done now. The functions below may call it again: then the loop goes on instead. */
  onReady(): void {
    if (this.advancing) return;
    this.advancing = true;
    try {
      while (this.phase === "exchange" ? this.stepExchange(this.exchange!) : this.readHead());
    } finally {
      this.advancing = false;
    }
  }

  /** Reads the head of a request. True when there may be more to do. */
  private readHead(): boolean {
    const { context, session } = this;
    const { clientSide } = session;
    if (this.phase === "over") return false;
    if (clientSide.readable === 0) return clientSide.peerEnded && this.endOfRequests();
    const nowMs = this.context.clock.now();
    const isFirstPiece = this.phase === "idle";
    if (isFirstPiece) this.beginHead(nowMs);
    const head = this.head!;
    const piece = clientSide.take(context.scratch);
    const used = head.feed(piece);
    if (used < piece.byteLength) clientSide.unread(piece.subarray(used));
    head.keep(); // `piece` lies in the scratch buffer
    if (head.done || head.error !== undefined) {
      this.beginExchange(nowMs).begin();
    } else if (isFirstPiece) {
      session.setDeadline(context.config.headTimeoutMs - (nowMs - this.sinceMs));
    }
    return true;
  }

  /** The client sends nothing more. True when there may be more to do. */
  private endOfRequests(): boolean {
    if (this.session.clientSide.writeClosed) this.clientLost();
    else if (this.phase === "idle") this.finish(false);
    else {
      this.beginExchange(this.context.clock.now()).reply(400, "CR", INCOMPLETE_REQUEST);
      return true;
    }
    return false;
  }

  private beginHead(nowMs: number): void {
    this.phase = "head";
    this.head = this.context.heads.take("request");
    // The first byte of the first request may have been received earlier.
    this.sinceMs = (this.requests === 0 ? this.session.firstByteMs : undefined) ?? nowMs;
  }

  private beginExchange(nowMs: number): Exchange {
    this.requests++;
    this.phase = "exchange";
    this.exchange = new Exchange(this.context, this, this.head!, nowMs);
    this.head = undefined;
    return this.exchange;
  }

  settled(result: Connection | ConnectFailure): void {
    this.exchange!.settled(result);
    this.onReady();
  }

  /** True when there may be more to do. */
  private stepExchange(exchange: Exchange): boolean {
    const { clientSide } = this.session;
    const state = exchange.step();
    const ended = state !== "receiving" && isOver(state); // each piece of a body comes here
    if (exchange.timeoutMs > 0 && !ended) {
      this.session.setDeadline(exchange.timeoutMs);
      exchange.timeoutMs = 0;
    }
    // A client that has ended its sending side (half close) gets its response.
    if (clientSide.state === "open" || clientSide.state === "peer-ended") {
      return ended && this.endExchange(exchange);
    }
    // No response reaches it any more, but what it sent before it left is delivered.
    if (ended || exchange.request.body.done || clientSide.ended) this.clientLost();
    return false;
  }

  /** True when another request follows. */
  private endExchange(exchange: Exchange): boolean {
    const nowMs = this.context.clock.now();
    this.report(exchange, nowMs);
    this.exchange = undefined;
    if (exchange.state === "tunnel") {
      this.phase = "over";
      const { backend, backendSide } = exchange;
      exchange.release();
      this.session.tunnel(backend!, backendSide!);
      return false;
    }
    exchange.release();
    const { keepAlive, body } = exchange.request;
    const last = exchange.state === "cut" || !keepAlive || !body.done || this.stopping;
    // A client that queued during the exchange does not wait for a request that may never come.
    if (last || (this.session.clientSide.readable === 0 && this.context.shouldClose())) {
      this.finish(!body.done);
      return false;
    }
    this.phase = "idle";
    this.sinceMs = nowMs;
    this.session.setDeadline(this.context.config.keepAliveTimeoutMs);
    return true;
  }

  /** Nothing can be written to the client any more: it has reset, or, with the SDK's sockets, closed its sending side. */
  private clientLost(): void {
    const isHeadIncomplete = this.phase === "head";
    const exchange = isHeadIncomplete
      ? this.beginExchange(this.context.clock.now())
      : this.exchange;
    this.phase = "over";
    if (exchange !== undefined) {
      exchange.termination ??= isHeadIncomplete
        ? "CR"
        : `C${stageOf(exchange.state, exchange.connector)}`;
      if (exchange.response.status === 0) exchange.response.status = CLIENT_CLOSED_REQUEST;
      this.report(exchange);
      exchange.release();
      this.exchange = undefined;
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
    if (this.phase === "head") this.beginExchange(this.context.clock.now()).reply(408, "cR");
    else this.exchange!.expired();
    this.onReady();
  }

  private report(exchange: Exchange, nowMs = this.context.clock.now()): void {
    const slotMs = this.requests > 1 ? 0 : this.session.waitedMs;
    logRequest(this.context, this.session.client, exchange, this.sinceMs, slotMs, nowMs);
  }
}
