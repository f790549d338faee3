import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";

/**
 * Smooth weighted round robin (nginx, ngx_http_upstream_round_robin.c): weights 5, 1, 1 give `a a b a c a a`, never
 * five `a` in a row. In each round every offered backend earns its weight as credit; the one with the most credit is
 * taken and pays what all have earned.
 *
 * While the same backends are offered, their credits sum to zero after each round, and no backend is a whole turn
 * ahead of its share or behind it.
 */
export class SmoothWeighted {
  #credits = new Float64Array(BACKENDS_MAX);
  #round = 0;
  #richest: Backend | undefined;

  /** Adds a candidate for the next `take`; at equal credit the first one offered wins. */
  offer(backend: Backend): void {
    const { index } = backend;
    this.#credits[index] += backend.effectiveWeight;
    this.#round += backend.effectiveWeight;
    const richest = this.#richest;
    if (richest === undefined || this.#credits[index] > this.#credits[richest.index])
      this.#richest = backend;
  }

  /** The winner among the backends offered since the last call; `undefined` if there was none. */
  take(): Backend | undefined {
    const richest = this.#richest;
    if (richest) this.#credits[richest.index] -= this.#round;
    this.#round = 0;
    this.#richest = undefined;
    return richest;
  }

  /** The backend's credit in units of weight. */
  credit(backend: Backend): number {
    return this.#credits[backend.index];
  }
}
