import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Smooth weighted round robin (nginx, ngx_http_upstream_round_robin.c): weights 5, 1, 1 give `a a b a c a a`, never
 * five `a` in a row. In each round every candidate earns its weight as credit; the one with the most credit is picked
 * and pays what all have earned.
 *
 * While the candidates stay the same, their credits sum to zero after each round, and any run of as many picks as the
 * sum of the weights contains each backend exactly `weight` times.
 */
export class WeightedRoundRobin implements Strategy {
  #credits = new Float64Array(BACKENDS_MAX);
  #round = 0;
  #richest: Backend | undefined;

  pick(candidates: readonly Backend[]): Backend | undefined {
    for (let at = 0; at < candidates.length; at++) this.offer(candidates[at]);
    return this.take();
  }

  /** Adds a candidate for the next `take`; at equal credit the first one offered wins. */
  offer(backend: Backend): void {
    const index = backend.index;
    const richest = this.#richest;
    this.#credits[index] += backend.effectiveWeight;
    this.#round += backend.effectiveWeight;
    if (richest === undefined || this.#credits[index] > this.#credits[richest.index])
      this.#richest = backend;
  }

  /** The winner among the backends offered since the last call; `undefined` if there was none. */
  take(): Backend | undefined {
    const richest = this.#richest;
    if (richest) this.#credits[richest.index] -= this.#round;
    this.#round = 0;
    this.#richest = undefined;
    return richest;
  }

  /** Minus the credit that the backend would have in the next round. */
  score({ index, effectiveWeight }: Backend): number {
    return -(this.#credits[index] + effectiveWeight);
  }
}
