import { expect, test } from "vitest";
import { namesOf, Trial, times } from "./testing.ts";

test("the first that has room serves, so that the others may sleep", () => {
  const trial = new Trial("first", [1, 1, 1]);
  const room = () => trial.backends.filter(({ sessions }) => sessions < 2);
  expect(namesOf(times(5, () => trial.open(room())))).toBe("a a b b c");
  trial.answer(trial.backends[0], 1);
  expect(namesOf(times(2, () => trial.open(room())))).toBe("a c");
});
