import { expect, inject, test } from "vitest";
import { lwipTarget } from "../kit/lwip-target.ts";
import { play } from "../kit/play.ts";
import { loadScenarios } from "../kit/scenario.ts";

const target = lwipTarget(inject("firmwareBoard")!);

for (const scenario of (await loadScenarios()).filter(({ needs }) =>
  needs.every(n => target.offers.includes(n)),
)) {
  test(`${scenario.theme}: ${scenario.title}`, async () => {
    expect(await play(scenario, target)).toEqual({});
  });
}
