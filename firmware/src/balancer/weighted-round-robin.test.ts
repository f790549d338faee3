import { expect, test } from "vitest";
import { countsOf, namesOf, StrategyBench, times } from "./testing.ts";

const answerMs = () => 1;

/** The credit of each backend; a score is minus the credit after the next round. */
function credits(bench: StrategyBench): number[] {
  return bench.backends.map(one => -bench.score(one) - one.effectiveWeight);
}

test("weights 5, 1, 1 give a a b a c a a, over and over", () => {
  const bench = new StrategyBench("weighted-round-robin", [5, 1, 1]);
  for (const _ of times(10, () => 0)) {
    expect(namesOf(times(7, () => bench.request(answerMs)))).toBe("a a b a c a a");
  }
});

test.each([
  [[5, 1, 1]],
  [[1, 1, 1]],
  [[7, 3]],
  [[256, 1]],
  [[4, 3, 2, 1]],
  [[1, 2, 3, 5, 8, 13, 21]],
])("weights %j: exact in every window of their sum, and credits sum to zero", weights => {
  const bench = new StrategyBench("weighted-round-robin", weights);
  const sum = weights.reduce((all, weight) => all + weight, 0);
  const picked = times(3 * sum, () => {
    const backend = bench.request(answerMs);
    const left = credits(bench);
    expect(left.reduce((all, credit) => all + credit, 0)).toBe(0);
    // No backend is a whole turn ahead of its share or behind it.
    for (const credit of left) expect(Math.abs(credit)).toBeLessThan(sum);
    return backend;
  });
  for (let start = 0; start <= 2 * sum; start++) {
    expect(countsOf(picked.slice(start, start + sum), bench.backends)).toEqual(weights);
  }
});

test("a backend in slow start gets the share of its effective weight", () => {
  const bench = new StrategyBench("weighted-round-robin", [10, 10]);
  const [, b] = bench.backends;
  b.effectiveWeight = 1; // as `Group` sets it for a slowStartFactor of 10 %
  expect(
    countsOf(
      times(110, () => bench.request(answerMs)),
      bench.backends,
    ),
  ).toEqual([100, 10]);
  b.effectiveWeight = 10;
  expect(
    countsOf(
      times(20, () => bench.request(answerMs)),
      bench.backends,
    ),
  ).toEqual([10, 10]);
});
