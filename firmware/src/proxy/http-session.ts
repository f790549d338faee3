import type { Head } from "../http1/head.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { ExchangeOwner } from "./backend-link.ts";
import type { ConnectFailure, Connection } from "./connector.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";
import { Exchange } from "./exchange.ts";
import { isOver } from "./exchange-state.ts";
import type { Handler, HandlerOwner } from "./handler.ts";
import { logRequest } from "./request-log.ts";

/** How long a request that is being served may go on when the proxy is told to stop. */
const STOP_TIMEOUT_MS = 2_000;

/** nginx's status, for the log alone, of a client that left without an answer. */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * A client that speaks HTTP/1.x: request after request, each to a backend of its own.
 *
 * - `idle`: waits for a request
 * - `head`: reads its head
 * - `exchange`: request and answer move
 * - `over`: the session has it back
 *
 * Memory of a connection: each way one head that is read and one rewritten that waits for room, at most
 * `headBytesMax` each (and what rewriting adds), a target once more where a route changes it, and two pieces
 * that were read too far; never a body.
 */
export class HttpSession implements Handler, EndpointOwner, ExchangeOwner {
  readonly clientSide: Endpoint;
  readonly trusted: boolean;
  private context: ProxyContext;
  private session: HandlerOwner;
  private phase: "idle" | "head" | "exchange" | "over" = "idle";
  /** While one is read. */
  private head: Head | undefined;
  private exchange: Exchange | undefined;
  private requests = 0;
  declare private stopping: boolean | undefined;
  private advancing = false;
  /** Since when it is idle; while it is not, when the current request's first byte came. */
  private sinceMs = 0;

  constructor(context: ProxyContext, session: HandlerOwner) {
    this.clientSide = session.clientSide;
    this.clientSide.owner = this;
    this.trusted = context.trusts(session.client.address);
    this.context = context;
    this.session = session;
  }

  get client(): ClientInfo {
    return this.session.client;
  }

  /** Since when it waits for another request; `undefined` while it is busy or before the first. */
  get idleSinceMs(): number | undefined {
    return this.phase === "idle" && this.requests > 0 ? this.sinceMs : undefined;
  }

  /** Bytes of the heads that it holds. */
  get headBytes(): number {
    return this.exchange?.headBytes ?? this.head?.length ?? 0;
  }

  /** Reads the first request, whose first bytes wait. */
  begin(): void {
    this.beginHead();
    this.countFrom(this.session.firstByteMs);
    // What the request sets off at once goes on below, not on top of all that has led here: the stack is short.
    this.advancing = true;
    try {
      this.feed(this.clientSide.take(this.context.scratch));
    } finally {
      this.advancing = false;
    }
    this.advance();
  }

  /** Each request has a log line of its own. */
  get summary(): undefined {
    return undefined;
  }

  evict(): void {
    this.session.end("idle");
  }

