import { expect, test } from "vitest";
import { countsOf, namesOf, StrategyBench, times } from "./testing.ts";

const answerMs = () => 1;

test("any run of as many picks as there are candidates contains each once", () => {
  const bench = new StrategyBench("round-robin", [1, 1, 1, 1, 1]);
  const picked = times(200, () => bench.request(answerMs));
  for (let start = 0; start + 5 <= picked.length; start++) {
    expect(countsOf(picked.slice(start, start + 5), bench.backends)).toEqual([1, 1, 1, 1, 1]);
  }
});

test("continues after the last pick when candidates are missing", () => {
  const bench = new StrategyBench("round-robin", [1, 1, 1, 1]);
  const [a, b, c, d] = bench.backends;
  const turns = [
    bench.backends,
    bench.backends,
    [a, b, d],
    [a, b, d],
    [a, b, c, d],
    [c, d],
    [a, b],
  ];
  expect(namesOf(turns.map(candidates => bench.request(answerMs, candidates)))).toBe(
    "a b d a b c a",
  );
});

test("the score is the number of positions until the turn", () => {
  const bench = new StrategyBench("round-robin", [1, 1, 1]);
  bench.request(answerMs);
  const [a, b, c] = bench.backends.map(backend => bench.score(backend));
  expect([b, c]).toEqual([0, 1]);
  expect(a).toBeGreaterThan(c);
});
