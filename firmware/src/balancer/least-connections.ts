import type { Backend } from "../backend/backend.ts";
import type { Strategy } from "./strategy.ts";
import { WeightedRoundRobin } from "./weighted-round-robin.ts";

/**
 * The backend with the fewest sessions per weight. Ties are broken by smooth weighted round robin, as in nginx's
 * least_conn: otherwise the first backend would get every request that arrives alone.
 */
export class LeastConnections implements Strategy {
  #ties = new WeightedRoundRobin();

  pick(candidates: readonly Backend[]): Backend | undefined {
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < candidates.length; at++)
      least = Math.min(least, candidates[at].loadFactor);
    for (let at = 0; at < candidates.length; at++)
      if (candidates[at].loadFactor === least) this.#ties.offer(candidates[at]);
    return this.#ties.take();
  }

  score(backend: Backend): number {
    return backend.loadFactor;
  }
}
