import { seeded } from "net-mock-socket";
import { Backend } from "../backend/backend.ts";
import type { StrategyName } from "../config/settings.ts";
import { STRATEGIES } from "./strategies.ts";
import type { Strategy } from "./strategy.ts";

const RULES = { rise: 2, fall: 3, start: "up", ejectAfter: 0, slowStartMs: 0 } as const;

/** Backends a, b, c and so on with these weights, nothing going on with them. */
export function backendsOf(...weights: number[]): Backend[] {
  return weights.map((weight, index) => {
    const name = index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
    const settings = {
      name,
      address: `10.0.0.${index + 1}`,
      port: 80,
      weight,
      backup: false,
      maxSessions: undefined,
      state: "ready",
      keepAlive: undefined,
      settleMs: 0,
      proxyProtocol: "none",
    } as const;
    return new Backend(index, settings, RULES);
  });
}

/** A strategy, backends, and a clock that goes when the test says so. */
export class StrategyBench {
  nowMs = 0;
  readonly backends: Backend[];
  readonly strategy: Strategy;

  constructor(name: StrategyName, weights: readonly number[], seed = 1) {
    this.backends = backendsOf(...weights);
    const clock = { now: () => this.nowMs };
    this.strategy = STRATEGIES[name]({ clock, random: seeded(seed) });
  }

  /** Picks and opens a session, as a pool does. */
  open(candidates: readonly Backend[] = this.backends, client = 0): Backend {
    const backend = this.strategy.pick(candidates, client)!;
    backend.sessions++;
    return backend;
  }

  /** A session ends as soon as its answer has begun, `ms` after it was opened. */
  answer(backend: Backend, ms: number): void {
    backend.latency.observe(ms, this.nowMs);
    this.strategy.answered?.(backend, ms);
    backend.sessions--;
  }

  /** One request that nothing else is going on beside. */
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
