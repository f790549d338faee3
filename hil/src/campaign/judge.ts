import { draw } from "./draw.ts";
import { play } from "./world.ts";

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

/** Plays the world of a seed twice, which must go the same way to the packet and to the log line. */
export async function judge(seed: number): Promise<Verdict> {
  const world = draw(seed);
  const start = performance.now();
  const one = await play(world);
  const two = await play(draw(seed));
  return {
    seed,
    broken: two.hash === one.hash ? one.broken : [...one.broken, NOT_REPEATABLE],
    happened: one.happened,
    ms: one.ms + two.ms,
    realMs: performance.now() - start,
    stormMs: one.stormMs + two.stormMs,
    stormRealMs: one.stormRealMs + two.stormRealMs,
  };
}
