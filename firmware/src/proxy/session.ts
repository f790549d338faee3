import type { Backend } from "../backend/backend.ts";
import type { ListenerConfig } from "../config/settings.ts";
import { type Ending, endingBy } from "../log/ending.ts";
import type { Timed } from "../net/deadlines.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import { type CloseOptions, type ClosingOwner, LingeringClose } from "../net/lingering-close.ts";
import { SCRATCH_BYTES } from "../net/raw-stream.ts";
import { sniff, startsTls } from "../net/sniff.ts";
import type { TCPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { Client } from "./client.ts";
import type { Connector } from "./connector.ts";
import type { RefusalReason } from "./context.ts";
import type { HttpContext } from "./exchange-pool.ts";
import type { Handler, TlsStream } from "./handler.ts";
import { HttpSession } from "./http-session.ts";
import type { Measured } from "./rate.ts";
import { Refusal } from "./refusal.ts";
import { logSession } from "./request-log.ts";
import { TcpSession } from "./tcp-session.ts";
import { type TlsOwner, TlsSession } from "./tls-session.ts";

/** A client that has sent nothing for this time gives its slot to one that is queued. */
const SILENCE_MS = 1000;

/**
 * Time from the first byte after which an undecided client is treated as raw TCP. Longer than a
 * retransmission, short enough for a raw client that sends only the beginning of a method, such as `PO`, and waits.
 */
const SNIFF_TIMEOUT_MS = 500;

/**
 * How long a session may be `closing`: until the sent bytes are acknowledged, or the refused client
 * closes. Long enough for a few retransmissions on Wi-Fi.
 */
const LINGER_TIMEOUT_MS = 2000;

/**
 * One client from its connection to its end. Finds out what the client speaks and hands it to a handler:
 * a `TcpSession`, an `HttpSession` or a `TlsSession`, or a `Refusal` where there is no slot.
 *
 * - `queued`: has a socket, waits for a slot
 * - `sniffing`: has a slot, waits for the first bytes that tell what the client speaks
 * - `serving`: the handler owns the client's endpoint
 * - `closing`: nothing new is read, and what was written is being acknowledged
 * - `ended`: no socket is left
 */
export class Session implements TlsOwner, EndpointOwner, ClosingOwner, Measured, Timed {
  readonly context: HttpContext;
  readonly client: Client;
  readonly clientSide: Endpoint;
  deadlineMs = 0;
  place = -1;
  private state: "queued" | "sniffing" | "serving" | "closing" | "ended" = "queued";
  readonly startMs: number;
  declare private handler: Handler | undefined;
  /** When the session got its slot. */
  declare private admittedMs: number | undefined;
  declare firstByteMs: number | undefined;
  declare heldMs: number | undefined;
  declare rateSample: Measured["rateSample"];
  /** Why the session ends, once that is known. */
  declare private why: Ending | undefined;

  /** Throws what `new TCP({ from })` throws when the connection died before it was accepted. */
  constructor(id: number, context: HttpContext, listener: ListenerConfig, accepted: TCPSocket) {
    this.context = context;
    this.clientSide = new Endpoint(context.platform, { from: accepted }, this);
    this.client = new Client(id, this.clientSide.socket, listener);
    this.startMs = context.clock.now();
  }

  /** The session has one of the proxy's slots, or had one until it ended. */
  get admitted(): boolean {
    return this.admittedMs !== undefined;
  }

  get waitedMs(): number {
    return (this.admittedMs ?? this.startMs) - this.startMs;
  }

  /** The client was refused, and its answer is written. */
  get isAnswered(): boolean {
    return this.handler instanceof Refusal && this.handler.answered;
  }

  /** Since when the session does not need its slot; `undefined` while it is busy. */
  get idleSinceMs(): number | undefined {
    if (this.state === "serving") return this.handler!.idleSinceMs;
    if (this.state !== "sniffing" || this.clientSide.readable > 0) return undefined;
    return this.context.clock.now() - this.startMs >= SILENCE_MS ? this.startMs : undefined;
  }

  /** Bytes of the board's memory that the session holds. */
  get heldBytes(): number {
    return this.clientSide.heldBytes + (this.handler?.headBytes ?? 0);
  }

  get streamedBytes(): number | undefined {
    return this.handler?.streamedBytes;
  }

  /** Gives the session a slot. */
  admit(nowMs = this.context.clock.now()): void {
    this.admittedMs = nowMs;
    try {
      if (this.client.listener.mode === "tcp") {
        this.serveWith(new TcpSession(this)).begin(this.context.group); // the backend may speak first
        return;
      }
      this.state = "sniffing";
      this.setDeadline(Math.min(SILENCE_MS, this.context.config.idleTimeoutMs), nowMs);
      if (this.clientSide.readable > 0 || this.clientSide.peerEnded) this.sniff();
    } catch (error) {
      this.failed(error);
    }
  }

  /** Answers 503 where the client speaks HTTP, and closes. */
  refuse(why: RefusalReason): void {
    this.why = why;
    this.setDeadline(LINGER_TIMEOUT_MS);
    try {
      this.serveWith(new Refusal(this)).onReady();
    } catch (error) {
      this.failed(error);
    }
  }

  /** Ends a session whose memory or slot others need more. The resets drop at once what is not sent. */
  shed(why: "no-memory" | "slow"): void {
    this.clientSide.resets = true;
    this.handler?.shed?.(why);
    this.end(why);
  }

  /** Ends an idle session. */
  evict(): void {
    this.clientSide.discard(this.context.scratch); // or a reset would destroy what was written last
    this.end(this.handler instanceof TcpSession ? "keyword" : "idle");
  }

  /** Delivers what has arrived and ends. */
  stop(): void {
    try {
      if (this.state === "serving") this.handler!.stop();
      else if (this.state !== "closing") this.end("stopped");
    } catch (error) {
      this.failed(error);
    }
  }

  /** Ends at once, with the reason that it has. */
  close(): void {
    this.clientSide.discard(this.context.scratch); // or a reset would destroy the answer
    this.closed();
  }

  end(why: Ending): void {
    this.why = why;
    this.closed();
  }

  // The client's protocol

  onReady(endpoint: Endpoint): void {
    if (this.state === "sniffing") this.sniff();
    else if (endpoint.ended && !this.mayHalfClose) this.end(endingBy(true, endpoint.failure));
  }

  /** The client's FIN, without a byte before it, may be a question to a backend that speaks first. */
  private get mayHalfClose(): boolean {
    return this.client.listener.mode === "tcp" && !this.clientSide.writeClosed;
  }

  protocol(isFinal = false): "http" | "tcp" | "tls" | undefined {
    const clientSide = this.clientSide;
    const mode = this.client.listener.mode;
    if (mode !== "auto") return mode;
    const bytes = clientSide.peek(SCRATCH_BYTES);
    if (this.context.tlsRoutes !== undefined && startsTls(bytes)) return "tls";
    return sniff(bytes, isFinal || clientSide.peerEnded);
  }

  private sniff(): void {
    const clientSide = this.clientSide;
    if (clientSide.readable === 0) {
      if (clientSide.peerEnded) this.end(endingBy(true, clientSide.failure));
      return;
    }
    const firstByteMs = this.firstByteMs;
    const isLate = firstByteMs !== undefined && this.silenceLeftMs(firstByteMs) <= 0;
    const protocol = this.protocol(isLate);
    if (protocol === "http") {
      this.serveWith(new HttpSession(this)).onReady();
    } else if (protocol === "tcp") {
      this.serveWith(new TcpSession(this)).begin(this.context.rawGroup);
    } else if (protocol === "tls") {
      const nowMs = this.context.clock.now();
      this.serveWith(new TlsSession(this)).begin(firstByteMs ?? nowMs, nowMs);
    } else if (firstByteMs === undefined) {
      this.firstByteMs = this.context.clock.now();
      this.setDeadline(this.silenceLeftMs(this.firstByteMs));
    }
  }

  /** How long more bytes are awaited after the first, which came at `sinceMs`. */
  private silenceLeftMs(sinceMs: number): number {
    const timeoutMs = Math.min(SNIFF_TIMEOUT_MS, this.context.config.headTimeoutMs);
    return sinceMs + timeoutMs - this.context.clock.now();
  }

  serveRaw(): void {
    this.serveWith(new TcpSession(this)).begin(this.context.rawGroup);
  }

  tunnel(backend: Backend, backendSide: Endpoint): void {
    this.serveWith(new TcpSession(this)).tunnel(backend, backendSide, "upgraded");
  }

  stream(backend: Backend, backendSide: Endpoint, tls: TlsStream, connector?: Connector): void {
    this.serveWith(new TcpSession(this)).tunnel(backend, backendSide, tls, connector);
  }

  private serveWith<H extends Handler>(handler: H): H {
    this.state = "serving";
    this.handler = handler;
    return handler;
  }

  // The end

  closeAfter(why: Ending, options: CloseOptions = {}): void {
    this.why = why;
    if (why === "done") this.handler = undefined; // it has nothing left to do or to report
    const backendSide = options.backendSide;
    // Most often, and then what waits for acknowledgements and its deadline would be made for nothing.
    if (
      !options.waitForClientFin &&
      this.clientSide.isSettled &&
      (backendSide === undefined || backendSide.isSettled)
    ) {
      backendSide?.close();
      this.closed();
      return;
    }
    this.setDeadline(LINGER_TIMEOUT_MS);
    this.linger(options);
  }

  linger(options: CloseOptions): void {
    this.state = "closing";
    new LingeringClose(this, this.clientSide, this.context.scratch, options).onReady();
  }

  failed(error: unknown): void {
    this.context.report({
      level: "E",
      on: "session",
      what: "exception",
      id: this.client.id,
      error: exceptionText(error),
    });
    this.end("error");
  }

  /** All sockets are closed, or shall be at once. */
  closed(): void {
    if (this.state === "ended") return;
    this.state = "ended";
    const context = this.context;
    const handler = this.handler;
    const summary = handler?.summary;
    context.deadlines.cancel(this);
    handler?.close?.();
    this.clientSide.close();
    const ownLines = this.why === "done" || (handler !== undefined && summary === undefined);
    if (!ownLines || this.why === "error") {
      const why = this.why ?? "stopped";
      const bytesIn = this.clientSide.passedBytes;
      const bytesOut = summary?.out ?? 0;
      logSession(
        context,
        this.client,
        summary,
        bytesIn,
        bytesOut,
        this.startMs,
        why,
        this.heldMs ?? 0,
      );
    }
    context.admission.ended(this);
  }

  // Time

  setDeadline(ms: number, nowMs?: number): void {
    this.context.deadlines.setDeadline(this, ms, nowMs);
  }

  expired(): void {
    if (this.state === "serving") this.handler!.expired();
    else if (this.state !== "sniffing") this.closed();
    else if (this.clientSide.readable > 0) this.sniff();
    else this.stayedSilent();
  }

  /** A client queued before this one had been silent for `SILENCE_MS` could not evict it, so look again now. */
  private stayedSilent(): void {
    const { config, admission } = this.context;
    const leftMs = this.admittedMs! + config.idleTimeoutMs - this.context.clock.now();
    if (leftMs <= 0 || admission.queued > 0) this.end("idle");
    else this.setDeadline(leftMs);
  }
}
