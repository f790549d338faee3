import type { Backend } from "../backend/backend.ts";
import type { ListenerConfig } from "../config/settings.ts";
import { answerTo } from "../http1/answer.ts";
import { Head } from "../http1/head.ts";
import type { Ending } from "../log/ending.ts";
import type { Deadlines, Timed } from "../net/deadlines.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import { hashText } from "../net/hash.ts";
import type { Keywords } from "../net/keywords.ts";
import type { Address } from "../net/proxy-protocol.ts";
import { pump } from "../net/pump.ts";
import { sniff } from "../net/sniff.ts";
import type { TCPSocket } from "../platform.ts";
import type { Group } from "../pool/group.ts";
import { exceptionText } from "../text/exception.ts";
import { type ConnectFailure, Connector, type ConnectorOwner } from "./connector.ts";
import type { HttpContext } from "./context.ts";
import { HttpSession } from "./http-session.ts";
import { type CloseOptions, type ClosingSession, LingeringClose } from "./lingering-close.ts";

/** A raw stream is never sent again, so a backend that took it is the last one tried. */
type RawConnectFailure = Exclude<ConnectFailure, "unanswered">;

/** What all sessions of a proxy share. */
export interface SessionContext extends HttpContext {
  /** Every backend: those for a listener in mode `tcp`. */
  readonly group: Group;
  /**
   * The backends that raw TCP gets where the first bytes tell: those of a request for an unknown host and
   * the path `/`. `undefined` where no route leads there. Whatever else a client might smuggle past the
   * sniffer, it reaches no other backend.
   */
  readonly rawGroup: Group | undefined;
  /** Keywords by the side that they are expected from; `undefined` where there are none. */
  readonly clientKeywords: Keywords | undefined;
  readonly backendKeywords: Keywords | undefined;
  readonly deadlines: Deadlines;
  /** Clients wait for a slot. */
  clientsQueued(): boolean;
  /** Called exactly once, when all sockets of the session are closed and its slot is free. */
  ended(session: Session): void;
}

/** A client that has said nothing for so long gives its slot to one who may have something to say. */
const SILENCE_MS = 1000;

/**
 * How long the first bytes of a client may leave open what it speaks, from the first one on. Longer than a
 * retransmission, short enough for a raw client whose only word is the beginning of a method.
 */
const SNIFF_TIMEOUT_MS = 500;

/** A backend that sends nothing for so long has answered the client whose keyword ended the session. */
const ANSWER_SILENCE_MS = 300;

/** How long that answer may take in all: a backend that never falls silent ends, too. */
const ANSWER_TIMEOUT_MS = 2000;

/**
 * How long the end of a session may take: bytes on their way to be acknowledged, an answered client
 * to hang up. Long enough for a few retransmissions on Wi-Fi.
 */
const LINGER_TIMEOUT_MS = 2000;

/**
 * How often it is looked whether bytes have moved: to note the time at each piece would cost as much as
 * the piece. So a silence may last a little longer than it should: this long, or an eighth.
 */
const LOOK_MS = 1000;

/**
 * One client from its first byte to its ending. Raw TCP is streamed here; HTTP is served by an
 * `HttpSession`, until a protocol upgrade gives the streams back.
 *
 * - `waiting`: has a socket, waits for a slot
 * - `sniffing`: has a slot, waits for the client's first bytes, and for those that tell what it speaks
 * - `connecting`: waits for a backend to take the connection
 * - `http`: an `HttpSession` owns the client's socket
 * - `streaming`: bytes move both ways
 * - `last-answer`: a keyword of the client has been forwarded; waits for what the backend answers to it
 * - `answering`: no backend; waits for the client's first bytes to answer in its language
 * - `finishing`: nothing new is read, what was written is being acknowledged
 * - `ended`: no socket is left
 */
