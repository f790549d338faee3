import type { Backend } from "../backend/backend.ts";
import type { Clock } from "../platform.ts";

/**
 * Chooses one of the backends that may be chosen. Candidates arrive filtered (up, not full, not
 * draining, not tried for this session) and in the order of the configuration: a strategy only
 * chooses. A pick allocates nothing and takes at most linear time. Its loops count places, because
 * `for … of` leaves 8 slots of garbage on XS and takes two to three times as long.
 */
export interface Strategy {
  /** One of `candidates`; `undefined` only when there is none. `client` is a hash of its address. */
  pick(candidates: readonly Backend[], client: number): Backend | undefined;
  /** What a pick compares, for people to see: the lowest wins. Changes nothing. */
  score(backend: Backend, client: number): number;
  /** `backend`, picked here, began its answer `ms` after it had been asked. */
  answered?(backend: Backend, ms: number): void;
}

/** What a strategy may use of the machine. */
export interface StrategyParts {
  readonly clock: Pick<Clock, "now">;
  /** From 0 to less than 1. */
  random(): number;
}
