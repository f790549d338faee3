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

/** A place for an idle connection. */
interface Place {
  backend: Backend | undefined;
  endpoint: Endpoint | undefined;
  sinceMs: number;
}

/** Idle connections to backends, kept for the next request. */
export class IdleConnections implements EndpointOwner {
  #clock: Clock;
  #report: Report;
  /** The first `count` are taken, the longest idle first. The others wait for the next: so to keep a connection allocates nothing. */
  private places: Place[] = [];
  /** Connections that are kept. Only changed here. */
  count = 0;
  #alarm: Cancel | undefined;
  #retired = false;
  /** Not every connection is kept: some may be to an address that its backend no longer has, or all are retired. */
  #mayRefuse: boolean;
  readonly ignoresRoom = true;

  /** `hasNames`: a backend has a host name, whose addresses may change. */
  constructor(clock: Clock, report: Report, hasNames = false) {
    this.#clock = clock;
    this.#report = report;
    this.#mayRefuse = hasNames;
  }

  put(backend: Backend, endpoint: Endpoint): void {
    if (this.#mayRefuse && (this.#retired || isGone(backend, endpoint))) {
      endpoint.close();
      return;
    }
    endpoint.owner = this;
    const sinceMs = this.#clock.now();
    const { count } = this;
    this.count = count + 1;
    const place = this.places[count];
    if (place === undefined) {
      this.places[count] = { backend, endpoint, sinceMs };
    } else {
      place.backend = backend;
      place.endpoint = endpoint;
      place.sinceMs = sinceMs;
    }
    if (this.#alarm === undefined) this.watch(sinceMs);
  }

  /** The connection to `backend` that was used last. */
  take(backend: Backend): Endpoint | undefined {
    const places = this.places;
    for (let at = this.count - 1; at >= 0; at--) {
      // The timer stays set: most connections return in time, and setting it anew costs 2 % of a request.
      if (places[at].backend === backend) return this.remove(at);
    }
    return undefined;
  }

  /** Closes the longest idle connections, of `backend` or of all, until at most `countMax` are left. */
  shrink(countMax: number, backend?: Backend): void {
    let surplus = this.countOf(backend) - Math.max(0, countMax);
    for (let at = 0; at < this.count && surplus > 0; ) {
      if (backend !== undefined && this.places[at].backend !== backend) {
        at++;
        continue;
      }
      surplus--;
      this.remove(at).close();
    }
    this.rest();
  }

  /** Closes all, and every connection put here later: the next configuration has its own idle connections. */
  retire(): void {
    this.#retired = this.#mayRefuse = true;
    this.shrink(0);
  }

  /** Closes the connections to addresses that `backend` no longer has. */
  closeGone(backend: Backend): void {
    for (let at = 0; at < this.count; ) {
      const place = this.places[at];
      if (place.backend === backend && isGone(backend, place.endpoint!)) this.remove(at).close();
      else at++;
    }
    this.rest();
  }

  /** Unsolicited bytes belong to no request (response desynchronization): they end the connection, too. */
  onReady(endpoint: Endpoint): void {
    if (endpoint.readable === 0 && !endpoint.peerEnded) return;
    const at = this.places.findIndex(place => place.endpoint === endpoint);
    if (at >= 0) this.remove(at);
    this.rest();
    endpoint.close();
  }

  failed(error: unknown): void {
    this.#report({ level: "E", on: "proxy", what: "exception", error: exceptionText(error) });
  }

  private countOf(backend: Backend | undefined): number {
    if (backend === undefined) return this.count;
    let count = 0;
    for (let at = 0; at < this.count; at++) if (this.places[at].backend === backend) count++;
    return count;
  }

  /** Removes a connection; its place is the first free one then. No `#remove`: such a call costs 8 instructions more. */
  private remove(at: number): Endpoint {
    const places = this.places;
    const place = places[at];
    const last = --this.count;
    for (let i = at; i < last; i++) places[i] = places[i + 1];
    places[last] = place;
    const { endpoint } = place;
    place.backend = place.endpoint = undefined;
    return endpoint!;
  }

  /** Cancels the timer when no connection is left. */
  private rest(): void {
    if (this.count > 0) return;
    this.#alarm?.();
    this.#alarm = undefined;
  }

  /** One timer for all: connections expire in the order in which they were put here. */
  private watch(nowMs: number): void {
    if (this.count === 0) return;
    const leftMs = this.places[0].sinceMs + IDLE_TIMEOUT_MS - nowMs;
    this.#alarm = this.#clock.after(Math.max(0, leftMs), () => {
      this.#alarm = undefined;
      const now = this.#clock.now();
      let old = 0;
      while (old < this.count && this.places[old].sinceMs + IDLE_TIMEOUT_MS <= now) old++;
      this.shrink(this.count - old);
      this.watch(now);
    });
  }
}

/** `endpoint` is a connection to an address that `backend` had, and that DNS no longer names. */
function isGone({ host }: Backend, endpoint: Endpoint): boolean {
  return host !== undefined && !host.addresses.includes(endpoint.address().address);
}