export class Session implements EndpointOwner, ConnectorOwner, ClosingSession, Timed {
  readonly id: number;
  readonly client: Endpoint;
  readonly address: Address;
  readonly clientHash: number;
  /** How long it waited for a slot. */
  waitedMs = 0;
  deadlineMs = Number.POSITIVE_INFINITY;
  state:
    | "waiting"
    | "sniffing"
    | "connecting"
    | "http"
    | "streaming"
    | "last-answer"
    | "answering"
    | "finishing"
    | "ended" = "waiting";
  backendSide: Endpoint | undefined;
  /** It holds one of the proxy's slots, or did until it ended. */
  admitted = false;
  private context: SessionContext;
  private listener: ListenerConfig;
  /** Until the backend has said something. */
  private connector: Connector | undefined;
  private http: HttpSession | undefined;
  private backend: Backend | undefined;
  private startMs: number;
  /** Bytes that had passed when it was looked at last; `undefined` while nobody has spoken. */
  declare private seen: number | undefined;
  /** When more of them were seen. */
  declare private movedMs: number;
  /** When the sniffer saw the first byte; set where that byte did not tell. */
  declare firstByteMs: number | undefined;
  /** When its bytes were counted last, and how many had moved by then. */
  declare private ratedMs: number | undefined;
  declare private ratedBytes: number;
  /** When the client's keyword had been forwarded. */
  declare private keywordMs: number | undefined;
  /** It was HTTP until the two agreed to speak something else. */
  declare private upgraded: true | undefined;
  /** Bytes of an answer of our own. */
  declare private answered: number | undefined;
  private why: Ending = "stopped";

  /** Throws what `new TCP({ from })` throws when the connection died before it was accepted. */
  constructor(id: number, context: SessionContext, listener: ListenerConfig, accepted: TCPSocket) {
    this.id = id;
    this.context = context;
    this.listener = listener;
    this.client = new Endpoint(context.platform, { from: accepted }, this);
    this.address = this.client.address();
    this.clientHash = hashText(this.address.address, 0);
    this.startMs = context.platform.clock.now();
  }

  get port(): number {
    return this.listener.port;
  }

  /** A slot is free: find out what the client speaks, and serve it. */
  admit(): void {
    this.admitted = true;
    this.waitedMs = this.now() - this.startMs;
    this.guarded(() => {
      if (this.listener.mode === "tcp") {
        this.stream(this.context.group); // the server may speak first
        return;
      }
      this.state = "sniffing";
      this.setDeadline(Math.min(SILENCE_MS, this.context.config.idleTimeoutMs));
      this.sniff();
    });
  }

  /**
   * Since when it does not need its slot: every request is served, the client has sent nothing for long, or
   * its keyword has ended the session. `undefined` while it is busy.
   */
  get idleSinceMs(): number | undefined {
    if (this.state === "http") return this.http!.idleSinceMs;
    if (this.state === "last-answer") return this.keywordMs;
    if (this.state !== "sniffing" || this.client.readable > 0) return undefined;
    return this.now() - this.startMs >= SILENCE_MS ? this.startMs : undefined;
  }

  /** No slot: answer in the client's language and close. */
  refuse(why: "full" | "client-full" | "no-memory" | "queue-timeout" | "suspended"): void {
    this.guarded(() => {
      this.state = "answering";
      this.why = why;
      this.setDeadline(LINGER_TIMEOUT_MS);
      this.tryAnswer();
    });
  }

  /** Bytes that wait between the client and us, and heads: what it holds of the board's memory. */
  get heldBytes(): number {
    return this.client.heldBytes + (this.http?.headBytes ?? 0);
  }

  /** Its memory is needed, or others need its slot more: ends at once. */
  shed(why: "no-memory" | "slow" = "no-memory"): void {
    this.http?.shed(why);
    this.end(why);
  }

  /**
   * Bytes per second that its body or raw stream has moved since it was asked last, at least `windowMs` ago.
   * `undefined` while no such bytes are to move, or it was not asked long enough ago.
   */
  rate(windowMs: number): number | undefined {
    const bytes = this.streamedBytes;
    const nowMs = this.now();
    const ms = nowMs - (this.ratedMs ?? 0);
    if (bytes === undefined) this.ratedMs = undefined;
    if (bytes !== undefined && this.ratedMs !== undefined && ms < windowMs) return undefined;
    // What it did when nobody asked is no measure of what it does now.
    const known = bytes !== undefined && this.ratedMs !== undefined && ms <= 4 * windowMs;
    const rate = known ? ((bytes - this.ratedBytes) * 1_000) / ms : undefined;
    if (bytes !== undefined) {
      this.ratedMs = nowMs;
      this.ratedBytes = bytes;
    }
    return rate;
  }

