import { draw } from "./generate.ts";
import { play } from "./run.ts";

/** What a campaign keeps of a world. */
export interface Verdict {
  readonly seed: number;
  /** Invariants that did not hold. */
  readonly broken: readonly string[];
  readonly happened: readonly string[];
  /** Virtual and real time of both plays, and of their storms alone, in milliseconds. */
  readonly ms: number;
  readonly realMs: number;
  readonly stormMs: number;
  readonly stormRealMs: number;
}

export const NOT_REPEATABLE = "the same seed played another world";

export const REFUSAL_SEEN = "a change that was refused has changed something";

/** What only a second play shows. */
export const BY_COMPARISON: readonly string[] = [NOT_REPEATABLE, REFUSAL_SEEN];

/**
 * Plays the world of a seed twice, the second time without the changes that were refused: both must go the
 * same way to the packet and to the log line.
 */
export async function judge(seed: number): Promise<Verdict> {
  const start = performance.now();
  const one = await play(draw(seed));
  const again = draw(seed);
  const two = await play({
    seed,
    parts: again.parts.map(part =>
      part.kind === "change" && one.refused.includes(part.id) ? { ...part, does: "nothing" } : part,
    ),
  });
  const why = one.refused.length > 0 ? REFUSAL_SEEN : NOT_REPEATABLE;
  return {
    seed,
    broken: two.hash === one.hash ? one.broken : [...one.broken, why],
    happened: one.happened,
    ms: one.ms + two.ms,
    realMs: performance.now() - start,
    stormMs: one.stormMs + two.stormMs,
    stormRealMs: one.stormRealMs + two.stormRealMs,
  };
}
