import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import { hashText, mix } from "../net/hash.ts";
import { lowestScore, type Strategy } from "./strategy.ts";

/**
 * Weighted rendezvous hashing: a client always gets the same backend, without a table. The hash of client and backend
 * gives each backend a score, and the lowest wins. When a backend is gone, only its clients move, spread over all
 * others; when a weight changes, only as many clients move as the shares differ. The backend's name is hashed, so that
 * order and address do not matter.
 *
 * -ln(u) / weight is exponentially distributed with rate `weight`, so each backend has the lowest score in proportion
 * to its weight. (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005.)
 */
export class SourceHash implements Strategy {
  readonly usesClient = true;
  /** Hash of each backend's name by its index; 0 until first used. */
  #names = new Uint32Array(BACKENDS_MAX);

  pick(candidates: readonly Backend[], client: number, nowMs: number): Backend | undefined {
    return lowestScore(this, candidates, client, nowMs);
  }

  /** -ln(u) / weight, with u the hash of client and backend scaled to 0 < u <= 1. */
  score(backend: Backend, client: number): number {
    const index = backend.index;
    if (this.#names[index] === 0) this.#names[index] = hashText(backend.name);
    const u = (mix(client, this.#names[index]) + 1) / 2 ** 32;
    return -Math.log(u) / backend.effectiveWeight;
  }
}