  private get streamedBytes(): number | undefined {
    if (this.state === "http") return this.http!.streamedBytes;
    if (this.state !== "streaming") return undefined;
    return this.client.passed + this.backendSide!.passed;
  }

  /** Its slot is needed, and it is idle: ends at once. */
  evict(): void {
    this.client.discard(this.context.scratch); // or a reset would destroy what was written last
    this.end(this.state === "last-answer" ? "keyword" : "idle");
  }

  /** It was refused, and its answer is written. */
  get isAnswered(): boolean {
    return this.answered !== undefined;
  }

  /** Ends at once, with the reason that it has. */
  close(): void {
    this.client.discard(this.context.scratch); // or a reset would destroy the answer
    this.conclude();
  }

  /** Delivers what has arrived and ends; whoever is not yet served is let go. */
  stop(): void {
    this.guarded(() => {
      const passes = this.state === "streaming" || this.state === "last-answer";
      if (passes) this.closeAfter("stopped", { flushBackend: true });
      else if (this.state === "http") this.http!.stop();
      else if (this.state !== "finishing") this.end("stopped");
    });
  }

  moved(endpoint: Endpoint): void {
    switch (this.state) {
      case "sniffing":
        this.sniff();
        return;
      case "streaming":
        this.pumpBoth();
        return;
      case "last-answer":
        this.pumpAnswer();
        return;
      case "answering":
        this.tryAnswer();
        return;
    }
    if (endpoint === this.client && this.client.ended) {
      this.lost(endpoint);
    }
  }

  lost(endpoint: Endpoint): void {
    if (this.state === "streaming") {
      this.closeAfter(endpoint === this.client ? "client-closed" : "backend-closed");
      return;
    }
    if (this.state === "last-answer") {
      this.closeAfter("keyword");
      return;
    }
    if (this.state !== "answering") this.why = "client-closed";
    this.conclude();
  }

  failed(error: unknown): void {
    const { report } = this.context;
    report({
      level: "E",
      on: "session",
      what: "exception",
      id: this.id,
      error: exceptionText(error),
    });
    this.why = "error";
    this.conclude();
  }

  // What the client speaks

  private sniff(): void {
    const { client } = this;
    if (client.readable === 0) return;
    const { scratch } = this.context;
    const first = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
    client.read(first);
    const spoken = this.spoken(first);
    if (spoken === "http") {
      this.serveHttp(first);
      return;
    }
    client.unread(first);
    if (spoken === "tcp") {
      this.stream(this.context.rawGroup);
    } else if (this.firstByteMs === undefined) {
      this.firstByteMs = this.now();
      this.setDeadline(this.sniffTimeoutMs);
    }
  }

  /** What the client speaks, as far as its first bytes tell, and the time that it has to say so. */
  private spoken(first: Uint8Array): "http" | "tcp" | undefined {
    const { mode } = this.listener;
    if (mode !== "auto") return mode;
    const { firstByteMs } = this;
    const late = firstByteMs !== undefined && this.now() - firstByteMs >= this.sniffTimeoutMs;
    return sniff(first, late || this.client.readClosed === true);
  }

  private get sniffTimeoutMs(): number {
    return Math.min(SNIFF_TIMEOUT_MS, this.context.config.headTimeoutMs);
  }

  private serveHttp(first: Uint8Array): void {
    this.state = "http";
    this.http = new HttpSession(this.context, this);
    this.http.begin(first);
  }

  /** For `HttpSession`: all is said; what was written is delivered, then the client is let go. */
  finish({ lingers }: { lingers: boolean }): void {
    this.http = undefined;
    this.closeAfter("done", { waitForClientFin: lingers });
  }

  /** For `HttpSession`: nothing is left to say, the client is gone or let go. */
  end(why: Ending): void {
    this.why = why;
    this.conclude();
  }

  /** For `HttpSession`: the two have agreed to speak something else from here on. */
  tunnel(backend: Backend, backendSide: Endpoint): void {
    this.http = undefined;
    this.upgraded = true;
    this.client.owner = this;
    this.watch();
    this.run(backend, backendSide);
  }

