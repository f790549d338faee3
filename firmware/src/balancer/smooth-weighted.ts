import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";

/**
 * SmoothWeighted by weight that interleave: weights 5, 1, 1 give `a a b a c a a`, never five `a` in a row. In
 * each round every backend that is offered earns its weight; the richest takes the turn and pays what
 * all have earned. What nginx calls smooth weighted round robin (ngx_http_upstream_round_robin.c).
 *
 * While the same backends are offered, their credits sum to zero after each turn, and no backend is a
 * whole turn ahead of its share or behind it.
 */
export class SmoothWeighted {
  #credits = new Float64Array(BACKENDS_MAX);
  #round = 0;
  #richest: Backend | undefined;

  /** `backend` may have the turn that `take` gives; the first offered is preferred. */
  offer(backend: Backend): void {
    const { index } = backend;
    this.#credits[index] += backend.effectiveWeight;
    this.#round += backend.effectiveWeight;
    const richest = this.#richest;
    if (richest === undefined || this.#credits[index] > this.#credits[richest.index])
      this.#richest = backend;
  }

  /** Whose turn it is of those offered since the last one; `undefined` when nobody was. */
  take(): Backend | undefined {
    const richest = this.#richest;
    if (richest) this.#credits[richest.index] -= this.#round;
    this.#round = 0;
    this.#richest = undefined;
    return richest;
  }

  /** What `backend` has earned and not yet spent, in units of weight. */
  credit(backend: Backend): number {
    return this.#credits[backend.index];
  }
}
