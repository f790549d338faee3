import { test } from "vitest";
import { loopbackTarget } from "../kit/loopback-target.ts";
import { PATIENCE_MS } from "../kit/patience.ts";
import { play } from "../kit/play.ts";
import { loadScenarios } from "../kit/scenario.ts";

const target = loopbackTarget(PATIENCE_MS);

for (const scenario of await loadScenarios()) {
  // Each has a board of its own, and most of its time it waits for one of the board's alarms.
  test.concurrent(`${scenario.theme}: ${scenario.title}`, async context => {
    const { skipped } = await play(scenario, target);
    if (skipped !== undefined) context.skip(skipped);
  });
}
