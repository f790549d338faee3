import { seeded } from "net-mock-socket";
import type { Backend } from "../backend/backend.ts";
import { backendAt } from "../backend/testing.ts";
import type { StrategyName } from "../config/settings.ts";
import { STRATEGIES } from "./strategies.ts";
import type { Strategy } from "./strategy.ts";

/** Idle backends a, b, c, … of these weights. */
export function backendsOf(...weights: number[]): Backend[] {
  return weights.map((weight, index) => backendAt(index, { weight }));
}

/** A strategy, backends, and a clock that advances only when the test sets it. */
export class StrategyBench {
  nowMs = 0;
  readonly backends: Backend[];
  readonly strategy: Strategy;

  constructor(name: StrategyName, weights: readonly number[], seed = 1) {
    this.backends = backendsOf(...weights);
    this.strategy = STRATEGIES[name](seeded(seed));
  }

  get sessions(): number[] {
    return this.backends.map(({ counters }) => counters.sessions);
  }

  /** Sets the sessions of each backend. */
  set sessions(counts: readonly number[]) {
    for (const [index, { counters }] of this.backends.entries()) counters.sessions = counts[index];
  }

  score(backend: Backend, client = 0): number {
    return this.strategy.score(backend, client, this.nowMs);
  }

  /** Picks and opens a session, as a pool does. */
  open(candidates: readonly Backend[] = this.backends, client = 0): Backend {
    const backend = this.strategy.pick(candidates, client, this.nowMs)!;
    backend.counters.sessions++;
    return backend;
  }

  /** The backend responds `ms` after a session was opened, which ends it. */
  answer(backend: Backend, ms: number): void {
    backend.latency.observe(ms, this.nowMs);
    this.strategy.answered?.(backend, ms, this.nowMs);
    backend.counters.sessions--;
  }

  /** One request, from the pick to the response. */
  request(answerMs: (backend: Backend) => number, candidates = this.backends, client = 0): Backend {
    const backend = this.open(candidates, client);
    const ms = answerMs(backend);
    this.nowMs += ms;
    this.answer(backend, ms);
    return backend;
  }
}

/** How many of `picked` each backend is, by its index. */
export function countsOf(picked: readonly Backend[], backends: readonly Backend[]): number[] {
  return backends.map(backend => picked.filter(one => one === backend).length);
}

/** Names in a row. */
export function namesOf(picked: readonly (Backend | undefined)[]): string {
  return picked.map(backend => backend?.name ?? "-").join(" ");
}

/** The result of each of `count` calls. */
export function times<T>(count: number, call: (turn: number) => T): T[] {
  return Array.from({ length: count }, (_, turn) => call(turn));
}

/**
 * How far a count of `runs` independent events of probability `share` strays at most: four standard
 * deviations, which one in 16,000 samples exceeds. Seeds make it the same sample every time.
 */
export function spread(runs: number, share: number): number {
  return 4 * Math.sqrt(runs * share * (1 - share));
}
