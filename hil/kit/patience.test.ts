import { expect, test } from "vitest";
import { limitsOf, measureSlowness, PATIENCE_MS } from "./patience.ts";

test("limits grow with the slowness of the computer, and a test has time for several waits", () => {
  const [idle, slow] = [limitsOf(1), limitsOf(7.5)];
  expect([slow.patienceMs / idle.patienceMs, slow.testMs / idle.testMs]).toEqual([7.5, 7.5]);
  expect(idle.testMs).toBeGreaterThan(2 * idle.patienceMs);
});

test("this run has measured its computer: none is faster than an idle one", () => {
  expect(Number(process.env.SLOWNESS)).toBeGreaterThanOrEqual(1);
  expect(PATIENCE_MS).toBe(limitsOf(Number(process.env.SLOWNESS)).patienceMs);
  expect(measureSlowness()).toBeGreaterThanOrEqual(1);
});
