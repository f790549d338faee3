import { expect, test } from "vitest";
import { aResult } from "./report/testing.ts";
import { EXIT, exitCode, type Measurement, type Verdict, within } from "./run.ts";

const GOOD: Measurement = { name: "requests", unit: "/s", value: 30, min: 20 };
const SLOW: Measurement = { ...GOOD, value: 19.9 };
const UNMEASURED: Measurement = { ...GOOD, value: null };

test.each<[Verdict[], Measurement[], boolean, number]>([
  [["passed", "skipped"], [GOOD], false, EXIT.passed],
  [["passed", "flaky"], [], false, EXIT.passed],
  [["passed", "failed"], [GOOD], false, EXIT.firmware],
  [["passed"], [GOOD, SLOW], false, EXIT.firmware],
  [["passed"], [UNMEASURED], false, EXIT.firmware],
  [["passed", "rig-error"], [GOOD], false, EXIT.rig],
  [["passed", "not-reached"], [GOOD], false, EXIT.rig],
  // Without all scenarios the figures say little.
  [["rig-error"], [UNMEASURED], false, EXIT.rig],
  // A run that skips everything has proved nothing.
  [["skipped", "skipped"], [], false, EXIT.usage],
  [[], [], false, EXIT.rig],
  [["rig-error", "not-reached"], [], true, EXIT.boardLost],
  // Faults of the firmware count more than those of the rig.
  [["failed", "rig-error", "not-reached"], [], false, EXIT.firmware],
  [["failed", "rig-error", "not-reached"], [], true, EXIT.firmware],
])("%j with %j, board lost: %j, ends with %i", (verdicts, measurements, boardLost, code) => {
  const results = verdicts.map(verdict => aResult({ verdict }));
  expect(exitCode(results, measurements, { boardLost })).toBe(code);
});

test("a limit itself is within the limits, and a missing measurement is not", () => {
  const [min, max] = [20, 40];
  const inside = (value: number | null) => within({ name: "x", unit: "ms", value, min, max });
  expect([19.9, 20, 40, 40.1, null].map(inside)).toEqual([false, true, true, false, false]);
  expect(within({ name: "x", unit: "ms", value: 0 })).toBe(true);
});
