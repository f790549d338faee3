import { expect, test } from "vitest";
import { namesOf, StrategyBench, times } from "./testing.ts";

test("the first backend with room serves, so that later ones may sleep", () => {
  const bench = new StrategyBench("first", [1, 1, 1]);
  const room = () => bench.backends.filter(({ counters }) => counters.sessions < 2);
  expect(namesOf(times(5, () => bench.open(room())))).toBe("a a b b c");
  bench.answer(bench.backends[0], 1);
  expect(namesOf(times(2, () => bench.open(room())))).toBe("a c");
});
