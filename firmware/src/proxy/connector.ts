import type { Backend } from "../backend/backend.ts";
import type { Refusals } from "../log/refusals.ts";
import { Endpoint, type EndpointOwner } from "../net/endpoint.ts";
import { proxyHeader } from "../net/proxy-protocol.ts";
import type { Cancel } from "../platform.ts";
import type { Group, PickInput } from "../pool/group.ts";
import type { Waiter } from "../pool/pool.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";

/**
 * Why no backend took the connection: the last one tried refused, took it and hung up unheard
 * (`unanswered`), or did not answer in time, the board had no socket, no backend is available, all that
 * are serve as many as they may and the queue is full, or it took too long.
 */
export type ConnectFailure =
  | "refused"
  | "unanswered"
  | "connect-timeout"
  | "no-socket"
  | "no-backend"
  | "full"
  | "queue-timeout";

/** What counts as a refusal; the others are failures of a backend. */
const REFUSAL: Partial<Record<ConnectFailure, keyof Refusals>> = Object.freeze({
  full: "full",
  "queue-timeout": "queueTimeout",
  "no-socket": "noSocket",
  "no-backend": "noBackend",
});

/** Who dials, and hears how it ended. Exactly one of `connected` and `unreachable` is called, once. */
export interface ConnectorOwner {
  readonly client: ClientInfo;
  /** `reused`: the connection had waited for a request. */
  connected(backend: Backend, endpoint: Endpoint, reused: boolean): void;
  unreachable(why: ConnectFailure): void;
  failed(error: unknown): void;
}

/** Pause before the board's own lack of a socket is tried again; a close takes a round trip. */
const SOCKET_RETRY_MS = 50;

/** How far a dial may go. */
export interface ConnectLimits {
  readonly attemptsMax: number;
  /** No attempt begins or lasts longer after the first one began. */
  readonly withinMs?: number;
}

/**
 * Looks for a backend that takes the connection: one after the other, none twice. Where all serve as
 * many as they may, it waits for one. Whoever dials holds the backend from the pick on, and gives it
 * back with `pool.release`.
 */
export class Connector implements EndpointOwner, PickInput, Waiter {
  tried = 0;
  /** Connections that were asked for; one that waited is no attempt. */
  attempts = 0;
  /** How long it waited for a backend with room. */
  queuedMs = 0;
  sticky: Backend | undefined;
  private context: ProxyContext;
  private owner: ConnectorOwner;
  private group: Group;
  private attemptsMax: number;
  private withinMs: number;
  private deadlineMs = Number.POSITIVE_INFINITY;
  private requestSentMs = 0;
  private backend: Backend | undefined;
  private endpoint: Endpoint | undefined;
  private timeout: Cancel | undefined;
  declare private retry: Cancel | undefined;
  declare private place: { reuse: boolean; why: ConnectFailure; sinceMs: number } | undefined;

  constructor(
    context: ProxyContext,
    owner: ConnectorOwner,
    group: Group,
    { attemptsMax, withinMs = Number.POSITIVE_INFINITY }: ConnectLimits,
  ) {
    this.context = context;
    this.owner = owner;
    this.group = group;
    this.attemptsMax = attemptsMax;
    this.withinMs = withinMs;
    this.sticky = context.stickTable?.get(owner.client.hash, group);
  }

  get client(): number {
    return this.owner.client.hash;
  }

  /** It waits for a backend with room. */
  get queued(): boolean {
    return this.place !== undefined;
  }

  /**
   * The next backend that was not tried. With `reuse`, an idle connection to it serves at once; then
   * the backend does not count as tried, because a connection that waited may die without fault.
   */
  next(reuse = false, why: ConnectFailure = "no-backend"): void {
    const more = this.attempts < this.attemptsMax && this.now() < this.deadlineMs;
    // Who waits already goes before who comes now.
    const choice = more ? (this.context.pool.waking ? "full" : this.pick()) : undefined;
    if (choice === undefined) this.fail(why);
    else if (choice === "full") this.wait(reuse, why);
    else this.go(choice, reuse);
  }

  /** Forgets it all; the owner hears nothing. */
  cancel(): void {
    this.clear();
    this.endpoint?.close();
    this.endpoint = undefined;
    if (this.backend) this.context.pool.release(this.backend);
    this.backend = undefined;
  }

  /** The backend that was dialled has been asked now: what it takes from here on is its own. */
  requestSent(): void {
    this.requestSentMs = this.now();
  }

  /** It began its answer. */
  answered(backend: Backend, status = 200): void {
    const { checks, stickTable } = this.context;
    const nowMs = this.now();
    const ms = nowMs - this.requestSentMs;
    stickTable?.set(this.client, this.group, backend);
    if (status >= 500) {
      // Nor is it a time to remember: a backend that fails quickly would look like the best.
      checks.requestFailed(backend, `L7STS/${status}`);
      return;
    }
    backend.latency.observe(ms, nowMs);
    this.group.strategy.answered?.(backend, ms);
    checks.requestAnswered(backend);
  }

