import { expect, test } from "vitest";
import { countsOf, namesOf, StrategyBench, times } from "./testing.ts";

test("a backend without a sample gets one request at a time", () => {
  const bench = new StrategyBench("ewma", [1, 1, 1]);
  const [a, b, c] = bench.backends;
  bench.request(() => 20, [a]);
  bench.request(() => 20, [b]);
  expect(bench.open()).toBe(c);
  for (const _ of times(100, () => 0)) {
    const backend = bench.request(() => 20);
    expect(backend).not.toBe(c);
  }
  c.counters.sessions--; // it ended without a response
  expect(bench.open()).toBe(c);
  bench.nowMs += 15;
  bench.answer(c, 15);
  expect(bench.open()).toBe(c);
});

test("a burst before the first response spreads evenly", () => {
  const bench = new StrategyBench("ewma", [1, 1, 1]);
  times(12, () => bench.open());
  expect(bench.sessions).toEqual([4, 4, 4]);
});

test("a backend ten times slower gets few requests, and is tried again after a while", () => {
  const bench = new StrategyBench("ewma", [1, 1, 1]);
  const [, , c] = bench.backends;
  const triedMs: number[] = [];
  while (bench.nowMs < 600_000) {
    const sentMs = bench.nowMs;
    if (bench.request(one => (one === c ? 200 : 20)) === c) triedMs.push(sentMs);
  }
  // A tenth of 200 ms is left after 10 s × ln 10 = 23 s.
  const pauses = triedMs.slice(1).map((ms, index) => ms - triedMs[index]);
  expect(pauses.length).toBeGreaterThan(20);
  for (const pauseMs of pauses) {
    expect(pauseMs).toBeGreaterThan(20_000);
    expect(pauseMs).toBeLessThan(25_000);
  }
});

test("a backend that becomes slow is avoided after one slow response, and used again when it recovers", () => {
  const bench = new StrategyBench("ewma", [1, 1]);
  const [a, b] = bench.backends;
  let slow = false;
  const answerMs = (one: unknown) => (one === a ? (slow ? 500 : 10) : 20);
  const share = () =>
    countsOf(
      times(1000, () => bench.request(answerMs)),
      bench.backends,
    )[0] / 1000;
  expect(share()).toBeGreaterThan(0.9);
  slow = true;
  expect(share()).toBeLessThan(0.01);
  slow = false;
  bench.nowMs += 40_000; // 500 ms × e^-4 is less than 10
  expect(share()).toBeGreaterThan(0.9);
  expect(b.counters.sessions).toBe(0);
});

test("sessions count: a backend three times as fast holds three times as many", () => {
  const bench = new StrategyBench("ewma", [1, 1]);
  const [a, b] = bench.backends;
  a.latency.observe(10, 0);
  b.latency.observe(30, 0);
  times(38, () => bench.open());
  // Costs are for the session to come: 10 × 30 and 30 × 10.
  expect(bench.sessions).toEqual([29, 9]);
});

test("responses that take 0 ms do not hide which backend is busy", () => {
  const bench = new StrategyBench("ewma", [1, 1, 1]);
  for (const backend of bench.backends) backend.latency.observe(0, 0);
  expect(namesOf(times(6, () => bench.open()))).toBe("a b c a b c");
});

test("after a day without requests a burst spreads over all backends", () => {
  const bench = new StrategyBench("ewma", [1, 1, 1]);
  for (const backend of bench.backends) backend.latency.observe(10 ** backend.index, 0);
  bench.nowMs = 24 * 3600 * 1000;
  times(12, () => bench.open());
  expect(bench.sessions).toEqual([4, 4, 4]);
});
