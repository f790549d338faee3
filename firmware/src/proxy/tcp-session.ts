import type { Backend } from "../backend/backend.ts";
import { type Ending, endingBy } from "../log/ending.ts";
import type { WakeClient } from "../machines/wake-rules.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { Keywords } from "../net/keywords.ts";
import type { PipeOutcome } from "../net/pipe.ts";
import { RawStream } from "../net/raw-stream.ts";
import type { Group } from "../pool/group.ts";
import { type ConnectFailure, Connector, type ConnectorOwner, UNLIMITED } from "./connector.ts";
import { learnFromResponse } from "./feedback.ts";
import type { Handler, HandlerOwner, Summary, TlsStream } from "./handler.ts";
import { type Progress, stallCheckMs } from "./stall-check.ts";

/** A backend that sends nothing for this time has answered the client whose keyword ended the session. */
const ANSWER_SILENCE_MS = 300;

/** The first byte of a raw stream counts as this status does: the backend works. */
const ANSWERED = 200;

/** How long that answer may take in all: a backend that never falls silent ends, too. */
const ANSWER_TIMEOUT_MS = 2000;

/**
 * Streams bytes between a client and one backend, both ways, until both have ended their directions: FIN is passed on behind
 * the last byte, and so is a reset.
 *
 * - `connecting`: waits for a backend to accept the connection
 * - `streaming`: bytes move both ways
 * - `last-answer`: a keyword of the client has been forwarded; waits for the backend's answer to it
 * - `over`: the session closes both sides
 */
export class TcpSession implements Handler, EndpointOwner, ConnectorOwner, Progress {
  readonly session: HandlerOwner;
  private state: "connecting" | "streaming" | "last-answer" | "over" = "connecting";
  private backend: Backend | undefined;
  private backendSide: Endpoint | undefined;
  /** Until the backend has sent its first byte. */
  private connector: Connector | undefined;
  /** When the backend was connected, or got the client's first bytes. */
  declare private sentMs: number;
  /** Bytes that had passed at the last comparison; `undefined` before the first byte. */
  declare seenBytes: number | undefined;
  /** When more of them were seen. */
  declare movedMs: number;
  /** When the client's keyword had been forwarded. */
  declare private keywordMs: number | undefined;
  /** One direction has ended, and its FIN was passed on. */
  declare private isHalfClosed: true | undefined;
  /** The connection is TLS, or was HTTP until both sides agreed to change the protocol: no keyword is looked for. */
  declare private tunnelled: TlsStream | "upgraded" | undefined;

  constructor(session: HandlerOwner) {
    this.session = session;
    session.clientSide.owner = this;
  }

  /** Connects to one of `group`; `undefined`: no route leads raw TCP anywhere. */
  begin(group: Group | undefined): void {
    const { session } = this; // few locals: the calls that admit a queued session are on the stack already
    if (group === undefined) {
      session.context.admission.refusals.noRoute++;
      this.closeAfter("no-route");
      return;
    }
    const sticky = session.context.stickTable?.get(session.client.hash, group);
    this.connector = new Connector(this, group, UNLIMITED, sticky);
    this.connector.connect();
  }

  /** Goes on with streams that were HTTP, or TLS. `connector`: the backend has not answered yet. */
  tunnel(
    backend: Backend,
    backendSide: Endpoint,
    what: TlsStream | "upgraded",
    connector?: Connector,
  ): void {
    this.tunnelled = what;
    this.connector = connector;
    this.compareBytes(this.session.context.clock.now());
    this.stream(backend, backendSide);
  }

  get idleSinceMs(): number | undefined {
    return this.state === "last-answer" ? this.keywordMs : undefined;
  }

  get streamedBytes(): number | undefined {
    return this.state === "streaming" ? this.passedBytes : undefined;
  }

  get summary(): Summary {
    const tunnelled = this.tunnelled;
    const backend = this.backend?.name;
    const out = this.backendSide?.passedBytes ?? 0;
    if (tunnelled === undefined) return { protocol: "raw", backend, out };
    if (tunnelled === "upgraded") return { protocol: tunnelled, backend, out };
    return { protocol: "tls", backend, out, tls: tunnelled };
  }

