import { expect, test } from "vitest";
import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import { memoryTarget } from "../kit/memory-target.ts";
import { play } from "../kit/play.ts";
import { loadScenarios } from "../kit/scenario.ts";

// The proxy on the SDK's sockets, which do not half-close: a build for `lin` has no others.

const target = memoryTarget({ kind: mendedBoard("sdk") });

const THEMES = ["failover", "http", "streaming", "tls"];

const scenarios = (await loadScenarios()).filter(
  ({ theme, needs }) => THEMES.includes(theme) && needs.every(n => target.offers.includes(n)),
);

test("each theme has scenarios", () => {
  expect([...new Set(scenarios.map(({ theme }) => theme))].sort()).toEqual(THEMES);
});

for (const scenario of scenarios) {
  test(`${scenario.theme}: ${scenario.title} (the SDK's sockets)`, async () => {
    expect(await play(scenario, target)).toEqual({});
  });
}
