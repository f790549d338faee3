import { expect, test } from "vitest";
import { memoryTarget } from "../kit/memory-target.ts";
import { play } from "../kit/play.ts";
import { loadScenarios } from "../kit/scenario.ts";

const target = memoryTarget();
const scenarios = await loadScenarios();

// Scenarios that need a serial line, or figures of real time, are played by the rig.
for (const scenario of scenarios.filter(({ needs }) =>
  needs.every(n => target.offers.includes(n)),
)) {
  test(`${scenario.theme}: ${scenario.title}`, async () => {
    expect(await play(scenario, target)).toEqual({});
  });
}