  unreachable(why: ConnectFailure): void {
    // A raw stream is never sent again, and has no page.
    this.closeAfter(why as Exclude<ConnectFailure, "unanswered" | "waking">);
  }

  get wakeClient(): WakeClient {
    const { client, clientSide, context } = this.session;
    const firstBytes = () =>
      clientSide.readable > 0 ? clientSide.look(context.scratch) : context.scratch.subarray(0, 0);
    return { protocol: "raw", id: client.id, address: client.address, firstBytes };
  }

  get isSilent(): boolean {
    const { clientSide } = this.session;
    return clientSide.readable === 0 && !clientSide.peerEnded;
  }

  connected(backend: Backend, endpoint: Endpoint): void {
    const context = this.session.context;
    backend.health.requestAnswered();
    this.sentMs = context.clock.now();
    this.session.setDeadline(context.config.idleTimeoutMs, this.sentMs);
    this.stream(backend, endpoint);
  }

  /** The first bytes of one side are about to be passed on. */
  onFirstBytes(endpoint: Endpoint): void {
    const session = this.session;
    const context = session.context;
    const connector = this.connector;
    const nowMs = context.clock.now();
    if (connector !== undefined) {
      if (endpoint === session.clientSide) {
        this.sentMs = nowMs;
      } else {
        const client = session.client;
        const group = connector.group;
        learnFromResponse(context, this.backend!, group, client, this.sentMs, nowMs, ANSWERED);
        this.connector = undefined;
      }
    }
    if (this.seenBytes === undefined) this.compareBytes(nowMs);
  }

  onBinary(endpoint: Endpoint): void {
    const { client, clientSide, context } = this.session;
    context.report({
      level: "I",
      on: "session",
      what: "binary",
      id: client.id,
      from: endpoint === clientSide ? "client" : "backend",
    });
  }

  onReady(endpoint: Endpoint): void {
    if (this.state === "streaming") {
      const why = this.passEnd(endpoint);
      if (why !== undefined) this.closeAfter(why);
    } else if (this.state === "last-answer") {
      this.session.clientSide.discard(this.session.context.scratch);
    } else if (endpoint.state === "peer-closed" && (endpoint.ended || this.connector?.isHeld)) {
      this.session.end(endingBy(true, endpoint.failure));
    } else if (this.state === "connecting" && endpoint.readable > 0) {
      this.connector!.clientSent();
    }
  }

  /** One direction has ended. Where the other side cannot be written to any more, its own end follows. */
  onPiped(from: Endpoint, outcome: PipeOutcome): void {
    if (this.state === "last-answer") {
      if (outcome === "from-error") this.session.clientSide.resets = true;
      this.closeAfter("keyword");
    } else if (this.state !== "streaming") {
      return;
    } else if (outcome !== "found") {
      const why = this.passEnd(from);
      if (why !== undefined) this.closeAfter(why);
    } else if (from === this.session.clientSide) {
      this.awaitAnswer();
    } else {
      this.closeAfter("keyword");
    }
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }

  expired(): void {
    if (this.state === "connecting") return; // the connector has a deadline of its own
    const nowMs = this.session.context.clock.now();
    if (this.state === "last-answer") this.checkAnswer(nowMs);
    else if (this.seenBytes === undefined) this.session.end("idle");
    else this.compareBytes(nowMs);
  }

  /** Frees the memory of both connections at once. */
  shed(): void {
    if (this.backendSide !== undefined) this.backendSide.resets = true;
  }

  stop(): void {
    if (this.state === "connecting") this.session.end("stopped");
    else this.closeAfter("stopped", true);
  }

  close(): void {
    this.state = "over";
    this.connector?.cancel();
    this.backendSide?.close();
    if (this.backend !== undefined) this.session.context.pool.release(this.backend);
    this.backend = undefined;
  }

