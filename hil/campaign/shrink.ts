import fc from "fast-check";
import type { Part, RunPlan } from "./plan.ts";
import type { RunResult } from "./run.ts";

/** Most runs that are played to reduce one plan. */
const PLAYS_MAX = 400;

/** A list that is shrunk by leaving out halves, quarters, … and in the end single parts. */
class PartsLeft extends fc.Arbitrary<readonly Part[]> {
  #all: readonly Part[];

  constructor(all: readonly Part[]) {
    super();
    this.#all = all;
  }

  override generate(): fc.Value<readonly Part[]> {
    return new fc.Value(this.#all, undefined);
  }

  override canShrinkWithoutContext(_value: unknown): _value is readonly Part[] {
    return true;
  }

  override shrink(parts: readonly Part[]): fc.Stream<fc.Value<readonly Part[]>> {
    return fc.stream(smaller(parts));
  }
}

function* smaller(parts: readonly Part[]): Generator<fc.Value<readonly Part[]>> {
  for (let count = Math.ceil(parts.length / 2); count >= 1; count = Math.floor(count / 2)) {
    for (let at = 0; at < parts.length; at += count) {
      yield new fc.Value([...parts.slice(0, at), ...parts.slice(at + count)], undefined);
    }
  }
}

/**
 * Finds a small plan in which one of the invariants in `broken` still fails. Deterministic: it is limited
 * by runs, not by time.
 */
export async function shrink<O extends Pick<RunResult, "broken">>(
  plan: RunPlan,
  broken: readonly string[],
  simulate: (plan: RunPlan) => Promise<O>,
): Promise<O> {
  let plays = 0;
  const holds = async (parts: readonly Part[]) => {
    if (plays++ >= PLAYS_MAX) return true;
    const outcome = await simulate({ ...plan, parts });
    return !outcome.broken.some(invariant => broken.includes(invariant));
  };
  const property = fc.asyncProperty(new PartsLeft(plan.parts), holds);
  const { counterexample } = await fc.check(property, { numRuns: 1, seed: plan.seed });
  const parts = counterexample?.[0] ?? plan.parts;
  return simulate({ ...plan, parts });
}
