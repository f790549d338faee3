import type { StrategyName } from "../config/settings.ts";
import { Ewma } from "./ewma.ts";
import { First } from "./first.ts";
import { LeastConnections } from "./least-connections.ts";
import { QLearning } from "./q-learning.ts";
import { RoundRobin } from "./round-robin.ts";
import { SourceHash } from "./source-hash.ts";
import type { Strategy, StrategyParts } from "./strategy.ts";
import { TwoChoices } from "./two-choices.ts";
import { WeightedRoundRobin } from "./weighted-round-robin.ts";

/** Every strategy by the name that the configuration gives it. */
export const STRATEGIES = Object.freeze({
  "round-robin": () => new RoundRobin(),
  "weighted-round-robin": () => new WeightedRoundRobin(),
  "least-connections": () => new LeastConnections(),
  "two-choices": parts => new TwoChoices(parts),
  ewma: parts => new Ewma(parts),
  "source-hash": () => new SourceHash(),
  first: () => new First(),
  "q-learning": parts => new QLearning(parts),
} satisfies Record<StrategyName, (parts: StrategyParts) => Strategy>);
