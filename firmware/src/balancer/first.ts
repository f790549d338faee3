import type { Backend } from "../backend/backend.ts";
import type { Strategy } from "./strategy.ts";

/**
 * The first candidate in the order of the configuration: later backends stay idle until those before
 * them are full, and may sleep. It needs `maxSessions` to make sense. (HAProxy's `balance first`.)
 */
export class First implements Strategy {
  pick(candidates: readonly Backend[]): Backend | undefined {
    return candidates[0];
  }

  /** Its place in the configuration. */
  score(backend: Backend): number {
    return backend.index;
  }
}
