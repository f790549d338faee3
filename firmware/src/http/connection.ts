import type { Backend } from "../backend/backend.ts";
import { Dial, type DialContext, type DialFailure, type Dialler } from "../dial.ts";
import type { Endpoint, EndpointOwner } from "../endpoint.ts";
import type { Cancel } from "../platform.ts";
import { type AnswerStatus, answer } from "./answer.ts";
import { BodyReader, type Framing, LAST_CHUNK, requestFraming, responseFraming } from "./body.ts";
import { Exchange } from "./exchange.ts";
import { type Field, Head } from "./head.ts";
import { relay } from "./relay.ts";
import { persists, type Request, understand } from "./request.ts";
import { rewriteRequest, rewriteResponse } from "./rewrite.ts";
import type { Route } from "./route.ts";

/** What all HTTP connections of a proxy share. */
export interface HttpContext extends DialContext {
  /** One piece of bytes on its way; see `SCRATCH_BYTES`. */
  readonly scratch: Uint8Array;
  /** One rewritten head on its way: `headBytesMax` and `REWRITE_BYTES` long. */
  readonly headBuffer: Uint8Array;
  readonly routes: readonly Route[];
  /** Our name in Via, different for each board, by which a request is known that comes again. */
  readonly pseudonym: string;
  /** Is the client at this address a proxy whose word counts? */
  trusts(address: string): boolean;
  /** A new X-Request-Id. */
  requestId(): string;
}

/** The session that an HTTP connection serves. */
export interface HttpSession {
  readonly id: number;
  readonly client: Endpoint;
  readonly peer: string;
  /** How long the client waited for a slot. */
  readonly waitedMs: number;
  finish(how: { lingers: boolean }): void;
  end(why: "idle" | "client-closed" | "stopped" | "done"): void;
  tunnel(backend: Backend, backendSide: Endpoint): void;
  failed(error: unknown): void;
}

/** Retries of one request end by then, whatever the connect timeout. */
const RETRY_DEADLINE_MS = 10_000;

/** How long a request that is being served may go on when the proxy is told to stop. */
const STOP_TIMEOUT_MS = 2_000;

/** Characters of a path, and of a client's own X-Request-Id, that a log line holds. */
const LOGGED_MAX = 128;

/** Methods that may be sent twice with the effect of once (RFC 9110 section 9.2.2). */
const IDEMPOTENT = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"];

/**
 * A client that speaks HTTP/1.x: request after request, each to a backend of its own.
 *
 * - `idle`: waits for a request
 * - `head`: reads its head
 * - `dialling`: waits for a backend
 * - `relaying`: request and answer move
 * - `over`: the session has it back
 *
 * Memory of a connection: one head of each direction, at most `headBytesMax` each, one rewritten
 * head that waits for room, and two pieces that were read too far; never a body.
 */
export class HttpConnection implements EndpointOwner, Dialler {
  #context: HttpContext;
  #session: HttpSession;
  #client: Endpoint;
  #address: string;
  #trusted: boolean;
  #phase: "idle" | "head" | "dialling" | "relaying" | "over" = "idle";
  #request: Head;
  #response: Head;
  #exchange: Exchange | undefined;
  /** Bytes of our own, or of rewritten heads, that wait for room. */
  #pendingUp: Uint8Array | undefined;
  #pendingDown: Uint8Array | undefined;
  #requests = 0;
  #stopping = false;
  #advancing = false;
  /** When the current request's first byte came, and when its head was complete. */
  #beganMs = 0;
  #headMs = 0;
  /** When the current phase is over at the latest, and the alarm that looks after it. */
  #deadlineMs = 0;
  #alarmMs = 0;
  #alarm: Cancel | undefined;
  #idleSinceMs = 0;

  constructor(context: HttpContext, session: HttpSession) {
    this.#context = context;
    this.#session = session;
    this.#client = session.client;
    this.#client.owner = this;
    this.#address = session.peer.slice(0, session.peer.lastIndexOf(":"));
    this.#trusted = context.trusts(this.#address);
    this.#request = new Head("request", context.config);
    this.#response = new Head("response", context.config);
  }

