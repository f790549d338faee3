import { type RunResult, simulate } from "./run.ts";
import { type CampaignTarget, EMULATED } from "./targets.ts";

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
 * be equal, packet by packet and line by line. With `repeat` false only plans with a refused change are played twice.
 */
export async function checkSeed(
  seed: number,
  repeat = true,
  target = EMULATED,
): Promise<SeedResult> {
  const start = performance.now();
  const one = await simulate(target.planOf(seed), { target });
  const two = repeat || one.refused.length > 0 ? await simulateAgain(one, target) : undefined;
  const why = one.refused.length > 0 ? REFUSAL_SEEN : NOT_REPEATABLE;
  return {
    seed,
    broken: two === undefined || two.hash === one.hash ? one.broken : [...one.broken, why],
    goalsReached: one.goalsReached,
    ms: one.ms + (two?.ms ?? 0),
    realMs: performance.now() - start,
    activeMs: one.activeMs + (two?.activeMs ?? 0),
    activeRealMs: one.activeRealMs + (two?.activeRealMs ?? 0),
  };
}

function simulateAgain(
  { plan: { seed }, refused }: RunResult,
  target: CampaignTarget,
): Promise<RunResult> {
  const parts = target
    .planOf(seed)
    .parts.map(part =>
      part.kind === "change" && refused.includes(part.id)
        ? { ...part, does: "nothing" as const }
        : part,
    );
  return simulate({ seed, parts }, { target });
}
