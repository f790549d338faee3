import { expect, test } from "vitest";
import { Latency } from "./latency.ts";

test("it is undefined before the first response", () => {
  expect(new Latency().costMs(0)).toBeUndefined();
});

test("a slower response counts at once, a faster one gradually", () => {
  const latency = new Latency();
  latency.observe(10, 0);
  latency.observe(500, 0);
  expect(latency.costMs(0)).toBe(500);
  latency.observe(10, 1000);
  expect(latency.costMs(1000)).toBeGreaterThan(400);
  for (let ms = 2000; ms <= 60_000; ms += 1000) latency.observe(10, ms);
  expect(latency.costMs(60_000)).toBeLessThan(12);
});

test("it decays without responses: 63 % in 10 s", () => {
  const latency = new Latency();
  latency.observe(1000, 0);
  expect(latency.costMs(10_000)).toBeCloseTo(1000 / Math.E, 6);
});
