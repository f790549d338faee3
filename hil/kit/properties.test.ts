import { describe, expect, test } from "vitest";
import fc from "./properties.ts";
import { readSeed } from "./seed.ts";

test("every property draws the same values each time, by one seed", () => {
  const draw = () => {
    const values: number[] = [];
    fc.assert(fc.property(fc.integer(), value => void values.push(value)));
    return values;
  };
  expect(draw()).toEqual(draw());
  expect(fc.readConfigureGlobal().seed).toBe(readSeed(process.env.SEED));
});

test("a property that fails says how to play it again and what to pin", () => {
  const failing = () => fc.assert(fc.property(fc.record({ n: fc.nat() }), ({ n }) => n < 3));
  const { seed } = fc.readConfigureGlobal();
  expect(failing).toThrow(`Again: SEED=${seed} npx vitest run hil/kit/properties.test.ts\n`);
  expect(failing).toThrow(/fc.assert the parameter examples: \[\[{"n":3}\]\]$/);
  // Pinned examples are played first.
  const pinned: number[] = [];
  fc.assert(
    fc.property(fc.nat(), n => void pinned.push(n)),
    { examples: [[-7]] },
  );
  expect(pinned[0]).toBe(-7);
});

describe("SEED", () => {
  test.each([
    [undefined, 1],
    ["", 1],
    ["12345", 12345],
    ["-864270285", -864270285],
  ])("%j is seed %i", (text, seed) => {
    expect(readSeed(text)).toBe(seed);
  });

  test("random is another seed each time", () => {
    expect(readSeed("random")).not.toBe(readSeed("random"));
  });

  test.each(["1e99", "ten", "1.5", "99999999999"])("%j is refused with what is allowed", text => {
    expect(() => readSeed(text)).toThrow(`SEED is "${text}"; wanted a whole number`);
  });
});
