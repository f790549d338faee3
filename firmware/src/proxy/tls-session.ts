import type { Backend } from "../backend/backend.ts";
import { type Ending, endingBy } from "../log/ending.ts";
import { REFUSAL_COUNTERS } from "../log/refusals.ts";
import type { WakeClient } from "../machines/wake-rules.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import { hasRoom } from "../net/memory-reserve.ts";
import { send } from "../net/send.ts";
import { type Hello, readHello } from "../net/tls-hello.ts";
import { type ConnectFailure, Connector, type ConnectorOwner } from "./connector.ts";
import { learnFromResponse } from "./feedback.ts";
import type { Handler, HandlerOwner, Summary, TlsStream } from "./handler.ts";

/** The first byte of an answer counts as this status does: the backend works. */
const ANSWERED = 200;

/** The session of a client that speaks TLS. */
export interface TlsOwner extends HandlerOwner {
  /** The first bytes were no hello: serves the client as raw TCP. */
  serveRaw(): void;
  /** A `TcpSession` moves all other bytes. `connector`: the backend has not answered yet. */
  stream(backend: Backend, backendSide: Endpoint, tls: TlsStream, connector?: Connector): void;
}

/** Why a connection is closed whose hello leads nowhere. */
type HelloRefusal = "bad-hello" | "hello-timeout" | "no-route" | "no-memory";

/**
 * A client that speaks TLS, until a backend has answered its hello; a `TcpSession` moves the rest. The hello stays at the
 * client's endpoint until then, so that another backend can get it where one closes without an answer.
 *
 * - `hello`: reads the hello
 * - `connecting`: waits for a backend to accept the connection
 * - `awaiting`: sends the hello, and waits for the first byte of the answer
 * - `over`: the session owns the client's endpoint again
 */
export class TlsSession implements Handler, EndpointOwner, ConnectorOwner {
  readonly session: TlsOwner;
  private state: "hello" | "connecting" | "awaiting" | "over" = "hello";
  private hello: Hello | undefined = undefined;
  private connector: Connector | undefined = undefined;
  private backend: Backend | undefined = undefined;
  private backendSide: Endpoint | undefined = undefined;
  /** Bytes of the hello that the backend got. */
  private sentBytes = 0;
  /** When it was connected. */
  declare private sentMs: number;
  /** How the last backend that did not answer has closed. */
  declare private lastEnding: Ending;
  /** Memory that is claimed for a copy of the hello. */
  private claimedBytes = 0;

  constructor(session: TlsOwner) {
    session.clientSide.owner = this;
    this.session = session;
  }

  /** Reads what has arrived of the hello; its first byte came at `firstByteMs`. */
  begin(firstByteMs: number, nowMs: number): void {
    const session = this.session;
    session.setDeadline(firstByteMs + session.context.config.headTimeoutMs - nowMs, nowMs);
    this.read();
  }

  get summary(): Summary {
    return { protocol: "tls", backend: this.backend?.name, out: 0, tls: this.tls };
  }

  onReady(endpoint: Endpoint): void {
    if (this.state === "hello") {
      this.read();
    } else if (endpoint !== this.session.clientSide) {
      this.moveOn(endpoint);
    } else if (
      endpoint.state === "peer-closed" ||
      (endpoint.state === "peer-ended" && this.connector?.isHeld)
    ) {
      this.session.end(endingBy(true, endpoint.failure));
    }
  }

  connected(backend: Backend, endpoint: Endpoint): void {
    const session = this.session;
    const context = session.context;
    this.backend = backend;
    this.backendSide = endpoint;
    this.sentBytes = 0;
    this.sentMs = context.clock.now();
    if (this.hello!.hasEarlyData) {
      this.stream(this.connector); // what follows the hello must not be sent twice, so all of it passes at once
      return;
    }
    this.state = "awaiting";
    endpoint.owner = this;
    session.setDeadline(context.config.responseTimeoutMs, this.sentMs);
    this.moveOn(endpoint);
  }

  unreachable(why: ConnectFailure): void {
    if (why === "unanswered") this.closeAfter(this.lastEnding);
    else this.closeAfter(why as Exclude<typeof why, "waking">); // TLS has no page
  }

  get wakeClient(): WakeClient {
    const { address, id } = this.session.client;
    return { protocol: "tls", id, address, serverName: this.hello!.serverName };
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }

  expired(): void {
    if (this.state === "hello") this.refuse("hello-timeout");
    if (this.state !== "awaiting") return; // the connector has a deadline of its own
    this.session.context.checks.requestFailed(this.backend!, "L7TOUT");
    this.closeAfter("response-timeout");
  }

  /** Frees the memory of both connections at once. */
  shed(): void {
    if (this.backendSide !== undefined) this.backendSide.resets = true;
  }

