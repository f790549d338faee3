import type { Backend } from "../backend/backend.ts";
import { SmoothWeighted } from "./smooth-weighted.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Each backend in turn, in proportion to its weight and evenly spread. While the candidates stay the same, any run of
 * as many picks as the sum of the weights contains each backend exactly `weight` times.
 */
export class WeightedRoundRobin implements Strategy {
  #smoothWeighted = new SmoothWeighted();

  pick(candidates: readonly Backend[]): Backend | undefined {
    for (let at = 0; at < candidates.length; at++) this.#smoothWeighted.offer(candidates[at]);
    return this.#smoothWeighted.take();
  }

  /** Minus the credit that the backend would have in the next round: the lowest score is next. */
  score(backend: Backend): number {
    return -(this.#smoothWeighted.credit(backend) + backend.effectiveWeight);
  }
}
