import { expect, test } from "vitest";
import { countsOf, namesOf, Trial, times } from "./testing.ts";

const answerMs = () => 1;

test("everybody once in any run as long as there are candidates", () => {
  const trial = new Trial("round-robin", [1, 1, 1, 1, 1]);
  const picked = times(200, () => trial.request(answerMs));
  for (let start = 0; start + 5 <= picked.length; start++) {
    expect(countsOf(picked.slice(start, start + 5), trial.backends)).toEqual([1, 1, 1, 1, 1]);
  }
});

test("goes on after the last one when somebody is missing", () => {
  const trial = new Trial("round-robin", [1, 1, 1, 1]);
  const [a, b, c, d] = trial.backends;
  const turns = [
    trial.backends,
    trial.backends,
    [a, b, d],
    [a, b, d],
    [a, b, c, d],
    [c, d],
    [a, b],
  ];
  expect(namesOf(turns.map(candidates => trial.request(answerMs, candidates)))).toBe(
    "a b d a b c a",
  );
});

test("its score counts the places until the turn", () => {
  const trial = new Trial("round-robin", [1, 1, 1]);
  trial.request(answerMs);
  const [a, b, c] = trial.backends.map(backend => trial.strategy.score(backend, 0));
  expect([b, c]).toEqual([0, 1]);
  expect(a).toBeGreaterThan(c);
});
