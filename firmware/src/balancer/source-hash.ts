import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import { hashText, mix } from "../net/hash.ts";
import type { Strategy } from "./strategy.ts";

/**
 * The same client, the same backend, with nothing to remember: rendezvous hashing. Client and backend
 * together give each backend a number of chance, and the lowest wins. Without a backend only its own
 * clients go elsewhere, and they spread over all others; with a new weight only as many move as the
 * shares differ. It hashes the backend's name, so that neither order nor address matter.
 *
 * -ln(u) / weight is how long a thing that happens `weight` times in a unit of time takes to happen;
 * who is first is so in proportion to the weight. (Schindelhauer and Schomaker, "Weighted Distributed
 * Hash Tables", SPAA 2005.)
 */
export class SourceHash implements Strategy {
  /** Hashes of the backends' names by their index; 0 until it is needed. */
  #names = new Uint32Array(BACKENDS_MAX);

  pick(candidates: readonly Backend[], client: number): Backend | undefined {
    let chosen: Backend | undefined = candidates[0];
    let lowest = Number.POSITIVE_INFINITY;
    for (let at = 0; at < candidates.length; at++) {
      const candidate = candidates[at];
      const score = this.score(candidate, client);
      if (score >= lowest) continue;
      lowest = score;
      chosen = candidate;
    }
    return chosen;
  }

  /** -ln(u) / weight, `u` being the hash of client and backend as a number from above 0 up to 1. */
  score(backend: Backend, client: number): number {
    const { index, name, effectiveWeight } = backend;
    if (this.#names[index] === 0) this.#names[index] = hashText(name);
    const u = (mix(client, this.#names[index]) + 1) / 2 ** 32;
    return -Math.log(u) / effectiveWeight;
  }
}
