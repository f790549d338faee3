import { expect, test } from "vitest";
import { loadScenarios } from "../kit/scenario.ts";
import { BUDGETS, measurements, worse } from "./limits.ts";
import { aResult } from "./report/testing.ts";
import { EXIT, exitCode } from "./run.ts";

const measured = (await loadScenarios()).flatMap(({ measures }) => measures);

test("the figures with limits, on every kind of board, are those that scenarios measure", () => {
  for (const kind of ["emulated", "serial", "address"] as const) {
    expect(Object.keys(BUDGETS[kind]).sort()).toEqual([...measured].sort());
    for (const { min, max } of Object.values(BUDGETS[kind])) expect(min ?? max).toBeDefined();
  }
});

test("a figure that was due and not measured fails the run", () => {
  const [name, other] = measured;
  const taken = measurements("emulated", [name, other], new Map([[name, 1]]));
  expect(taken.map(({ name, value }) => [name, value])).toEqual([
    [name, 1],
    [other, null],
  ]);
  const whole = taken.filter(({ value }) => value !== null);
  const code = (figures: typeof taken) => exitCode([aResult()], figures, { boardLost: false });
  expect([code(whole), code(taken)]).toEqual([EXIT.passed, EXIT.firmware]);
});

test("a real board has limits of its own", () => {
  const [emulated] = measurements("emulated", ["boot to serving"], new Map());
  const [real] = measurements("serial", ["boot to serving"], new Map());
  expect(real.max).toBeGreaterThan(emulated.max!);
});

test("a figure without limits throws", () => {
  expect(() => measurements("serial", ["smell"], new Map())).toThrow(
    'no budget is called "smell": hil/rig/limits.ts',
  );
});

test("the worse of two measurements counts, for each kind of limit", () => {
  expect(worse("serial", "boot to serving", 900, 16_000)).toBe(16_000);
  expect(worse("serial", "heap floor", 12_000, 40_000)).toBe(12_000);
});
