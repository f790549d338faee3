import type { Backend } from "../backend/backend.ts";
import type { Strategy } from "./strategy.ts";

/**
 * The first candidate in the order of the configuration (HAProxy's `balance first`): later backends stay idle, and may
 * sleep, until the earlier ones have `maxSessions` sessions.
 */
export class First implements Strategy {
  pick(candidates: readonly Backend[]): Backend | undefined {
    return candidates[0];
  }

  /** Position in the configuration. */
  score(backend: Backend): number {
    return backend.index;
  }
}