  private closeAfter(why: Ending, flushBackend = false): void {
    this.state = "over";
    this.session.closeAfter(why, { backendSide: this.backendSide, flushBackend });
  }

  private stream(backend: Backend, backendSide: Endpoint): void {
    const session = this.session;
    const clientSide = session.clientSide;
    const context = session.context;
    const isInspected = this.tunnelled === undefined;
    this.backend = backend;
    this.backendSide = backendSide;
    backendSide.owner = this;
    this.state = "streaming";
    const up = this.pipe(clientSide, backendSide, isInspected ? context.clientKeywords : undefined);
    const down = this.pipe(
      backendSide,
      clientSide,
      isInspected ? context.backendKeywords : undefined,
    );
    if (up !== undefined) this.onPiped(clientSide, up);
    if (down !== undefined) this.onPiped(backendSide, down);
  }

  private pipe(from: Endpoint, to: Endpoint, keywords?: Keywords): PipeOutcome | undefined {
    if (this.state !== "streaming") return undefined; // a bug has ended it
    const context = this.session.context;
    if (keywords === undefined) return from.pipe(to, context.rawStream);
    return from.pipe(to, new RawStream(context.scratch, keywords));
  }

  /** Passes the end of a direction on, if it has come. Returns why that ends the session, if it does. */
  private passEnd(from: Endpoint): Ending | undefined {
    if (!from.ended) return undefined;
    const to = from === this.backendSide ? this.session.clientSide : this.backendSide!;
    if (from.state === "peer-ended") {
      if (to.writeClosed) return undefined;
      to.end();
      if (!to.ended) {
        this.isHalfClosed = true;
        this.movedMs = this.session.context.clock.now();
        this.compareBytes(this.movedMs);
        return undefined;
      }
    }
    const failure = from.failure;
    if (failure !== undefined) to.resets = true;
    // The side that closed first ended the session.
    const closed = failure === undefined && to.state === "peer-ended" ? to : from;
    return endingBy(closed !== this.backendSide, failure);
  }

  // The answer to a keyword

  private awaitAnswer(): void {
    const { clientSide, context } = this.session;
    this.state = "last-answer";
    this.keywordMs = context.clock.now();
    clientSide.discard(context.scratch); // closing over unread bytes would reset the connection
    if (!this.backendSide!.isPiping) this.closeAfter("keyword");
    else this.checkAnswer(this.keywordMs);
  }

  /** A backend is not silent when it has sent something, or when its bytes wait for the client. */
  private checkAnswer(nowMs: number): void {
    if (this.backendSide!.waitsFor === "room") this.movedMs = nowMs;
    const checkMs = stallCheckMs(this, this.passedBytes, ANSWER_SILENCE_MS, nowMs);
    const leftMs = this.keywordMs! + ANSWER_TIMEOUT_MS - nowMs;
    if (checkMs > 0 && leftMs > 0) this.session.setDeadline(Math.min(checkMs, leftMs));
    else this.closeAfter("keyword", true);
  }

  // Silence

  private get passedBytes(): number {
    return this.session.clientSide.passedBytes + (this.backendSide?.passedBytes ?? 0);
  }

  /**
   * A stalled peer raises no event, the FIN of one is not reported while its bytes wait unread, and lwIP probes no
   * connection that FIN was sent on: without this such a session would hold its two sockets for ever.
   */
  private compareBytes(nowMs: number): void {
    const config = this.session.context.config;
    let timeoutMs = config.tunnelTimeoutMs;
    if (this.isHalfClosed) timeoutMs = Math.min(timeoutMs, config.idleTimeoutMs);
    const checkMs = stallCheckMs(this, this.passedBytes, timeoutMs, nowMs);
    if (checkMs > 0) {
      this.session.setDeadline(checkMs, nowMs);
    } else {
      this.session.clientSide.resets = this.backendSide!.resets = true;
      this.session.end(this.isHalfClosed ? "idle" : "tunnel-timeout");
    }
  }
}
