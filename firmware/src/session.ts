import type { Report } from "./admin/event.ts";
import type { Backend } from "./backend/backend.ts";
import type { Pool } from "./backend/pool.ts";
import type { Config } from "./config.ts";
import { Endpoint, type EndpointOwner } from "./endpoint.ts";
import { type AnswerStatus, answer } from "./http/answer.ts";
import type { Keywords, Scan } from "./inspect/keywords.ts";
import { speaksHttp } from "./inspect/sniff.ts";
import type { Cancel, Platform, TCPSocket } from "./platform.ts";
import { pump } from "./pump.ts";

/**
 * Why a session ended, and what its client sees.
 *
 * | ending           | the client sees                                              |
 * | ---------------- | ------------------------------------------------------------ |
 * | `client-closed`  | nothing: it has left                                         |
 * | `backend-closed` | all that the backend sent, then a close                      |
 * | `keyword`        | all that had arrived for it, then a close                    |
 * | `refused`        | 502 if it spoke HTTP, else a close: no backend took it       |
 * | `connect-timeout`| the same: the last backend tried did not answer in time      |
 * | `no-socket`      | 503 if it spoke HTTP, else a close: the board had no socket  |
 * | `idle`           | a close: connected, and not one byte came                    |
 * | `tunnel-timeout` | a close: no byte moved for long                              |
 * | `full`           | 503 if it spoke HTTP, else a close: the queue was full       |
 * | `queue-timeout`  | the same: it waited too long for a slot                      |
 * | `stopped`        | a close: the proxy was told to stop                          |
 * | `error`          | a close: a bug, and the log says where                       |
 */
export type Ending =
  | "client-closed"
  | "backend-closed"
  | "keyword"
  | "refused"
  | "connect-timeout"
  | "no-socket"
  | "idle"
  | "tunnel-timeout"
  | "full"
  | "queue-timeout"
  | "stopped"
  | "error";

/** What all sessions of a proxy share. */
export interface SessionContext {
  readonly platform: Platform;
  readonly config: Config;
  readonly pool: Pool;
  /** One piece of bytes on its way; see `SCRATCH_BYTES`. */
  readonly scratch: Uint8Array;
  /** Keywords by the side that they are expected from; `undefined` where there are none. */
  readonly clientKeywords: Keywords | undefined;
  readonly backendKeywords: Keywords | undefined;
  readonly report: Report;
  /** The one door out: the session's sockets are closed and its slot is free. */
  ended(session: Session): void;
}

/** Pause before the board's own lack of a socket is tried again; a close takes a round trip. */
const SOCKET_RETRY_MS = 50;

/**
 * How long the end of a session may take: bytes on their way to be acknowledged, an answered client
 * to hang up. Long enough for a few retransmissions on Wi-Fi.
 */
const LINGER_TIMEOUT_MS = 2000;

/**
 * One client from its first byte to its ending.
 *
 * - `waiting`: has a socket, waits for a slot
 * - `dialling`: has a slot, waits for a backend to take the connection
 * - `streaming`: bytes move both ways
 * - `answering`: no backend; waits for the client's first bytes to answer in its language
 * - `finishing`: nothing new is read, what was written is being acknowledged
 * - `ended`: no socket is left
 */
export class Session implements EndpointOwner {
  readonly id: number;
  state: "waiting" | "dialling" | "streaming" | "answering" | "finishing" | "ended" = "waiting";
  #context: SessionContext;
  #slot = false;
  #client: Endpoint;
  #peer: string;
  #backend: Backend | undefined;
  #backendSide: Endpoint | undefined;
  /** One bit for each backend tried, by its index. */
  #tried = 0;
  #clientScan: Scan | undefined;
  #backendScan: Scan | undefined;
  #alarm: Cancel | undefined;
  #startMs: number;
  #movedMs: number;
  #in = 0;
  #out = 0;
  /** Bytes that had arrived for the client when the session began to finish. */
  #owed = 0;
  #status: AnswerStatus | undefined;
  #why: Ending = "stopped";

  /** Throws what `new TCP({ from })` throws when the connection died before it was accepted. */
  constructor(id: number, context: SessionContext, accepted: TCPSocket) {
    this.id = id;
    this.#context = context;
    this.#client = new Endpoint(context.platform, { from: accepted }, this);
    this.#peer = this.#client.peer();
    this.#startMs = this.#movedMs = context.platform.clock.now();
  }

