import type { Backend } from "../backend/backend.ts";
import type { Strategy } from "./strategy.ts";

/**
 * Each backend in turn. While the candidates stay the same, any run of as many picks as there are
 * candidates holds each of them exactly once.
 */
export class RoundRobin implements Strategy {
  #last = -1;

  pick(candidates: readonly Backend[]): Backend | undefined {
    let chosen: Backend | undefined = candidates[0];
    for (const candidate of candidates) {
      if (candidate.index > this.#last) {
        chosen = candidate;
        break;
      }
    }
    if (chosen) this.#last = chosen.index;
    return chosen;
  }
}
