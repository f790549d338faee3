import { expect, test } from "vitest";
import { generate } from "./generate.ts";
import type { RunPlan } from "./plan.ts";
import { shrink } from "./shrink.ts";

test("a failed plan is reduced to the parts that are needed to fail, in their order", async () => {
  const plan = generate(5);
  const { parts } = plan;
  const guilty = [parts[2], parts.at(-3)!, parts.at(-1)!];
  const play = async (plan: RunPlan) => ({
    ...plan,
    broken: guilty.every(part => plan.parts.includes(part)) ? ["it", "more"] : ["something else"],
  });
  const small = await shrink(plan, ["it"], play);
  expect(parts.length).toBeGreaterThan(20);
  expect(small.parts).toEqual(guilty);
  expect(small.broken).toEqual(["it", "more"]);
});

test("shrinking ends: a plan that only fails as a whole is returned unchanged", async () => {
  const plan = generate(5);
  let plays = 0;
  const play = async (plan: RunPlan) => {
    plays++;
    return { ...plan, broken: plan.parts === whole.parts ? ["it"] : [] };
  };
  const whole = plan;
  expect((await shrink(plan, ["it"], play)).parts).toBe(plan.parts);
  expect(plays).toBeLessThan(1000);
});
