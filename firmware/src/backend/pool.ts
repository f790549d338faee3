import type { Strategy } from "../balancer/strategy.ts";
import { Backend, type BackendAddress } from "./backend.ts";

/** Backends that a pool may hold: a session remembers those it tried in the bits of one integer. */
export const BACKENDS_MAX = 32;

/** Backends that serve the same, and who of them is next. */
export class Group {
  readonly backends: readonly Backend[];
  #strategy: Strategy;
  /** Filled anew by each pick, so that a pick allocates nothing. */
  #candidates: Backend[] = [];

  constructor(backends: readonly Backend[], strategy: Strategy) {
    this.backends = backends;
    this.#strategy = strategy;
  }

  /**
   * The next backend for a session, never one whose bit is set in `tried`; `undefined` when none is
   * left.
   */
  pick(tried: number): Backend | undefined {
    const candidates = this.#candidates;
    candidates.length = 0;
    for (const backend of this.backends) {
      if ((tried & (1 << backend.index)) === 0) candidates.push(backend);
    }
    return this.#strategy.pick(candidates);
  }
}

/** All backends. */
export class Pool {
  readonly backends: readonly Backend[];
  /** Connections that sessions hold to backends, those still being made included. */
  connections = 0;

  constructor(addresses: readonly BackendAddress[]) {
    this.backends = addresses.map((address, index) => new Backend(index, address));
  }

  /** A session has picked `backend` and goes to connect to it. */
  acquire(backend: Backend): void {
    backend.sessions++;
    backend.sessionsTotal++;
    this.connections++;
  }

  /** The session has left it. */
  release(backend: Backend): void {
    backend.sessions--;
    this.connections--;
  }
}