  get id(): number {
    return this.#session.id;
  }

  /** Since when it waits for another request; `undefined` while it is busy or before the first. */
  get idleSinceMs(): number | undefined {
    return this.#phase === "idle" && this.#requests > 0 ? this.#idleSinceMs : undefined;
  }

  /** `first` was read already: the bytes by which HTTP was known. */
  begin(first?: Uint8Array): void {
    this.#idle(this.#context.config.headTimeoutMs);
    if (first !== undefined) {
      this.#beganMs = this.#now();
      this.#phase = "head";
      this.#feed(first);
    }
    this.#advance();
  }

  /** No new request; the current one may end, if it does so soon. */
  stop(): void {
    this.#stopping = true;
    if (this.#phase === "idle" || this.#phase === "head") this.#finish(false);
    else this.#expectWithin(STOP_TIMEOUT_MS);
  }

  /** The session has ended: lets go of what is held. */
  close(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#alarm?.();
    const exchange = this.#exchange;
    if (exchange === undefined) return;
    exchange.dial?.cancel();
    this.#leaveBackend(exchange);
  }

  moved(): void {
    this.#advance();
  }

  lost(endpoint: Endpoint): void {
    if (endpoint === this.#client) this.#clientLost();
    else this.#advance();
  }

  failed(error: unknown): void {
    this.#session.failed(error);
  }

  /** Goes on as far as it goes. What it calls may call it again: the loop will see to it. */
  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      this.#loop();
    } finally {
      this.#advancing = false;
    }
  }

  #loop(): void {
    for (;;) {
      if (this.#phase === "idle") {
        if (this.#client.readable === 0) {
          if (this.#client.deaf) this.#clientLost();
          return;
        }
        this.#beganMs = this.#now();
        this.#phase = "head";
        this.#expectWithin(this.#context.config.headTimeoutMs);
      } else if (this.#phase === "head") {
        if (!this.#readHead()) return;
      } else if (this.#phase === "relaying") {
        if (!this.#relay()) return;
      } else {
        if (this.#client.deaf && this.#phase !== "over") this.#clientLost();
        return;
      }
    }
  }

  // The request

  /** False when more has to come first. */
  #readHead(): boolean {
    const { scratch } = this.#context;
    const client = this.#client;
    const head = this.#request;
    while (!head.done && head.error === undefined) {
      if (client.readable === 0) {
        if (client.deaf) this.#clientLost();
        return false;
      }
      const piece = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
      client.read(piece);
      this.#feed(piece);
    }
    this.#headMs = this.#now();
    this.#requests++;
    const request = head.error ?? understand(head, this.#context);
    if (typeof request === "number") this.#refuse(request, "PR");
    else this.#dial(request);
    return true;
  }

  #feed(piece: Uint8Array): void {
    const used = this.#request.feed(piece);
    if (used < piece.byteLength) this.#client.unread(piece.subarray(used));
    this.#request.keep(); // `piece` lies in the scratch buffer
  }

  /** Answers a request that goes nowhere. What may follow it is only read when its end is known. */
  #refuse(status: AnswerStatus, state: string): void {
    const head = this.#request;
    let exchange: Exchange;
    if (head.done && head.error === undefined) {
      const method = head.text(head.start, head.methodEnd);
      const framing = requestFraming(head, method);
      const target = head.text(head.targetStart, head.targetEnd);
      exchange = new Exchange(method, target, typeof framing === "number" ? UNKNOWN : framing);
      exchange.keepAlive = exchange.upload.done && !this.#stopping && persists(head);
    } else {
      exchange = new Exchange("-", "-", UNKNOWN);
    }
    exchange.in = head.length;
    this.#exchange = exchange;
    this.#answer(status, state);
  }

  // The backend

  #dial({ method, path, framing, route, target, upgrade }: Request): void {
    const head = this.#request;
    const dial = new Dial(this.#context, this, route.group, this.#context.config.retries + 1);
    dial.deadlineMs = this.#beganMs + RETRY_DEADLINE_MS;
    const exchange = new Exchange(method, path, framing, dial);
    const theirId = head.only("x-request-id");
    exchange.requestId = theirId === undefined ? this.#context.requestId() : head.value(theirId);
    exchange.target = target;
    exchange.upgrade = upgrade;
    exchange.keepAlive = !this.#stopping && persists(head);
    exchange.in = head.length;
    this.#exchange = exchange;
    this.#phase = "dialling";
    // A connection that waited may be closing: only what may be sent twice goes there.
    dial.next(this.#repeatable(exchange));
  }

  #repeatable({ method, framing, upgrade }: Exchange): boolean {
    return framing.kind === "none" && upgrade === undefined && IDEMPOTENT.includes(method);
  }

  connected(backend: Backend, endpoint: Endpoint): void {
    const exchange = this.#exchange!;
    const { config, headBuffer } = this.#context;
    exchange.backend = backend;
    exchange.backendName = backend.name;
    exchange.backendSide = endpoint;
    exchange.connectedMs = this.#now();
    endpoint.owner = this;
    const head = this.#request;
    const length = rewriteRequest(headBuffer, {
      head,
      framing: exchange.framing,
      target: exchange.target,
      clientAddress: this.#address,
      trusted: this.#trusted,
      pseudonym: this.#context.pseudonym,
      requestId: head.only("x-request-id") === undefined ? exchange.requestId : undefined,
      upgrade: exchange.upgrade,
    });
    this.#pendingUp = send(endpoint, headBuffer.subarray(0, length));
    this.#response.reset();
    this.#phase = "relaying";
    this.#expectWithin(config.responseTimeoutMs);
    this.#advance();
  }

  unreachable(why: DialFailure): void {
    if (why === "no-socket") this.#answer(503, "RC");
    else if (why === "connect-timeout") this.#answer(504, "sC");
    else this.#answer(502, "SC");
    this.#advance();
  }

  /** The backend left before it said a word: another one, if that does no harm. */
  #retry(exchange: Exchange): boolean {
    if (exchange.heard || !this.#repeatable(exchange) || this.#stopping) return false;
    this.#leaveBackend(exchange);
    this.#phase = "dialling";
    exchange.dial!.next();
    return true;
  }

  #leaveBackend(exchange: Exchange): void {
    exchange.backendSide?.close();
    exchange.backendSide = undefined;
    if (exchange.backend) this.#context.pool.release(exchange.backend);
    exchange.backend = undefined;
    this.#pendingUp = undefined;
  }

