import { expect, test } from "vitest";
import { ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { memoryTarget } from "../kit/memory-target.ts";
import { play } from "../kit/play.ts";
import { loadScenarios } from "../kit/scenario.ts";

// The stories that only the firmware's own sockets can tell.

const target = memoryTarget({ kind: ourBoard("own") });

for (const scenario of (await loadScenarios()).filter(({ needs }) =>
  needs.includes("half-close"),
)) {
  test(`${scenario.theme}: ${scenario.title}`, async () => {
    expect(await play(scenario, target)).toEqual({});
  });
}
