import type { Backend } from "./backend/backend.ts";
import type { Group } from "./backend/pool.ts";
import type { Address } from "./backend/proxy-protocol.ts";
import { Deadline } from "./deadline.ts";
import { Dial, type DialFailure, type Dialler } from "./dial.ts";
import { Endpoint, type EndpointOwner } from "./endpoint.ts";
import { hashText } from "./hash.ts";
import { answerTo } from "./http/answer.ts";
import { HttpConnection, type HttpContext } from "./http/connection.ts";
import { Head } from "./http/head.ts";
import type { Keywords, Scan } from "./inspect/keywords.ts";
import { sniff } from "./inspect/sniff.ts";
import type { TCPSocket } from "./platform.ts";
import { pump } from "./pump.ts";

/**
 * Why a session ended, and what its client sees.
 *
 * | ending           | the client sees                                              |
 * | ---------------- | ------------------------------------------------------------ |
 * | `done`           | the answers to its HTTP requests, then a close               |
 * | `client-closed`  | nothing: it has left                                         |
 * | `backend-closed` | all that the backend sent, then a close                      |
 * | `keyword`        | all that had arrived for it, then a close                    |
 * | `refused`        | a close (HTTP: 502): no backend took it                      |
 * | `connect-timeout`| the same: the last backend tried did not answer in time      |
 * | `no-socket`      | a close (HTTP: 503): the board had no socket                 |
 * | `no-backend`     | the same: every backend is down or taken out                 |
 * | `idle`           | a close: not one byte came, or no further request            |
 * | `tunnel-timeout` | a close: no byte moved for long                              |
 * | `full`           | 503 if it spoke HTTP, else a close: the queue was full       |
 * | `queue-timeout`  | the same: it waited too long for a slot or a backend         |
 * | `stopped`        | a close: the proxy was told to stop                          |
 * | `error`          | a close: a bug, and the log says where                       |
 */
export type Ending =
  | "done"
  | "client-closed"
  | "backend-closed"
  | "keyword"
  | RawDialFailure
  | "idle"
  | "tunnel-timeout"
  | "stopped"
  | "error";

/** A raw stream is never sent again, so a backend that took it is the last one tried. */
type RawDialFailure = Exclude<DialFailure, "unanswered">;

/** What a listener's clients are taken to speak. */
export type Mode = "auto" | "http" | "tcp";

/** Where a client came in. */
export interface Door {
  readonly port: number;
  readonly mode: Mode;
}

/** What all sessions of a proxy share. */
export interface SessionContext extends HttpContext {
  /** Every backend: raw TCP knows no routes. */
  readonly group: Group;
  /** Keywords by the side that they are expected from; `undefined` where there are none. */
  readonly clientKeywords: Keywords | undefined;
  readonly backendKeywords: Keywords | undefined;
  /** The one door out: the session's sockets are closed and its slot is free. */
  ended(session: Session): void;
}

/** A client that has said nothing for so long gives its slot to one who may have something to say. */
const SILENCE_MS = 1000;

/** How long a client's first bytes may be the beginning of a method and no more. */
const SNIFF_TIMEOUT_MS = 500;

/**
 * How long the end of a session may take: bytes on their way to be acknowledged, an answered client
 * to hang up. Long enough for a few retransmissions on Wi-Fi.
 */
const LINGER_TIMEOUT_MS = 2000;

/**
 * One client from its first byte to its ending. Raw TCP is streamed here; HTTP is served by an
 * `HttpConnection`, until a protocol upgrade gives the streams back.
 *
 * - `waiting`: has a socket, waits for a slot
 * - `sniffing`: has a slot, waits for the bytes that tell HTTP from raw TCP
 * - `dialling`: waits for a backend to take the connection
 * - `http`: an `HttpConnection` owns the client's socket
 * - `streaming`: bytes move both ways
 * - `answering`: no backend; waits for the client's first bytes to answer in its language
 * - `finishing`: nothing new is read, what was written is being acknowledged
 * - `ended`: no socket is left
 */
export class Session implements EndpointOwner, Dialler {
  readonly id: number;
  readonly client: Endpoint;
  readonly address: Address;
  readonly port: number;
  readonly clientHash: number;
  /** How long it waited for a slot. */
  waitedMs = 0;
  state:
    | "waiting"
    | "sniffing"
    | "dialling"
    | "http"
    | "streaming"
    | "answering"
    | "finishing"
    | "ended" = "waiting";
  #context: SessionContext;
  #mode: Mode;
  #slot = false;
  #dial: Dial | undefined;
  #http: HttpConnection | undefined;
  #backend: Backend | undefined;
  #backendSide: Endpoint | undefined;
  #clientScan: Scan | undefined;
  #backendScan: Scan | undefined;
  #deadline: Deadline;
  #startMs: number;
  /** Bytes have moved between the two. */
  #spoken = false;
  /** When the backend was connected, then when it got its first byte. */
  #askedMs = 0;
  #in = 0;
  #out = 0;
  /** Bytes that had arrived for the client when the session began to finish. */
  #owed = 0;
  /** The client still sends what nobody wants: it shall hang up first, or a reset would hit it. */
  #lingers = false;
  #status: number | undefined;
  #why: Ending = "stopped";

