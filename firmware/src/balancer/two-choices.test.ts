import { expect, test } from "vitest";
import { countsOf, StrategyBench, spread, times } from "./testing.ts";
import { TwoChoices } from "./two-choices.ts";

const answerMs = () => 1;

test.each([[[1, 1, 1]], [[5, 1, 1]], [[1, 2, 3, 4]], [[100, 1]]])(
  "idle backends of weights %j get shares in proportion, within four standard deviations",
  weights => {
    const runs = 30_000;
    const bench = new StrategyBench("two-choices", weights);
    const sum = weights.reduce((all, weight) => all + weight, 0);
    const counts = countsOf(
      times(runs, () => bench.request(answerMs)),
      bench.backends,
    );
    for (const [index, weight] of weights.entries()) {
      const share = weight / sum;
      expect(Math.abs(counts[index] - runs * share)).toBeLessThan(spread(runs, share));
    }
  },
);

test("of the two drawn the one with the higher load never wins", () => {
  const bench = new StrategyBench("two-choices", [1, 2, 4, 8]);
  const { backends } = bench;
  bench.sessions = [3, 4, 4, 0];
  // Loads of 3, 2, 1 and 0, and every pair of random numbers in steps of half a weight.
  for (const one of times(30, step => (step + 0.5) / 30)) {
    for (const other of times(30, step => (step + 0.5) / 30)) {
      const chances = [one, other];
      const drawn = new TwoChoices(() => chances.shift()!).pick(backends)!;
      const first = backends.find((_, index) => one * 15 < 2 ** (index + 1) - 1)!;
      const rest = backends.filter(backend => backend !== first);
      let left = other * rest.reduce((all, { weight }) => all + weight, 0);
      const second = rest.find(({ weight }) => {
        left -= weight;
        return left < 0;
      })!;
      // The order is by load, descending: the later of the two is the less loaded.
      expect(drawn.index).toBe(Math.max(first.index, second.index));
    }
  }
});

test("the backend with the highest load gets nothing", () => {
  const bench = new StrategyBench("two-choices", [1, 1, 1, 1]);
  bench.sessions = [0, 0, 5, 0];
  expect(
    countsOf(
      times(10_000, () => bench.request(answerMs)),
      bench.backends,
    )[2],
  ).toBe(0);
});

test("keeps the load even over many sessions", () => {
  const bench = new StrategyBench("two-choices", new Array(8).fill(1));
  times(8000, () => bench.open());
  // With a single draw the difference would be about sqrt(1000 × ln 8), which is 90.
  expect(Math.max(...bench.sessions) - Math.min(...bench.sessions)).toBeLessThan(10);
});
