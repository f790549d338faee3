import { expect, test } from "vitest";
import { memoryTarget } from "../src/memory-target.ts";
import { play } from "../src/play.ts";
import { loadScenarios } from "../src/scenario.ts";

const target = memoryTarget();

for (const scenario of await loadScenarios()) {
  test(`${scenario.theme}: ${scenario.title}`, async () => {
    expect(await play(scenario, target)).toEqual({});
  });
}
