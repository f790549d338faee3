import { seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { countsOf, namesOf, StrategyBench, times } from "./testing.ts";

const answerMs = () => 1;

test("sessions are in proportion to the weights", () => {
  const bench = new StrategyBench("least-connections", [5, 2, 1]);
  times(80, () => bench.open());
  expect(bench.sessions).toEqual([50, 20, 10]);
});

test("the backend with the fewest sessions per weight is picked, whatever the traffic", () => {
  const bench = new StrategyBench("least-connections", [1, 2, 4, 1]);
  const random = seeded(4);
  for (let turn = 0; turn < 5000; turn++) {
    const loads = bench.backends.map(({ counters, weight }) => counters.sessions / weight);
    const backend = bench.open();
    expect(loads[backend.index]).toBe(Math.min(...loads));
    for (const { counters } of bench.backends)
      if (counters.sessions > 0 && random() < 0.3) counters.sessions--;
  }
});

test("requests one at a time take turns by weight", () => {
  const bench = new StrategyBench("least-connections", [5, 1, 1]);
  expect(namesOf(times(14, () => bench.request(answerMs)))).toBe("a a b a c a a a a b a c a a");
});

test("backends with equally few sessions take turns while another is busy", () => {
  const bench = new StrategyBench("least-connections", [1, 1, 1]);
  bench.sessions = [0, 9, 0];
  expect(
    countsOf(
      times(100, () => bench.request(answerMs)),
      bench.backends,
    ),
  ).toEqual([50, 0, 50]);
});