  // Request and answer

  /** True when something has changed that wants another look. */
  #relay(): boolean {
    const exchange = this.#exchange!;
    const { config } = this.#context;
    const client = this.#client;
    const before = exchange.in + exchange.out;
    const { backendSide } = exchange;

    if (this.#pendingDown !== undefined) this.#pendingDown = send(client, this.#pendingDown);
    if (backendSide !== undefined) {
      this.#upload(exchange, backendSide);
      if (exchange.backendSide !== backendSide) return true;
      if (!this.#download(exchange, backendSide)) return true;
    }
    if (client.deaf) {
      this.#clientLost();
      return false;
    }
    if (exchange.download?.done && this.#pendingDown === undefined) {
      this.#complete(exchange);
      return true;
    }
    if (exchange.in + exchange.out > before && !this.#stopping) {
      const { upload, download } = exchange;
      const waiting = upload.done && download === undefined;
      this.#expectWithin(waiting ? config.responseTimeoutMs : config.idleTimeoutMs);
    }
    return false;
  }

  #upload(exchange: Exchange, backendSide: Endpoint): void {
    const { upload, framing } = exchange;
    if (this.#pendingUp !== undefined) {
      this.#pendingUp = send(backendSide, this.#pendingUp);
      if (this.#pendingUp !== undefined) return;
    }
    if (upload.done) return;
    const { scratch, config } = this.#context;
    const chunked = framing.kind === "chunked";
    exchange.in += relay(this.#client, backendSide, scratch, upload, chunked);
    if (upload.broken || exchange.in - this.#request.length > config.bodyBytesMax) {
      this.#leaveBackend(exchange);
      if (exchange.download === undefined) this.#answer(upload.broken ? 400 : 413, "PD");
      else this.#cut(exchange, "PD");
    }
  }

  /** False when the exchange has gone elsewhere: answered, retried, cut, tunnelled. */
  #download(exchange: Exchange, backendSide: Endpoint): boolean {
    const { scratch } = this.#context;
    while (exchange.download === undefined) {
      if (this.#pendingDown !== undefined) return true; // an interim answer waits for room
      if (backendSide.readable === 0) {
        if (!backendSide.deaf) return true;
        if (!this.#retry(exchange)) {
          this.#leaveBackend(exchange);
          this.#answer(502, "SH");
        }
        return false;
      }
      exchange.heard = true;
      const head = this.#response;
      const count = Math.min(backendSide.readable, scratch.byteLength);
      const piece = scratch.subarray(0, count);
      backendSide.read(piece);
      const used = head.feed(piece);
      const rest = piece.subarray(used);
      const final = head.done && head.status >= 200;
      if (!final) {
        backendSide.unread(rest);
        head.keep(); // `piece` lies in the scratch buffer
      }
      if (head.error !== undefined || (head.done && !this.#answered(exchange, backendSide))) {
        if (this.#phase === "over") return false; // it is a tunnel now
        this.#leaveBackend(exchange);
        this.#answer(502, "PH");
        return false;
      }
      if (final) this.#passRest(exchange, backendSide, rest);
    }
    if (this.#pendingDown !== undefined) return true;
    const { download } = exchange;
    const wasDone = download.done;
    exchange.out += relay(backendSide, this.#client, scratch, download, exchange.chunkedDown);
    if (download.done || wasDone) return true;
    if (download.broken) {
      this.#cut(exchange, "PD");
      return false;
    }
    if (backendSide.deaf && backendSide.readable === 0) {
      download.closed();
      if (!download.done) {
        this.#cut(exchange, "SD");
        return false;
      }
      if (exchange.chunkedDown) this.#pendingDown = send(this.#client, LAST_CHUNK);
    }
    return true;
  }

  /** What came with the head of an answer goes on at once where it can: a small answer is one piece. */
  #passRest(exchange: Exchange, backendSide: Endpoint, rest: Uint8Array): void {
    const download = exchange.download!;
    const fits = rest.byteLength <= this.#client.writable && rest.byteLength <= download.wanted;
    if (exchange.chunkedDown || this.#pendingDown !== undefined || !fits || download.done) {
      backendSide.unread(rest);
      return;
    }
    const length = download.decode(rest);
    backendSide.unread(rest.subarray(download.used));
    this.#client.write(rest.subarray(0, length));
    exchange.out += length;
  }

  /** The backend's head is there. False when it makes no sense, or is no longer ours to judge. */
  #answered(exchange: Exchange, backendSide: Endpoint): boolean {
    const head = this.#response;
    const oldClient = this.#request.minor === 0;
    if (head.status === 101) return this.#switchProtocols(exchange, backendSide);
    const framing = responseFraming(head, exchange.method);
    if (framing === undefined) return false;
    if (head.status < 200) {
      if (!oldClient) this.#pass(exchange, { head, framing, connection: undefined });
      head.reset();
      return true;
    }
    const endless = framing.kind === "close" || framing.kind === "chunked";
    if (endless && oldClient) exchange.keepAlive = false;
    exchange.chunkedDown = endless && !oldClient;
    exchange.reusable =
      framing.kind !== "close" && head.minor === 1 && !head.lists("connection", "close");
    exchange.status = head.status;
    exchange.answeredMs = this.#now();
    const down: Framing = exchange.chunkedDown
      ? { kind: "chunked" }
      : endless
        ? { kind: "close" }
        : framing;
    if (this.#stopping) exchange.keepAlive = false;
    const connection = exchange.keepAlive ? (oldClient ? "keep-alive" : undefined) : "close";
    this.#pass(exchange, { head, framing: down, connection });
    exchange.download = new BodyReader(framing);
    return true;
  }

  #pass(
    exchange: Exchange,
    parts: { head: Head; framing: Framing; connection: "close" | "keep-alive" | undefined },
    upgrade?: Field,
  ): void {
    const { headBuffer } = this.#context;
    const length = rewriteResponse(headBuffer, { ...parts, upgrade });
    exchange.out += length;
    this.#pendingDown = send(this.#client, headBuffer.subarray(0, length));
  }

  /** From here on the two speak something else, and we pass it on unread. */
  #switchProtocols(exchange: Exchange, backendSide: Endpoint): boolean {
    const head = this.#response;
    const protocol = head.only("upgrade");
    if (exchange.upgrade === undefined || protocol === undefined) return false;
    this.#pass(exchange, { head, framing: { kind: "none" }, connection: undefined }, protocol);
    if (this.#pendingDown !== undefined) return false; // 101 follows nothing that could fill the buffer
    exchange.status = 101;
    exchange.answeredMs = this.#now();
    this.#report(exchange);
    const backend = exchange.backend!;
    exchange.backend = undefined;
    exchange.backendSide = undefined;
    this.#over();
    this.#session.tunnel(backend, backendSide);
    return false;
  }

  /** An answer of our own instead of a backend's. */
  #answer(status: AnswerStatus, state: string): void {
    const exchange = this.#exchange!;
    const head = this.#request;
    exchange.status = status;
    exchange.state = state;
    if (!exchange.upload.done || !KEEPS_ALIVE.includes(status)) exchange.keepAlive = false;
    const accept = head.error === undefined && head.done ? head.all("accept") : [];
    const reply = answer(status, {
      html: accept.some(field => head.value(field).includes("text/html")),
      headOnly: exchange.method === "HEAD",
      keepAlive: exchange.keepAlive,
    });
    exchange.out += reply.byteLength;
    exchange.download = new BodyReader({ kind: "none" });
    this.#phase = "relaying";
    this.#expectWithin(this.#context.config.idleTimeoutMs);
    this.#pendingDown = send(this.#client, reply);
  }

  /** The answer is whole: the next request, or the end. */
  #complete(exchange: Exchange): void {
    const { backend, backendSide, upload } = exchange;
    this.#report(exchange);
    if (backend !== undefined && backendSide !== undefined) {
      const clean = upload.done && !backendSide.deaf && backendSide.readable === 0;
      if (exchange.reusable && clean && !this.#stopping) {
        exchange.backendSide = undefined;
        this.#context.idle.put(backend, backendSide);
      }
      this.#leaveBackend(exchange);
    }
    this.#exchange = undefined;
    if (!exchange.keepAlive || !upload.done || this.#stopping) {
      this.#finish(!upload.done);
      return;
    }
    this.#request.reset();
    this.#idle(this.#context.config.keepAliveTimeoutMs);
  }

  /** The answer cannot be completed; the client shall see that. */
  #cut(exchange: Exchange, state: string): void {
    exchange.state = state;
    this.#report(exchange);
    this.#leaveBackend(exchange);
    this.#exchange = undefined;
    this.#finish(!exchange.upload.done);
  }

  #clientLost(): void {
    const exchange = this.#exchange;
    if (exchange === undefined) {
      this.#over();
      this.#session.end("client-closed");
      return;
    }
    if (exchange.state === "--") exchange.state = `C${this.#when(exchange)}`;
    this.#report(exchange);
    exchange.dial?.cancel();
    this.#leaveBackend(exchange);
    this.#exchange = undefined;
    this.#over();
    this.#session.end("done");
  }

