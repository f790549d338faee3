import { expect, test } from "vitest";
import { PicksInFlight } from "./picks-in-flight.ts";

test("a response finds its pick by backend and time, and only once", () => {
  const open = new PicksInFlight();
  open.add(0, 10, 1000);
  open.add(1, 11, 1000);
  open.add(0, 12, 1500);
  open.add(0, 13, 2000);
  expect(open.take(0, 1501)).toBe(12);
  expect(open.take(1, 1003)).toBe(11);
  expect(open.take(1, 1003)).toBeUndefined();
  expect(open.take(0, 1999)).toBe(13);
  expect(open.take(0, 1999)).toBe(10);
  expect(open.take(0, 1999)).toBeUndefined();
  expect(open.take(31, 0)).toBeUndefined();
});

test("picks without a response are dropped, the oldest first", () => {
  const open = new PicksInFlight();
  for (let turn = 0; turn < 1000; turn++) open.add(turn % 32, turn % 256, turn);
  for (let turn = 999; turn >= 968; turn--) expect(open.take(turn % 32, turn)).toBe(turn % 256);
  expect(open.take(967 % 32, 967)).toBeUndefined();
});
