import type { Backend } from "../backend/backend.ts";
import { loadFactor } from "./load-factor.ts";
import { SmoothWeighted } from "./smooth-weighted.ts";
import type { Strategy } from "./strategy.ts";

/**
 * The backend with the fewest sessions per weight. Ties are broken by smooth weighted round robin, as in nginx's
 * least_conn: otherwise the first backend would get every request that arrives alone.
 */
export class LeastConnections implements Strategy {
  #smoothWeighted = new SmoothWeighted();

  pick(candidates: readonly Backend[]): Backend | undefined {
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < candidates.length; at++)
      least = Math.min(least, loadFactor(candidates[at]));
    for (let at = 0; at < candidates.length; at++) {
      const candidate = candidates[at];
      if (loadFactor(candidate) === least) this.#smoothWeighted.offer(candidate);
    }
    return this.#smoothWeighted.take();
  }

  /** Sessions per unit of weight. */
  score(backend: Backend): number {
    return loadFactor(backend);
  }
}