  /** Throws what `new TCP({ from })` throws when the connection died before it was accepted. */
  constructor(id: number, context: SessionContext, door: Door, accepted: TCPSocket) {
    this.id = id;
    this.#context = context;
    this.#mode = door.mode;
    this.port = door.port;
    this.client = new Endpoint(context.platform, { from: accepted }, this);
    this.address = this.client.peer();
    this.clientHash = hashText(this.address.address, 0);
    this.#startMs = context.platform.clock.now();
    this.#deadline = new Deadline(
      context.platform.clock,
      this.#guarded(() => this.#expired()),
    );
  }

  /** A slot is free: find out what the client speaks, and serve it. */
  admit(): void {
    this.#slot = true;
    this.waitedMs = this.#context.platform.clock.now() - this.#startMs;
    this.#guarded(() => {
      if (this.#mode === "tcp") {
        this.#stream();
      } else if (this.#mode === "http") {
        this.#serveHttp();
      } else {
        this.state = "sniffing";
        this.#deadline.within(this.#context.config.idleTimeoutMs);
        this.#sniff();
      }
    })();
  }

  /** It holds one of the proxy's slots, or did until it ended. */
  get admitted(): boolean {
    return this.#slot;
  }

  /**
   * Since when it does not need its slot: every request is served, or nothing was said for long.
   * `undefined` while it is busy.
   */
  get idleSinceMs(): number | undefined {
    if (this.state === "http") return this.#http!.idleSinceMs;
    if (this.state !== "sniffing" || this.client.readable > 0) return undefined;
    const silentMs = this.#context.platform.clock.now() - this.#startMs;
    return silentMs >= SILENCE_MS ? this.#startMs : undefined;
  }

  /** No slot: answer in the client's language and close. */
  refuse(why: "full" | "queue-timeout"): void {
    this.#guarded(() => {
      this.state = "answering";
      this.#why = why;
      this.#deadline.within(LINGER_TIMEOUT_MS);
      this.#tryAnswer();
    })();
  }

  /** Ends at once, with the reason that it has. */
  leave(): void {
    this.#end();
  }

  /** Delivers what has arrived and ends; whoever is not yet served is let go. */
  stop(): void {
    this.#guarded(() => {
      if (this.state === "streaming") {
        this.#owed = this.#backendSide!.readable;
        this.#finish("stopped");
      } else if (this.state === "http") {
        this.#http!.stop();
      } else if (this.state !== "finishing") {
        this.end("stopped");
      }
    })();
  }

  moved(endpoint: Endpoint): void {
    switch (this.state) {
      case "sniffing":
        this.#sniff();
        return;
      case "streaming":
        this.#pump();
        return;
      case "answering":
        this.#tryAnswer();
        return;
      case "finishing":
        this.#drain();
        return;
    }
    if (endpoint === this.client && this.client.deaf && this.client.readable === 0) {
      this.lost(endpoint);
    }
  }

  lost(endpoint: Endpoint): void {
    if (this.state === "finishing") {
      this.#drain();
    } else if (this.state === "streaming") {
      this.#finish(endpoint === this.client ? "client-closed" : "backend-closed");
    } else {
      if (this.state !== "answering") this.#why = "client-closed";
      this.#end();
    }
  }

  failed(error: unknown): void {
    const { report } = this.#context;
    report({ level: "E", on: "session", what: "exception", id: this.id, error: String(error) });
    this.#why = "error";
    this.#end();
  }

  // What the client speaks

  #sniff(): void {
    const { client } = this;
    const { scratch } = this.#context;
    if (client.readable === 0) return;
    const first = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
    client.read(first);
    const spoken = sniff(first);
    if (spoken === "http") {
      this.#serveHttp(first);
      return;
    }
    client.unread(first);
    if (spoken === "tcp" || client.deaf) this.#stream();
    else this.#deadline.within(SNIFF_TIMEOUT_MS);
  }

  #serveHttp(first?: Uint8Array): void {
    this.#deadline.cancel();
    this.state = "http";
    this.#http = new HttpConnection(this.#context, this);
    this.#http.begin(first);
  }

  /** For `HttpConnection`: all is said; what was written is delivered, then the client is let go. */
  finish({ lingers }: { lingers: boolean }): void {
    this.#http = undefined;
    this.client.owner = this;
    this.#lingers = lingers;
    this.#finish("done");
  }

  /** For `HttpConnection`: nothing is left to say, the client is gone or let go. */
  end(why: Ending): void {
    this.#why = why;
    this.#end();
  }

  /** For `HttpConnection`: the two have agreed to speak something else from here on. */
  tunnel(backend: Backend, backendSide: Endpoint): void {
    this.#http = undefined;
    this.client.owner = this;
    this.#spoken = true;
    this.#run(backend, backendSide);
  }

  // Raw TCP

  #stream(): void {
    this.#deadline.cancel();
    this.state = "dialling";
    const { clientKeywords, backendKeywords, group } = this.#context;
    this.#clientScan = clientKeywords?.scan();
    this.#backendScan = backendKeywords?.scan();
    this.#dial = new Dial(this.#context, this, group, { attemptsMax: group.backends.length });
    this.#dial.next();
  }

  connected(backend: Backend, endpoint: Endpoint): void {
    this.#context.checks.requestAnswered(backend);
    this.#askedMs = this.#context.platform.clock.now();
    this.#run(backend, endpoint);
  }

  unreachable(why: RawDialFailure): void {
    this.#finish(why);
  }

  #run(backend: Backend, backendSide: Endpoint): void {
    this.#backend = backend;
    this.#backendSide = backendSide;
    backendSide.owner = this;
    this.state = "streaming";
    const { idleTimeoutMs, tunnelTimeoutMs } = this.#context.config;
    this.#deadline.within(this.#spoken ? tunnelTimeoutMs : idleTimeoutMs);
    this.#pump();
  }

  #pump(): void {
    const { scratch, platform, config } = this.#context;
    const { client } = this;
    const backendSide = this.#backendSide!;
    const sent = pump(client, backendSide, scratch, this.#clientScan);
    if (this.#in === 0 && sent > 0) this.#askedMs = platform.clock.now();
    this.#in += sent;
    const received = pump(backendSide, client, scratch, this.#backendScan);
    if (this.#out === 0 && received > 0) {
      this.#dial?.answered(this.#backend!, platform.clock.now() - this.#askedMs);
    }
    this.#out += received;
    if (sent + received > 0) {
      this.#spoken = true;
      this.#deadline.within(config.tunnelTimeoutMs);
    }

    if (this.#clientScan?.found !== undefined || this.#backendScan?.found !== undefined) {
      this.#owed = this.#backendScan?.found === undefined ? backendSide.readable : 0;
      this.#finish("keyword");
    } else if (client.deaf && client.readable === 0) {
      this.#finish("client-closed");
    } else if (backendSide.deaf && backendSide.readable === 0) {
      this.#finish("backend-closed");
    }
  }

  // Answering

  #tryAnswer(): void {
    const { scratch } = this.#context;
    const { client } = this;
    // The room to answer is told after the bytes, be it in the same turn.
    if (client.readable === 0 || !client.connected) return;
    const piece = scratch.subarray(0, Math.min(client.readable, scratch.byteLength));
    client.read(piece);
    const spoken = this.#mode === "auto" ? sniff(piece) : this.#mode;
    if (spoken === undefined && !client.deaf) {
      client.unread(piece); // the beginning of a method and no more
      return;
    }
    if (spoken !== "http") {
      this.#end();
      return;
    }
    const head = new Head("request", this.#context.config);
    head.feed(piece);
    this.#status = 503;
    const reply = answerTo(head, 503);
    client.discard(scratch);
    if (reply.byteLength <= client.writable) {
      client.write(reply);
      this.#out += reply.byteLength;
    }
    this.state = "finishing";
    this.#lingers = true;
    this.#drain();
  }

  // Finishing

  #finish(why: Ending): void {
    this.state = "finishing";
    this.#why = why;
    this.#deadline.within(LINGER_TIMEOUT_MS);
    this.#drain();
  }

  /**
   * Brings both sides to a clean close: everything that had arrived is passed on, everything
   * written is acknowledged. What still comes in is read and dropped, because closing over unread
   * bytes makes the chip send a reset, which would overtake what we want delivered.
   */
  #drain(): void {
    const { scratch } = this.#context;
    const { client } = this;
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
    if (client.flushed && (!this.#lingers || client.deaf)) client.close();
    if (client.closed && (backendSide === undefined || backendSide.closed)) this.#end();
  }

  // The way out

  #end(): void {
    if (this.state === "ended") return;
    const spokeHttp = this.#http !== undefined || this.#why === "done";
    this.state = "ended";
    const { platform, report, pool } = this.#context;
    this.#deadline.cancel();
    this.#dial?.cancel();
    this.#http?.close();
    this.#backendSide?.close();
    if (this.#backend) pool.release(this.#backend);
    this.client.close();
    // HTTP has a line for each request.
    if (!spokeHttp || this.#why === "error") {
      report({
        level: this.#why === "error" ? "W" : "I",
        on: "session",
        what: "end",
        id: this.id,
        client: `${this.address.address}:${this.address.port}`,
        backend: this.#backend?.name,
        status: this.#status,
        in: this.#in,
        out: this.#out,
        ms: Math.round(platform.clock.now() - this.#startMs),
        why: this.#why,
      });
    }
    this.#context.ended(this);
  }

  /**
   * A stalled peer raises no event, and one that hung up goes unreported while its bytes wait unread:
   * without this such a session would hold its two sockets for ever.
   */
  #expired(): void {
    if (this.state === "sniffing" && this.client.readable > 0) {
      this.#stream(); // the beginning of a method, and no more of it
      return;
    }
    if (this.state === "sniffing") this.#why = "idle";
    if (this.state === "streaming") this.#why = this.#spoken ? "tunnel-timeout" : "idle";
    this.#end();
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
