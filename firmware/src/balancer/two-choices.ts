import type { Backend } from "../backend/backend.ts";
import { loadFactor } from "./load-factor.ts";
import type { Strategy, StrategyParts } from "./strategy.ts";
import { weightedRandom } from "./weighted-random.ts";

/**
 * Draws two random candidates by weight and takes the one with fewer sessions per weight, the first one if they are
 * equal. HAProxy's `balance random` with two draws, except that the two are never the same. Idle backends get shares in
 * proportion to their weights, busy ones are avoided. (Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing".)
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

  /** Sessions per unit of weight: of the two drawn, the lower wins. */
  score(backend: Backend): number {
    return loadFactor(backend);
  }
}