  /** There may be a backend with room. */
  wake(): void {
    const queued = this.place;
    if (queued === undefined) return;
    this.guarded(() => {
      const choice = this.pick();
      if (choice === "full") return;
      this.clear();
      if (choice === undefined) this.fail(queued.why);
      else this.go(choice, queued.reuse);
    });
  }

  /**
   * Bytes of the peer tell, too, that the connection stands: where its end arrives in the same turn, the
   * chip never says that it could be written to.
   */
  moved(endpoint: Endpoint): void {
    if (endpoint.connected || endpoint.readable > 0) this.connected(endpoint, false);
  }

  lost(): void {
    this.missed("refused");
  }

  failed(error: unknown): void {
    this.owner.failed(error);
  }

  private now(): number {
    return this.context.platform.clock.now();
  }

  private pick(): Backend | "full" | undefined {
    const { explain } = this.context;
    if (explain.picksLeft === 0) return this.group.pick(this);
    return explain.pick(this.group, this, this.owner.client.id);
  }

  private wait(reuse: boolean, why: ConnectFailure): void {
    const { pool, config } = this.context;
    if (pool.waiting >= config.queueMax) {
      this.fail("full");
      return;
    }
    this.place = { reuse, why, sinceMs: this.now() };
    pool.wait(this);
    this.timeout = this.after(config.queueTimeoutMs, () => this.giveUp("queue-timeout"));
  }

  private go(backend: Backend, reuse: boolean): void {
    const { pool, idle, config, backendConnectionsMax } = this.context;
    this.backend = backend;
    pool.acquire(backend);
    const kept = reuse ? idle.take(backend) : undefined;
    if (kept !== undefined) {
      this.connected(kept, true);
      return;
    }
    if (this.attempts === 0) this.deadlineMs = this.now() + this.withinMs;
    this.attempts++;
    this.tried |= 1 << backend.index;
    idle.shrink(backendConnectionsMax - pool.connections);
    // Those that wait take places, too, of as many as it serves at once.
    if (backend.maxSessions < Number.POSITIVE_INFINITY) {
      idle.shrinkTo(backend, backend.maxSessions - backend.sessions);
    }
    const leftMs = this.deadlineMs - this.now();
    this.timeout = this.after(Math.min(config.connectTimeoutMs, leftMs), () => {
      if (this.endpoint) this.missed("connect-timeout");
      else this.giveUp("no-socket");
    });
    this.open(backend);
  }

  private open(backend: Backend): void {
    try {
      this.endpoint = new Endpoint(this.context.platform, backend, this);
    } catch {
      // Not the backend's fault: newcomers hold the sockets for a moment, or the Wi-Fi is away. The
      // connect timeout bounds how often this is tried.
      this.retry = this.after(SOCKET_RETRY_MS, () => this.open(backend));
    }
  }

  private connected(endpoint: Endpoint, reused: boolean): void {
    this.clear();
    const backend = this.backend!;
    this.backend = undefined;
    this.endpoint = undefined;
    if (!reused && backend.proxyProtocol !== "none") {
      const { client } = this.owner;
      const { address } = this.context.platform.link;
      const { port } = client.listener;
      const destination = address === undefined ? undefined : { address, port };
      endpoint.write(proxyHeader(backend.proxyProtocol, client, destination));
    }
    this.owner.connected(backend, endpoint, reused);
  }

  private missed(why: "refused" | "connect-timeout"): void {
    const backend = this.backend!;
    const refused = why === "refused";
    this.context.report({
      level: "W",
      on: "backend",
      what: "connect-failed",
      name: backend.name,
      id: this.owner.client.id,
      why: refused ? "refused" : "timeout",
    });
    this.context.checks.requestFailed(backend, refused ? "L4CON" : "L4TOUT");
    this.cancel();
    this.next(false, why);
  }

  private giveUp(why: ConnectFailure): void {
    this.cancel();
    this.fail(why);
  }

  private fail(why: ConnectFailure): void {
    const refusal = REFUSAL[why];
    if (refusal !== undefined) this.context.refusals[refusal]++;
    this.owner.unreachable(why);
  }

  private clear(): void {
    this.timeout?.();
    this.timeout = undefined;
    if (this.retry !== undefined) {
      this.retry();
      this.retry = undefined;
    }
    if (this.place === undefined) return;
    this.queuedMs += this.now() - this.place.sinceMs;
    this.place = undefined;
    this.context.pool.stopWaiting(this);
  }

  private after(ms: number, task: () => void): Cancel {
    return this.context.platform.clock.after(ms, () => this.guarded(task));
  }

  private guarded(task: () => void): void {
    try {
      task();
    } catch (error) {
      this.owner.failed(error);
    }
  }
}