  /** No new request; the current one may end, if it does so soon. */
  stop(): void {
    this.stopping = true;
    if (this.exchange === undefined) this.finish(false);
    else {
      this.exchange.stop();
      this.setDeadline(STOP_TIMEOUT_MS);
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
    if (exchange.termination === "--") exchange.termination = `R${exchange.stage}`;
    if (exchange.response.status === 0) exchange.response.status = 503;
    this.report(exchange);
  }

  /** The session has ended: lets go of what is held. */
  close(): void {
    this.over();
    this.dropHead();
    this.exchange?.release();
    this.exchange = undefined;
  }

  onReady(): void {
    this.advance();
  }

  onLost(): void {
    this.advance();
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }

  /** Goes on as far as it goes. What it calls may call it again: the loop will see to it. */
  advance(): void {
    if (this.advancing) return;
    this.advancing = true;
    try {
      while (this.step());
    } finally {
      this.advancing = false;
    }
  }

  /** True when there may be more to do. */
  private step(): boolean {
    const { clientSide } = this;
    if (this.phase === "over") return false;
    if (this.phase === "exchange") return this.stepExchange(this.exchange!);
    if (clientSide.readable === 0) {
      if (clientSide.ended) this.clientLost();
      return false;
    }
    if (this.phase === "idle") this.beginHead();
    const { scratch } = this.context;
    this.feed(clientSide.take(scratch));
    return true;
  }

  // The request's head

  private beginHead(): void {
    this.phase = "head";
    this.head = this.context.heads.take("request");
    this.sinceMs = this.now();
    this.setDeadline(this.context.config.headTimeoutMs);
  }

  /** The first byte of the head came earlier. */
  private countFrom(firstByteMs: number | undefined): void {
    if (firstByteMs === undefined) return;
    this.setDeadline(this.context.config.headTimeoutMs - (this.sinceMs - firstByteMs));
    this.sinceMs = firstByteMs;
  }

  private feed(piece: Uint8Array): void {
    const head = this.head!;
    const used = head.feed(piece);
    if (used < piece.byteLength) this.clientSide.unread(piece.subarray(used));
    head.keep(); // `piece` lies in the scratch buffer
    if (head.done || head.error !== undefined) this.beginExchange().begin();
  }

  private beginExchange(): Exchange {
    this.requests++;
    this.phase = "exchange";
    this.exchange = new Exchange(this.context, this, this.head!);
    this.head = undefined;
    return this.exchange;
  }

  private dropHead(): void {
    if (this.head !== undefined) this.context.heads.give(this.head);
    this.head = undefined;
  }

  settled(result: Connection | ConnectFailure): void {
    this.exchange!.settled(result);
    this.advance();
  }

  /** True when there may be more to do. */
  private stepExchange(exchange: Exchange): boolean {
    const { clientSide } = this;
    const state = exchange.step();
    if (exchange.timeoutMs > 0) {
      this.setDeadline(exchange.timeoutMs);
      exchange.timeoutMs = 0;
    }
    if (state === "receiving" && !clientSide.writeClosed) return false; // each piece of a body comes here
    if (clientSide.writeClosed) {
      // No answer reaches it any more, but what it sent before it left is delivered.
      if (isOver(state) || exchange.request.body.done || clientSide.ended) this.clientLost();
      return false;
    }
    return isOver(state) && this.endExchange(exchange);
  }

  /** True when another request follows. */
  private endExchange(exchange: Exchange): boolean {
    this.report(exchange);
    this.exchange = undefined;
    if (exchange.state === "tunnel") {
      this.over();
      const { backend, backendSide } = exchange;
      exchange.release();
      this.session.tunnel(backend!, backendSide!);
      return false;
    }
    exchange.release();
    const { keepAlive, body } = exchange.request;
    const last = exchange.state === "cut" || !keepAlive || !body.done || this.stopping;
    // A client that queued during the exchange does not wait for a request that may never come.
    if (last || (this.clientSide.readable === 0 && this.context.shouldClose())) {
      this.finish(!body.done);
      return false;
    }
    this.idle(this.context.config.keepAliveTimeoutMs);
    return true;
  }

  /** It hung up. On this chip that ends the answer too: nothing can be written any more. */
  private clientLost(): void {
    const amidHead = this.phase === "head";
    const exchange = amidHead ? this.beginExchange() : this.exchange;
    this.over();
    if (exchange !== undefined) {
      if (exchange.termination === "--") {
        exchange.termination = amidHead ? "CR" : `C${exchange.stage}`;
      }
      if (exchange.response.status === 0) exchange.response.status = CLIENT_CLOSED_REQUEST;
      this.report(exchange);
      exchange.release();
      this.exchange = undefined;
    }
    this.session.end(exchange === undefined ? "client-closed" : "done");
  }

  private finish(lingers: boolean): void {
    this.over();
    this.session.closeAfter("done", { waitForClientFin: lingers });
  }

  private over(): void {
    this.phase = "over";
  }

  private now(): number {
    return this.context.platform.clock.now();
  }

  private idle(withinMs: number): void {
    this.phase = "idle";
    this.sinceMs = this.now();
    this.setDeadline(withinMs);
  }

  private setDeadline(ms: number): void {
    this.session.setDeadline(ms);
  }

  /** The time is up that was set last. */
  expired(): void {
    if (this.phase === "idle") {
      this.over();
      this.session.end("idle");
      return;
    }
    if (this.phase === "head") this.beginExchange().reply(408, "cR");
    else this.exchange!.expired();
    this.advance();
  }

  private report(exchange: Exchange): void {
    const slotMs = this.requests > 1 ? 0 : this.session.waitedMs;
    logRequest(this.context, this.session.client, exchange, this.sinceMs, slotMs);
  }
}