  /** HAProxy's letter for how far the exchange has come. */
  #when({ backend, download }: Exchange): "C" | "H" | "D" {
    if (download !== undefined) return "D";
    return backend === undefined ? "C" : "H";
  }

  #finish(lingers: boolean): void {
    this.#over();
    this.#session.finish({ lingers });
  }

  #over(): void {
    this.#phase = "over";
    this.#alarm?.();
    this.#alarm = undefined;
  }

  // Time

  #now(): number {
    return this.#context.platform.clock.now();
  }

  #idle(withinMs: number): void {
    this.#phase = "idle";
    this.#idleSinceMs = this.#now();
    this.#expectWithin(withinMs);
  }

  /**
   * Moves the deadline. The alarm is only set anew when the deadline comes nearer; one that rings
   * too early looks again later.
   */
  #expectWithin(ms: number): void {
    this.#deadlineMs = this.#now() + ms;
    if (this.#alarm !== undefined && this.#alarmMs <= this.#deadlineMs) return;
    this.#alarm?.();
    this.#setAlarm(ms);
  }

  #setAlarm(ms: number): void {
    this.#alarmMs = this.#now() + ms;
    this.#alarm = this.#context.platform.clock.after(ms, () => {
      this.#alarm = undefined;
      const leftMs = this.#deadlineMs - this.#now();
      if (leftMs > 0) {
        this.#setAlarm(leftMs);
        return;
      }
      try {
        this.#expired();
      } catch (error) {
        this.failed(error);
      }
    });
  }

  #expired(): void {
    if (this.#phase === "idle") {
      this.#over();
      this.#session.end("idle");
    } else if (this.#phase === "head") {
      this.#requests++;
      this.#headMs = this.#now();
      this.#refuse(408, "cR");
      this.#advance();
    } else if (this.#phase === "relaying") {
      this.#stalled(this.#exchange!);
    } else if (this.#phase === "dialling" && !this.#stopping) {
      this.#expectWithin(RETRY_DEADLINE_MS); // the dial keeps its own time
    } else if (this.#phase === "dialling") {
      this.#exchange!.dial?.cancel();
      this.#answer(503, "LC");
      this.#advance();
    }
  }

  /** Nothing has moved for too long. */
  #stalled(exchange: Exchange): void {
    const { upload, download, backendSide } = exchange;
    const byClient =
      download === undefined
        ? !upload.done && backendSide !== undefined && backendSide.writable > 0
        : this.#client.writable === 0 || this.#pendingDown !== undefined;
    const who = this.#stopping ? "L" : byClient ? "c" : "s";
    if (download !== undefined) {
      this.#cut(exchange, `${who}D`);
      return;
    }
    this.#leaveBackend(exchange);
    if (byClient) this.#answer(408, `${who}D`);
    else this.#answer(this.#stopping ? 503 : 504, `${who}H`);
    this.#advance();
  }

  // The log

  #report(exchange: Exchange): void {
    const { connectedMs, answeredMs } = exchange;
    const now = this.#now();
    const head = this.#headMs;
    this.#context.report({
      level: "I",
      on: "http",
      what: "request",
      id: this.#session.id,
      request: exchange.requestId?.slice(0, LOGGED_MAX),
      client: this.#session.peer,
      backend: exchange.backendName,
      method: exchange.method,
      path: exchange.path.slice(0, LOGGED_MAX),
      status: exchange.status,
      in: exchange.in,
      out: exchange.out,
      retries: Math.max(0, (exchange.dial?.attempts ?? 0) - 1),
      TR: Math.round(head - this.#beganMs),
      Tw: this.#requests > 1 ? 0 : Math.round(this.#session.waitedMs),
      Tc: connectedMs === undefined ? -1 : Math.round(connectedMs - head),
      Tr: answeredMs === undefined ? -1 : Math.round(answeredMs - (connectedMs ?? head)),
      Ta: Math.round(now - this.#beganMs),
      state: exchange.state,
    });
  }
}

/** The framing of a request that was not understood. */
const UNKNOWN: Framing = { kind: "close" };

/** Answers after which the connection is as good as before. */
const KEEPS_ALIVE: readonly AnswerStatus[] = [404, 405, 502, 503, 504, 508];

/** Writes what there is room for; returns a copy of the rest. */
function send(to: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
  if (to.deaf) return undefined;
  if (bytes.byteLength <= to.writable) {
    to.write(bytes);
    return undefined;
  }
  const count = to.writable;
  if (count > 0) to.write(bytes.subarray(0, count));
  return bytes.slice(count);
}