  // Raw TCP

  /** To one of `group`, where there is any that raw TCP may get. */
  private stream(group: Group | undefined): void {
    if (group === undefined) {
      this.context.refusals.noRoute++;
      this.closeAfter("no-route");
      return;
    }
    this.context.deadlines.cancel(this);
    this.state = "connecting";
    const { clientKeywords } = this.context;
    this.client.scan = clientKeywords?.scan();
    this.connector = new Connector(this.context, this, group, {
      attemptsMax: group.backends.length,
    });
    this.connector.next();
  }

  connected(backend: Backend, endpoint: Endpoint): void {
    const { checks, backendKeywords, config } = this.context;
    checks.requestAnswered(backend);
    endpoint.scan = backendKeywords?.scan();
    this.connector!.requestSent();
    this.setDeadline(config.idleTimeoutMs);
    this.run(backend, endpoint);
  }

  unreachable(why: RawConnectFailure): void {
    this.closeAfter(why);
  }

  private run(backend: Backend, backendSide: Endpoint): void {
    this.backend = backend;
    this.backendSide = backendSide;
    backendSide.owner = this;
    this.state = "streaming";
    this.pumpBoth();
  }

  /** From here on the endpoints go on by themselves, until something ends that. */
  private pumpBoth(): void {
    const { scratch } = this.context;
    const { client } = this;
    const backendSide = this.backendSide!;
    pump(client, backendSide, scratch);
    pump(backendSide, client, scratch);
    if (this.state !== "streaming") return; // a bug has ended it
    if (client.scan?.found !== undefined) this.awaitAnswer();
    else if (backendSide.scan?.found !== undefined) this.closeAfter("keyword");
    else if (client.writeClosed && client.ended) this.closeAfter("client-closed");
    else if (backendSide.writeClosed && backendSide.ended) this.closeAfter("backend-closed");
    else if (!client.writeClosed && !backendSide.writeClosed) client.join(backendSide, scratch);
  }

  /** A keyword of the client has been forwarded: what the backend answers to it is still delivered. */
  private awaitAnswer(): void {
    this.state = "last-answer";
    this.keywordMs = this.now();
    this.setDeadline(ANSWER_SILENCE_MS);
    this.pumpAnswer();
  }

  private pumpAnswer(): void {
    const { scratch } = this.context;
    const { client } = this;
    const backendSide = this.backendSide!;
    client.discard(scratch); // closing over unread bytes would reset the connection
    const before = backendSide.passed;
    pump(backendSide, client, scratch);
    if (this.state !== "last-answer") return; // a bug has ended it
    const over = client.writeClosed || backendSide.scan?.found !== undefined;
    if (over || backendSide.ended) this.closeAfter("keyword");
    else if (backendSide.passed > before) this.withinAnswer();
  }

  /** The backend has sent something, or its bytes wait for the client: that is no silence. */
  private withinAnswer(): void {
    const leftMs = this.keywordMs! + ANSWER_TIMEOUT_MS - this.now();
    if (leftMs > 0) this.setDeadline(Math.min(ANSWER_SILENCE_MS, leftMs));
    else this.closeAfter("keyword", { flushBackend: true });
  }

  binary(endpoint: Endpoint): void {
    this.context.report({
      level: "I",
      on: "session",
      what: "binary",
      id: this.id,
      from: endpoint === this.client ? "client" : "backend",
    });
  }

  began(endpoint: Endpoint): void {
    if (endpoint === this.client) {
      this.connector?.requestSent();
    } else {
      this.connector?.answered(this.backend!);
      this.connector = undefined;
    }
    if (this.seen === undefined) this.watch();
  }

  /** Somebody has spoken. */
  private watch(): void {
    this.seen = 0;
    this.movedMs = this.now();
    this.look();
  }

