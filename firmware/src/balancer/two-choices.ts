import type { Backend } from "../backend/backend.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Draws two random candidates by weight and takes the one with fewer sessions per weight, the first one if they are
 * equal. HAProxy's `balance random` with two draws, except that the two are never the same. Idle backends get shares in
 * proportion to their weights, busy ones are avoided. (Mitzenmacher, "The Power of Two Choices in Randomized Load
 * Balancing".)
 */
export class TwoChoices implements Strategy {
  #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  pick(candidates: readonly Backend[]): Backend | undefined {
    const one = draw(candidates, this.#random());
    const other = draw(candidates, this.#random(), one);
    if (one === undefined || other === undefined) return one;
    return other.loadFactor < one.loadFactor ? other : one;
  }

  /** The lower score of the two drawn wins. */
  score(backend: Backend): number {
    return backend.loadFactor;
  }
}

/** A candidate other than `except`, with probabilities in proportion to the weights; `chance` is from 0 to below 1. */
function draw(
  candidates: readonly Backend[],
  chance: number,
  except?: Backend,
): Backend | undefined {
  let all = 0;
  for (let at = 0; at < candidates.length; at++)
    if (candidates[at] !== except) all += candidates[at].effectiveWeight;
  let left = chance * all;
  let drawn: Backend | undefined;
  for (let at = 0; at < candidates.length && left >= 0; at++) {
    if (candidates[at] === except) continue;
    drawn = candidates[at];
    left -= drawn.effectiveWeight;
  }
  return drawn;
}