  /** A slot is free: dial. */
  admit(): void {
    const { clientKeywords, backendKeywords } = this.#context;
    this.#clientScan = clientKeywords?.scan();
    this.#backendScan = backendKeywords?.scan();
    this.#slot = true;
    this.state = "dialling";
    this.#guarded(() => this.#dialNext("refused"))();
  }

  /** It holds one of the proxy's slots, or did until it ended. */
  get admitted(): boolean {
    return this.#slot;
  }

  /** No slot: answer in the client's language and close. */
  refuse(why: "full" | "queue-timeout"): void {
    this.#guarded(() => this.#answer(503, why))();
  }

  /** Ends at once, with the reason that it has. */
  leave(): void {
    this.#end();
  }

  /** Delivers what has arrived and ends; whoever is not yet served is let go. */
  stop(): void {
    if (this.state === "streaming") {
      this.#owed = this.#backendSide!.readable;
      this.#guarded(() => this.#finish("stopped"))();
    } else if (this.state !== "finishing") {
      this.#why = "stopped";
      this.#end();
    }
  }

  moved(endpoint: Endpoint): void {
    switch (this.state) {
      case "dialling":
        if (endpoint === this.#backendSide && endpoint.connected) this.#connected();
        return;
      case "streaming":
        this.#stream();
        return;
      case "answering":
        this.#tryAnswer();
        return;
      case "finishing":
        this.#drain();
        return;
    }
  }

  lost(endpoint: Endpoint): void {
    if (endpoint === this.#client) {
      if (this.state === "streaming") this.#finish("client-closed");
      else if (this.state === "finishing") this.#drain();
      else {
        if (this.state !== "answering") this.#why = "client-closed";
        this.#end();
      }
      return;
    }
    if (this.state === "dialling") this.#dialFailed("refused");
    else if (this.state === "streaming") this.#finish("backend-closed");
    else if (this.state === "finishing") this.#drain();
  }

  failed(error: unknown): void {
    const { report } = this.#context;
    report({ level: "E", on: "session", what: "exception", id: this.id, error: String(error) });
    this.#why = "error";
    this.#end();
  }

  // Dialling

  #dialNext(lastFailure: "refused" | "connect-timeout"): void {
    const { pool, config } = this.#context;
    this.#leaveBackend();
    const backend = pool.pick(this.#tried);
    if (backend === undefined) {
      this.#answer(502, lastFailure);
      return;
    }
    this.#tried |= 1 << backend.index;
    this.#backend = backend;
    backend.sessions++;
    backend.sessionsTotal++;
    this.#after(config.connectTimeoutMs, () => {
      if (this.#backendSide) this.#dialFailed("connect-timeout");
      else this.#answer(503, "no-socket");
    });
    this.#dial(backend);
  }

