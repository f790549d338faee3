import type { Backend } from "../backend/backend.ts";
import { SmoothWeighted } from "./smooth-weighted.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Each backend in turn, as often as its weight says, and evenly spread. While the candidates stay the
 * same, any run of as many picks as their weights sum to holds each exactly as often as it weighs.
 */
export class WeightedRoundRobin implements Strategy {
  #smoothWeighted = new SmoothWeighted();

  pick(candidates: readonly Backend[]): Backend | undefined {
    for (let at = 0; at < candidates.length; at++) this.#smoothWeighted.offer(candidates[at]);
    return this.#smoothWeighted.take();
  }

  /** What the others have been served ahead of it, in units of weight. */
  score(backend: Backend): number {
    return -(this.#smoothWeighted.credit(backend) + backend.effectiveWeight);
  }
}
