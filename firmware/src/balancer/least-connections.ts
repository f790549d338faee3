import type { Backend } from "../backend/backend.ts";
import { load } from "./load-factor.ts";
import { Turns } from "./smooth-weighted.ts";
import type { Strategy } from "./strategy.ts";

/**
 * The backend with the fewest sessions for its weight. Those with equally few take turns by weight, as
 * in nginx's least_conn: else the first one would serve all the requests that come one at a time.
 */
export class LeastConnections implements Strategy {
  #turns = new Turns();

  pick(candidates: readonly Backend[]): Backend | undefined {
    let least = Number.POSITIVE_INFINITY;
    for (let at = 0; at < candidates.length; at++) least = Math.min(least, load(candidates[at]));
    for (let at = 0; at < candidates.length; at++) {
      const candidate = candidates[at];
      if (load(candidate) === least) this.#turns.offer(candidate);
    }
    return this.#turns.take();
  }

  /** Sessions for each unit of weight. */
  score(backend: Backend): number {
    return load(backend);
  }
}
