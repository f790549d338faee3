import type { Backend } from "../backend/backend.ts";
import type { Clock } from "../platform.ts";

/**
 * Chooses one of the candidates. They arrive filtered (up, not full, not draining, not tried for this session) and in
 * the order of the configuration. A pick allocates nothing and takes at most linear time. Loops use an index, because
 * `for … of` allocates 8 slots on XS and takes two to three times as long.
 */
export interface Strategy {
  /** One of `candidates`; `undefined` only when there is none. `client` is a hash of its address. */
  pick(candidates: readonly Backend[], client: number): Backend | undefined;
  /** The value that a pick compares, for the log: the lowest wins. Changes nothing. */
  score(backend: Backend, client: number): number;
  /** `backend`, which was picked here, sent the first byte of its response after `ms`. */
  answered?(backend: Backend, ms: number): void;
}

/** What a strategy may use of the platform. */
export interface StrategyParts {
  readonly clock: Pick<Clock, "now">;
  /** From 0 to less than 1. */
  random(): number;
}
