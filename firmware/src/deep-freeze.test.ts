import { expect, test } from "vitest";
import { deepFreeze } from "./deep-freeze.ts";

test("everything in a value is frozen, and the value is returned", () => {
  const given = { list: [{ a: 1 }], none: null, text: "a", run: () => 1 };
  const frozen = deepFreeze(given);
  expect(frozen).toBe(given);
  expect([frozen, frozen.list, frozen.list[0]].every(Object.isFrozen)).toBe(true);
  expect(() => {
    frozen.list[0].a = 2;
  }).toThrow(TypeError);
});
