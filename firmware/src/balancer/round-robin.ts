import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Each backend in turn. While the candidates stay the same, any run of as many picks as there are
 * candidates holds each of them exactly once.
 */
export class RoundRobin implements Strategy {
  #last = -1;

  pick(candidates: readonly Backend[]): Backend | undefined {
    let chosen: Backend | undefined = candidates[0];
    for (let at = 0; at < candidates.length; at++) {
      const candidate = candidates[at];
      if (candidate.index > this.#last) {
        chosen = candidate;
        break;
      }
    }
    if (chosen) this.#last = chosen.index;
    return chosen;
  }

  /** Positions until the backend's turn; 0 is next. */
  score(backend: Backend): number {
    return (backend.index - this.#last - 1 + BACKENDS_MAX) % BACKENDS_MAX;
  }
}