  stop(): void {
    this.closeAfter("stopped");
  }

  close(): void {
    this.state = "over";
    this.connector?.cancel();
    this.leaveBackend();
    this.unclaim();
  }

  // The hello

  private read(): void {
    const session = this.session;
    const clientSide = session.clientSide;
    const bytes = this.look();
    const hello = bytes === undefined ? "no-memory" : readHello(bytes);
    if (typeof hello === "object") {
      this.route(hello);
    } else if (hello === "more") {
      if (clientSide.peerEnded) session.end(endingBy(true, clientSide.failure));
    } else if (hello === "not-tls" && session.client.listener.mode === "auto") {
      this.unclaim();
      session.serveRaw();
    } else {
      this.refuse(hello === "no-memory" ? hello : "bad-hello");
    }
  }

  /** The bytes that wait, all that may be of a hello; `undefined` where the board has no memory for a copy of them. */
  private look(): Uint8Array | undefined {
    const context = this.session.context;
    const clientSide = this.session.clientSide;
    const bytes = clientSide.look(context.tlsRoutes!.buffer);
    const copied = clientSide.aheadBytes;
    if (copied === this.claimedBytes) return bytes;
    this.unclaim();
    if (!context.heads.claim(copied)) return undefined;
    this.claimedBytes = copied;
    return bytes;
  }

  private unclaim(): void {
    this.session.context.heads.unclaim(this.claimedBytes);
    this.claimedBytes = 0;
  }

  private route(hello: Hello): void {
    const session = this.session;
    const context = session.context;
    this.hello = hello;
    const group = context.tlsRoutes!.route(hello.serverName);
    if (group === undefined) {
      this.refuse("no-route");
      return;
    }
    context.traffic.tlsSessions++;
    this.state = "connecting";
    const sticky = context.stickTable?.get(session.client.hash, group);
    this.connector = new Connector(this, group, context.retryLimits, sticky);
    this.connector.connect();
  }

  private refuse(why: HelloRefusal): void {
    this.session.context.admission.refusals[REFUSAL_COUNTERS[why]]++;
    this.closeAfter(why);
  }

  // The answer

  /** Sends the hello as far as there is room, and looks for an answer. */
  private moveOn(backendSide: Endpoint): void {
    if (this.state !== "awaiting") return;
    if (backendSide.readable > 0) {
      this.answered();
    } else if (backendSide.ended) {
      this.unanswered(backendSide);
    } else if (this.sentBytes < this.hello!.bytes) {
      const end = this.hello!.bytes;
      const bytes = this.look();
      if (bytes === undefined) {
        this.refuse("no-memory"); // more has arrived behind the hello, and is copied with it
        return;
      }
      const rest = send(backendSide, bytes.subarray(this.sentBytes, end));
      this.sentBytes = rest === undefined ? end : end - rest.byteLength;
    }
  }

  private answered(): void {
    const session = this.session;
    const context = session.context;
    const { group } = this.connector!;
    const nowMs = context.clock.now();
    learnFromResponse(context, this.backend!, group, session.client, this.sentMs, nowMs, ANSWERED);
    session.clientSide.skip(this.sentBytes, context.scratch);
    this.stream();
  }

  /** The backend has closed or reset instead of answering: another one gets the hello. */
  private unanswered(backendSide: Endpoint): void {
    const context = this.session.context;
    const { failure } = backendSide;
    // The SDK's sockets do not tell.
    const isShort = failure === undefined ? !hasRoom(context.platform, 0) : failure === "memory";
    if (!isShort) context.checks.requestFailed(this.backend!, "L7RSP");
    this.lastEnding = endingBy(false, failure);
    this.leaveBackend();
    this.state = "connecting";
    this.connector!.connect("unanswered");
  }

  /** A `TcpSession` moves all other bytes. `connector`: the backend has not answered yet. */
  private stream(connector?: Connector): void {
    const { backend, backendSide, session } = this;
    const { tls } = this;
    this.state = "over";
    this.backend = this.backendSide = this.connector = undefined;
    this.unclaim();
    session.stream(backend!, backendSide!, tls, connector);
  }

  private get tls(): TlsStream {
    const retries = Math.max(0, (this.connector?.attempts ?? 0) - 1);
    return { hello: this.hello, sentBytes: this.sentBytes, retries };
  }

  private leaveBackend(): void {
    const { backend, backendSide } = this;
    if (backend === undefined) return;
    this.backend = this.backendSide = undefined;
    backendSide!.close();
    this.session.context.pool.release(backend);
  }

  private closeAfter(why: Ending): void {
    const { backendSide, session } = this;
    this.state = "over";
    this.connector?.cancel();
    if (why === "backend-reset") session.clientSide.resets = true;
    session.closeAfter(why, { backendSide });
  }
}
