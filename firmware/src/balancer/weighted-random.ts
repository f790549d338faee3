import type { Backend } from "../backend/backend.ts";

/**
 * A random candidate other than `except`, with probabilities in proportion to the weights; `undefined` when there is
 * none. `chance` is a random number from 0 to less than 1.
 */
export function weightedRandom(
  candidates: readonly Backend[],
  chance: number,
  except?: Backend,
): Backend | undefined {
  let all = 0;
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at];
    if (candidate !== except) all += candidate.effectiveWeight;
  }
  let left = chance * all;
  let drawn: Backend | undefined;
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at];
    if (candidate === except) continue;
    drawn = candidate;
    left -= candidate.effectiveWeight;
    if (left < 0) break;
  }
  return drawn;
}
