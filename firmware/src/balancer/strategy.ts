import type { Backend } from "../backend/backend.ts";
import { RoundRobin } from "./round-robin.ts";

/**
 * Chooses one of the backends that may be chosen. Candidates arrive filtered (not tried before for
 * this session) and in the order of the configuration: a strategy only chooses.
 */
export interface Strategy {
  /** One of `candidates`; `undefined` only when there is none. */
  pick(candidates: readonly Backend[]): Backend | undefined;
}

/** Every strategy by the name that the configuration gives it. */
export const STRATEGIES = {
  "round-robin": () => new RoundRobin(),
} satisfies Record<string, () => Strategy>;

export type StrategyName = keyof typeof STRATEGIES;
