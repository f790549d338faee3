import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import type { Strategy } from "./strategy.ts";

/** Each backend in turn: while the candidates stay the same, each of them once per round. */
export class RoundRobin implements Strategy {
  #last = -1;

  pick(candidates: readonly Backend[]): Backend | undefined {
    let next = 0;
    while (next < candidates.length && candidates[next].index <= this.#last) next++;
    const chosen: Backend | undefined = candidates[next] ?? candidates[0];
    if (chosen) this.#last = chosen.index;
    return chosen;
  }

  /** Positions until the backend's turn; 0 is next. */
  score({ index }: Backend): number {
    return (index - this.#last - 1 + BACKENDS_MAX) % BACKENDS_MAX;
  }
}
