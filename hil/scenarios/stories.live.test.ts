import { test } from "vitest";
import { loopbackTarget } from "../src/loopback-target.ts";
import { play } from "../src/play.ts";
import { loadScenarios } from "../src/scenario.ts";
import { PATIENCE_MS } from "../testing/patience.ts";

const target = loopbackTarget(PATIENCE_MS);

for (const scenario of await loadScenarios()) {
  // Each has a board of its own, and most of its time it waits for one of the board's alarms.
  test.concurrent(`${scenario.theme}: ${scenario.title}`, async context => {
    const { skipped } = await play(scenario, target);
    if (skipped !== undefined) context.skip(skipped);
  });
}
