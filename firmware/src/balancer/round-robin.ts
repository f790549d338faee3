import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import type { Strategy } from "./strategy.ts";

/** Each backend in turn: while the candidates stay the same, each of them once per round. */
export class RoundRobin implements Strategy {
  #last = -1;
  /** The place of `#last` among the candidates of that pick. */
  #place = 0;

  pick(candidates: readonly Backend[]): Backend | undefined {
    const last = this.#last;
    const count = candidates.length;
    let place = this.#place;
    if (place < count && candidates[place].index === last) {
      place++; // most often the candidates are the same
    } else {
      place = 0;
      while (place < count && candidates[place].index <= last) place++;
    }
    if (place === count) place = 0;
    const chosen: Backend | undefined = candidates[place];
    if (chosen === undefined) return undefined;
    this.#place = place;
    this.#last = chosen.index;
    return chosen;
  }

  /** Positions until the backend's turn; 0 is next. */
  score({ index }: Backend): number {
    return (index - this.#last - 1 + BACKENDS_MAX) % BACKENDS_MAX;
  }
}