  #dial(backend: Backend): void {
    const { platform } = this.#context;
    try {
      this.#backendSide = new Endpoint(platform, backend, this);
    } catch {
      // Not the backend's fault: newcomers hold the sockets for a moment, or the Wi-Fi is away. The
      // alarm for the connect timeout bounds how often this is tried.
      const deadline = this.#alarm;
      const retry = platform.clock.after(
        SOCKET_RETRY_MS,
        this.#guarded(() => this.#dial(backend)),
      );
      this.#alarm = () => {
        deadline?.();
        retry();
      };
    }
  }

  #dialFailed(why: "refused" | "connect-timeout"): void {
    this.#context.report({
      level: "W",
      on: "backend",
      what: "connect",
      name: this.#backend!.name,
      id: this.id,
      why: why === "refused" ? "refused" : "timeout",
    });
    this.#dialNext(why);
  }

  #connected(): void {
    const { config, platform } = this.#context;
    this.state = "streaming";
    this.#movedMs = platform.clock.now();
    this.#after(config.idleTimeoutMs, () => this.#checkIdle());
    this.#stream();
  }

  // Streaming

  #stream(): void {
    const { scratch, platform } = this.#context;
    const backendSide = this.#backendSide!;
    const client = this.#client;
    const sent = pump(client, backendSide, scratch, this.#clientScan);
    this.#in += sent;
    const received = pump(backendSide, client, scratch, this.#backendScan);
    this.#out += received;
    if (sent + received > 0) this.#movedMs = platform.clock.now();

    if (this.#clientScan?.found !== undefined || this.#backendScan?.found !== undefined) {
      this.#owed = this.#backendScan?.found === undefined ? backendSide.readable : 0;
      this.#finish("keyword");
    } else if (client.deaf && client.readable === 0) {
      this.#finish("client-closed");
    } else if (backendSide.deaf && backendSide.readable === 0) {
      this.#finish("backend-closed");
    }
  }

  /**
   * One alarm per session, set anew when it rings and not with each byte. A stalled peer raises no
   * event, and one that hung up goes unreported while its bytes wait unread: without this such a
   * session would hold its two sockets for ever.
   */
  #checkIdle(): void {
    const { platform, config } = this.#context;
    const spoken = this.#in + this.#out > 0;
    const limitMs = spoken ? config.tunnelTimeoutMs : config.idleTimeoutMs;
    const leftMs = this.#movedMs + limitMs - platform.clock.now();
    if (leftMs > 0) {
      this.#after(leftMs, () => this.#checkIdle());
      return;
    }
    this.#why = spoken ? "tunnel-timeout" : "idle";
    this.#end();
  }

  // Answering

  #answer(status: AnswerStatus, why: Ending): void {
    this.#leaveBackend();
    this.state = "answering";
    this.#status = status;
    this.#why = why;
    this.#after(LINGER_TIMEOUT_MS, () => this.#end());
    this.#tryAnswer();
  }

  #tryAnswer(): void {
    const { scratch } = this.#context;
    const client = this.#client;
    if (client.readable === 0) return;
    const count = Math.min(client.readable, scratch.byteLength);
    const piece = scratch.subarray(0, count);
    client.read(piece);
    if (!speaksHttp(piece)) {
      this.#status = undefined;
      this.#end();
      return;
    }
    client.discard(scratch);
    const reply = answer(this.#status!);
    if (reply.byteLength <= client.writable) client.write(reply);
    this.#out += reply.byteLength;
    this.state = "finishing";
    this.#drain();
  }

  // Finishing

  #finish(why: Ending): void {
    this.state = "finishing";
    this.#why = why;
    this.#after(LINGER_TIMEOUT_MS, () => this.#end());
    this.#drain();
  }

  /**
   * Brings both sides to a clean close: everything that had arrived is passed on, everything
   * written is acknowledged. What still comes in is read and dropped, because closing over unread
   * bytes makes the chip send a reset, which would overtake what we want delivered.
   */
  #drain(): void {
    const { scratch } = this.#context;
    const client = this.#client;
    const backendSide = this.#backendSide;
    if (this.#owed > 0 && backendSide && !client.deaf) {
      const count = pump(backendSide, client, scratch, undefined, this.#owed);
      this.#owed -= count;
      this.#out += count;
      if (this.#owed > 0 && !client.deaf) {
        client.discard(scratch);
        return;
      }
    }
    client.discard(scratch);
    backendSide?.discard(scratch);
    if (backendSide?.flushed) backendSide.close();
    // An answered client hangs up by itself, and should: who closes last has no TIME_WAIT.
    const answered = this.#status !== undefined && !client.deaf;
    if (client.flushed && !answered) client.close();
    if (client.closed && (backendSide === undefined || backendSide.closed)) this.#end();
  }

  // The way out

  #leaveBackend(): void {
    this.#alarm?.();
    this.#alarm = undefined;
    this.#backendSide?.close();
    this.#backendSide = undefined;
    if (this.#backend) this.#backend.sessions--;
    this.#backend = undefined;
  }

  #end(): void {
    if (this.state === "ended") return;
    this.state = "ended";
    const { platform, report } = this.#context;
    const backend = this.#backend?.name;
    this.#leaveBackend();
    this.#client.close();
    report({
      level: this.#why === "error" ? "W" : "I",
      on: "session",
      what: "end",
      id: this.id,
      client: this.#peer,
      backend,
      status: this.#status,
      in: this.#in,
      out: this.#out,
      ms: Math.round(platform.clock.now() - this.#startMs),
      why: this.#why,
    });
    this.#context.ended(this);
  }

  /** Sets the session's one alarm. */
  #after(ms: number, task: () => void): void {
    this.#alarm?.();
    this.#alarm = this.#context.platform.clock.after(ms, this.#guarded(task));
  }

  #guarded(task: () => void): () => void {
    return () => {
      try {
        task();
      } catch (error) {
        this.failed(error);
      }
    };
  }
}
