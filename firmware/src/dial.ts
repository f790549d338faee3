import type { Report } from "./admin/event.ts";
import type { Backend } from "./backend/backend.ts";
import type { IdleConnections } from "./backend/idle.ts";
import type { Group, Pool } from "./backend/pool.ts";
import type { Config } from "./config.ts";
import { Endpoint, type EndpointOwner } from "./endpoint.ts";
import type { Cancel, Platform } from "./platform.ts";

/** What dialling needs of a proxy. */
export interface DialContext {
  readonly platform: Platform;
  readonly config: Config;
  readonly pool: Pool;
  readonly idle: IdleConnections;
  /** Connections to backends at once, idle ones included. */
  readonly backendConnectionsMax: number;
  readonly report: Report;
}

/** Why no backend took the connection. */
export type DialFailure = "refused" | "connect-timeout" | "no-socket";

/** Who dials, and hears how it ended. Exactly one of the two is called, once. */
export interface Dialler {
  readonly id: number;
  /** `reused`: the connection had waited for a request. */
  connected(backend: Backend, endpoint: Endpoint, reused: boolean): void;
  unreachable(why: DialFailure): void;
  failed(error: unknown): void;
}

/** Pause before the board's own lack of a socket is tried again; a close takes a round trip. */
const SOCKET_RETRY_MS = 50;

/**
 * Looks for a backend that takes the connection: one after the other, none twice. Whoever dials holds
 * the backend from the pick on, and gives it back with `pool.release`.
 */
export class Dial implements EndpointOwner {
  /** One bit for each backend tried, by its index. */
  tried = 0;
  /** Connections that were asked for; one that waited is no attempt. */
  attempts = 0;
  /** No attempt begins or lasts beyond it. */
  deadlineMs = Number.POSITIVE_INFINITY;
  #context: DialContext;
  #dialler: Dialler;
  #group: Group;
  #attemptsMax: number;
  #backend: Backend | undefined;
  #endpoint: Endpoint | undefined;
  #timeout: Cancel | undefined;
  #retry: Cancel | undefined;

  /** Gives up after `attemptsMax` attempts, or when no backend is left. */
  constructor(context: DialContext, dialler: Dialler, group: Group, attemptsMax: number) {
    this.#context = context;
    this.#dialler = dialler;
    this.#group = group;
    this.#attemptsMax = attemptsMax;
  }

  /**
   * The next backend that was not tried. With `reuse`, an idle connection to it serves at once; then
   * the backend does not count as tried, because a connection that waited may die without fault.
   */
  next(reuse = false, why: DialFailure = "refused"): void {
    const { pool, idle, config, platform, backendConnectionsMax } = this.#context;
    const leftMs = this.deadlineMs - platform.clock.now();
    const more = this.attempts < this.#attemptsMax && leftMs > 0;
    const backend = more ? this.#group.pick(this.tried) : undefined;
    if (backend === undefined) {
      this.#dialler.unreachable(why);
      return;
    }
    this.#backend = backend;
    pool.acquire(backend);
    const kept = reuse ? idle.take(backend) : undefined;
    if (kept !== undefined) {
      this.#connected(kept, true);
      return;
    }
    this.attempts++;
    this.tried |= 1 << backend.index;
    idle.shrink(backendConnectionsMax - pool.connections);
    this.#timeout = this.#after(Math.min(config.connectTimeoutMs, leftMs), () => {
      if (this.#endpoint) this.#failed("connect-timeout");
      else this.#giveUp("no-socket");
    });
    this.#open(backend);
  }

  /** Forgets it all; the dialler hears nothing. */
  cancel(): void {
    this.#clear();
    this.#endpoint?.close();
    this.#endpoint = undefined;
    if (this.#backend) this.#context.pool.release(this.#backend);
    this.#backend = undefined;
  }

  moved(endpoint: Endpoint): void {
    if (endpoint.connected) this.#connected(endpoint, false);
  }

  lost(): void {
    this.#failed("refused");
  }

  failed(error: unknown): void {
    this.#dialler.failed(error);
  }

  #open(backend: Backend): void {
    try {
      this.#endpoint = new Endpoint(this.#context.platform, backend, this);
    } catch {
      // Not the backend's fault: newcomers hold the sockets for a moment, or the Wi-Fi is away. The
      // connect timeout bounds how often this is tried.
      this.#retry = this.#after(SOCKET_RETRY_MS, () => this.#open(backend));
    }
  }

  #connected(endpoint: Endpoint, reused: boolean): void {
    this.#clear();
    const backend = this.#backend!;
    this.#backend = undefined;
    this.#endpoint = undefined;
    this.#dialler.connected(backend, endpoint, reused);
  }

  #failed(why: DialFailure): void {
    this.#context.report({
      level: "W",
      on: "backend",
      what: "connect",
      name: this.#backend!.name,
      id: this.#dialler.id,
      why: why === "refused" ? "refused" : "timeout",
    });
    this.cancel();
    this.next(false, why);
  }

  #giveUp(why: DialFailure): void {
    this.cancel();
    this.#dialler.unreachable(why);
  }

  #clear(): void {
    this.#timeout?.();
    this.#retry?.();
    this.#timeout = this.#retry = undefined;
  }

  #after(ms: number, task: () => void): Cancel {
    return this.#context.platform.clock.after(ms, () => {
      try {
        task();
      } catch (error) {
        this.#dialler.failed(error);
      }
    });
  }
}
