import type { StrategyName } from "../config/settings.ts";
import { Ewma } from "./ewma.ts";
import { First } from "./first.ts";
import { LeastConnections } from "./least-connections.ts";
import { QLearning } from "./q-learning.ts";
import { RoundRobin } from "./round-robin.ts";
import { SourceHash } from "./source-hash.ts";
import type { Strategy } from "./strategy.ts";
import { TwoChoices } from "./two-choices.ts";
import { WeightedRoundRobin } from "./weighted-round-robin.ts";

/** Makes each strategy, by its name in the configuration; `random` returns numbers from 0 to below 1. */
export const STRATEGIES = Object.freeze({
  "round-robin": () => new RoundRobin(),
  "weighted-round-robin": () => new WeightedRoundRobin(),
  "least-connections": () => new LeastConnections(),
  "two-choices": random => new TwoChoices(random),
  ewma: () => new Ewma(),
  "source-hash": () => new SourceHash(),
  first: () => new First(),
  "q-learning": random => new QLearning(random),
} satisfies Record<StrategyName, (random: () => number) => Strategy>);