  /**
   * A stalled peer raises no event, and one that hung up goes unreported while its bytes wait unread:
   * without this such a session would hold its two sockets for ever.
   */
  private look(): void {
    const { tunnelTimeoutMs } = this.context.config;
    const passed = this.client.passed + (this.backendSide?.passed ?? 0);
    const nowMs = this.now();
    if (passed !== this.seen) {
      this.seen = passed;
      this.movedMs = nowMs;
    }
    const leftMs = this.movedMs + tunnelTimeoutMs - nowMs;
    if (leftMs > 0) this.setDeadline(Math.min(leftMs, LOOK_MS, tunnelTimeoutMs / 8));
    else this.end("tunnel-timeout");
  }

  // Answering

  private tryAnswer(): void {
    const { scratch, config } = this.context;
    const { client } = this;
    // `onWritable` is delivered after `onReadable`, possibly in the same turn.
    if (client.readable === 0 || !client.connected) return;
    const piece = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
    client.read(piece);
    const spoken = this.spoken(piece);
    if (spoken === undefined) {
      client.unread(piece);
      return;
    }
    if (spoken !== "http") {
      this.conclude();
      return;
    }
    const head = new Head("request", config);
    head.feed(piece);
    const reply = answerTo(head, 503);
    client.discard(scratch);
    if (reply.byteLength <= client.writable) {
      client.write(reply);
      this.answered = reply.byteLength;
    }
    this.closeSockets({ waitForClientFin: true });
  }

  // The way out

  /** Closes both sockets as soon as everything written has been acknowledged. */
  private closeAfter(why: Ending, how: CloseOptions = {}): void {
    this.why = why;
    this.setDeadline(LINGER_TIMEOUT_MS);
    this.closeSockets(how);
  }

  private closeSockets(how: CloseOptions): void {
    this.state = "finishing";
    new LingeringClose(this, this.context.scratch, how).moved();
  }

  private conclude(): void {
    if (this.state === "ended") return;
    const spokeHttp = this.http !== undefined || this.why === "done";
    this.state = "ended";
    const { report, pool, deadlines, traffic } = this.context;
    deadlines.cancel(this);
    this.connector?.cancel();
    this.http?.close();
    this.backendSide?.close();
    if (this.backend) pool.release(this.backend);
    this.client.close();
    // HTTP has a line for each request.
    if (!spokeHttp || this.why === "error") {
      const { answered } = this;
      const bytesIn = this.client.passed;
      const bytesOut = (this.backendSide?.passed ?? 0) + (answered ?? 0);
      traffic.bytesIn += bytesIn;
      traffic.bytesOut += bytesOut;
      report({
        level: this.why === "error" ? "W" : "I",
        on: "session",
        what: "end",
        id: this.id,
        client: `${this.address.address}:${this.address.port}`,
        protocol: this.protocol,
        backend: this.backend?.name,
        status: answered === undefined ? undefined : 503,
        in: bytesIn,
        out: bytesOut,
        ms: Math.round(this.now() - this.startMs),
        why: this.why,
      });
    }
    this.context.ended(this);
  }

  /** What the session passed on; `undefined` where it came to nothing. */
  private get protocol(): "raw" | "upgraded" | undefined {
    if (this.upgraded) return "upgraded";
    return this.backend || this.connector || this.why === "no-route" ? "raw" : undefined;
  }

  // Time

  private now(): number {
    return this.context.platform.clock.now();
  }

  /** The time that it has from now on. */
  setDeadline(ms: number): void {
    this.context.deadlines.setDeadline(this, ms);
  }

  expired(): void {
    switch (this.state) {
      case "sniffing":
        if (this.client.readable > 0) this.sniff();
        else this.silent();
        return;
      case "http":
        this.http!.expired();
        return;
      case "streaming":
        if (this.seen === undefined) this.end("idle");
        else this.look();
        return;
      case "last-answer":
        if (this.backendSide!.readable > 0) this.withinAnswer();
        else this.closeAfter("keyword");
        return;
      default:
        this.conclude();
    }
  }

  /** A client that queued before this one had been silent for `SILENCE_MS` could not evict it. */
  private silent(): void {
    const { config, clientsQueued } = this.context;
    const leftMs = this.startMs + this.waitedMs + config.idleTimeoutMs - this.now();
    if (leftMs <= 0 || clientsQueued()) this.end("idle");
    else this.setDeadline(leftMs);
  }

  private guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.failed(error);
    }
  }
}
