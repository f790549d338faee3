import type { Backend } from "../backend/backend.ts";
import { loadFactor } from "./load-factor.ts";
import type { Strategy, StrategyParts } from "./strategy.ts";
import { weightedRandom } from "./weighted-random.ts";

/**
 * Draws two candidates by weight and takes the one with fewer sessions for its weight, the first drawn
 * when they are equal. HAProxy's default (`balance random`, two draws), except that the two are never
 * the same. Idle backends so get shares as their weights, and busy ones are avoided. (Mitzenmacher, "The
 * Power of Two Choices in Randomized Load Balancing".)
 */
export class TwoChoices implements Strategy {
  #random: () => number;

  constructor({ random }: Pick<StrategyParts, "random">) {
    this.#random = random;
  }

  pick(candidates: readonly Backend[]): Backend | undefined {
    const one = weightedRandom(candidates, this.#random());
    const other = weightedRandom(candidates, this.#random(), one);
    if (one === undefined || other === undefined) return one;
    return loadFactor(other) < loadFactor(one) ? other : one;
  }

  /** Sessions for each unit of weight: of the two drawn, the lower wins. */
  score(backend: Backend): number {
    return loadFactor(backend);
  }
}
