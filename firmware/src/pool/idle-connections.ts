import type { Backend } from "../backend/backend.ts";
import type { Report } from "../log/event.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";
import type { Cancel, Clock } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";

/**
 * How long a connection to a backend is kept without a request. Shorter than the 5 s of a Node server, so that no
 * request is sent to a connection that the server is just closing.
 */
const IDLE_TIMEOUT_MS = 4000;

interface Kept {
  readonly backend: Backend;
  readonly endpoint: Endpoint;
  readonly sinceMs: number;
}

/** Idle connections to backends, kept for the next request; the longest idle first. */
export class IdleConnections implements EndpointOwner {
  #clock: Clock;
  #report: Report;
  #kept: Kept[] = [];
  #alarm: Cancel | undefined;
  #retired = false;

  constructor(clock: Clock, report: Report) {
    this.#clock = clock;
    this.#report = report;
  }

  get count(): number {
    return this.#kept.length;
  }

  put(backend: Backend, endpoint: Endpoint): void {
    if (this.#retired) {
      endpoint.close();
      return;
    }
    endpoint.owner = this;
    this.#kept.push({ backend, endpoint, sinceMs: this.#clock.now() });
    this.#watch();
  }

  /** The connection to `backend` that was used last. */
  take(backend: Backend): Endpoint | undefined {
    for (let i = this.#kept.length - 1; i >= 0; i--) {
      // The timer stays set: most connections return in time, and setting it anew costs 2 % of a request.
      if (this.#kept[i].backend === backend) return this.#kept.splice(i, 1)[0].endpoint;
    }
    return undefined;
  }

  /** Closes the longest idle connections, of `backend` or of all, until at most `countMax` are left. */
  shrink(countMax: number, backend?: Backend): void {
    const own = backend ? this.#kept.filter(kept => kept.backend === backend) : this.#kept;
    const surplus = own.length - Math.max(0, countMax);
    for (let i = 0; i < surplus; i++) this.#drop(own[i].endpoint);
    this.#rest();
  }

  /** Closes all, and every connection put here later: the next configuration has its own idle connections. */
  retire(): void {
    this.#retired = true;
    this.shrink(0);
  }

  /** Unsolicited bytes belong to no request (response desynchronization): they end the connection, too. */
  onReady(endpoint: Endpoint): void {
    if (endpoint.readable > 0 || endpoint.ended) this.#drop(endpoint);
  }

  failed(error: unknown): void {
    this.#report({ level: "E", on: "proxy", what: "exception", error: exceptionText(error) });
  }

  #drop(endpoint: Endpoint): void {
    this.#kept = this.#kept.filter(kept => kept.endpoint !== endpoint);
    this.#rest();
    endpoint.close();
  }

  /** Cancels the timer when no connection is left. */
  #rest(): void {
    if (this.#kept.length > 0) return;
    this.#alarm?.();
    this.#alarm = undefined;
  }

  /** One timer for all: connections expire in the order in which they were put here. */
  #watch(): void {
    if (this.#alarm !== undefined || this.#kept.length === 0) return;
    const leftMs = this.#kept[0].sinceMs + IDLE_TIMEOUT_MS - this.#clock.now();
    this.#alarm = this.#clock.after(Math.max(0, leftMs), () => {
      this.#alarm = undefined;
      const now = this.#clock.now();
      const old = this.#kept.filter(({ sinceMs }) => sinceMs + IDLE_TIMEOUT_MS <= now).length;
      this.shrink(this.#kept.length - old);
      this.#watch();
    });
  }
}
