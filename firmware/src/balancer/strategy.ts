import type { Backend } from "../backend/backend.ts";

/**
 * Chooses one of the candidates. They arrive filtered (up, not full, not draining, not tried for this session) and in
 * the order of the configuration. `client` is a hash of the client's address. A pick allocates nothing and takes at
 * most linear time. Loops use an index, because `for … of` allocates 8 slots on XS and takes two to three times as
 * long.
 */
export interface Strategy {
  /** `client` matters; else it is 0, because to hash an address takes time. */
  readonly usesClient?: boolean;
  /** One of `candidates`; `undefined` only when there is none. */
  pick(candidates: readonly Backend[], client: number, nowMs: number): Backend | undefined;
  /** The value that a pick compares: the lowest wins. Changes nothing, so that the log can show it. */
  score(backend: Backend, client: number, nowMs: number): number;
  /** `backend`, which was picked here, sent the first byte of its response after `ms`. */
  answered?(backend: Backend, ms: number, nowMs: number): void;
}

/** The candidate with the lowest score; of equals the first one. */
export function lowestScore(
  strategy: Strategy,
  candidates: readonly Backend[],
  client: number,
  nowMs: number,
): Backend | undefined {
  let chosen: Backend | undefined = candidates[0];
  let lowest = Number.POSITIVE_INFINITY;
  for (let at = 0; at < candidates.length; at++) {
    const candidate = candidates[at];
    const score = strategy.score(candidate, client, nowMs);
    if (score >= lowest) continue;
    lowest = score;
    chosen = candidate;
  }
  return chosen;
}
