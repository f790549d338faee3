import { generate } from "./generate.ts";
import { simulate } from "./run.ts";

/** The result of one seed. */
export interface SeedResult {
  readonly seed: number;
  /** Invariants that did not hold. */
  readonly broken: readonly string[];
  readonly goalsReached: readonly string[];
  /** Virtual and real time of both runs, and of their active phases alone, in milliseconds. */
  readonly ms: number;
  readonly realMs: number;
  readonly activeMs: number;
  readonly activeRealMs: number;
}

export const NOT_REPEATABLE = "the same seed gave two different runs";

export const REFUSAL_SEEN = "a change that was refused has changed something";

/** Failures that only the second run can show. */
export const BY_COMPARISON: readonly string[] = [NOT_REPEATABLE, REFUSAL_SEEN];

/**
 * Simulates the plan of a seed twice, the second time without the changes that were refused: both runs must
 * be equal, packet by packet and line by line.
 */
export async function checkSeed(seed: number): Promise<SeedResult> {
  const start = performance.now();
  const one = await simulate(generate(seed));
  const again = generate(seed);
  const two = await simulate({
    seed,
    parts: again.parts.map(part =>
      part.kind === "change" && one.refused.includes(part.id) ? { ...part, does: "nothing" } : part,
    ),
  });
  const why = one.refused.length > 0 ? REFUSAL_SEEN : NOT_REPEATABLE;
  return {
    seed,
    broken: two.hash === one.hash ? one.broken : [...one.broken, why],
    goalsReached: one.goalsReached,
    ms: one.ms + two.ms,
    realMs: performance.now() - start,
    activeMs: one.activeMs + two.activeMs,
    activeRealMs: one.activeRealMs + two.activeRealMs,
  };
}
