import { expect, test } from "vitest";
import { draw } from "./generate.ts";
import type { World } from "./plan.ts";
import { shrink } from "./shrink.ts";

test("a world that fails is made small: what it takes to fail is left, in its order, and nothing else", async () => {
  const world = draw(5);
  const { parts } = world;
  const guilty = [parts[2], parts.at(-3)!, parts.at(-1)!];
  const play = async (world: World) => ({
    ...world,
    broken: guilty.every(part => world.parts.includes(part)) ? ["it", "more"] : ["something else"],
  });
  const small = await shrink(world, ["it"], play);
  expect(parts.length).toBeGreaterThan(20);
  expect(small.parts).toEqual(guilty);
  expect(small.broken).toEqual(["it", "more"]);
});

test("a world is not played for ever: what fails in no smaller world is given back whole", async () => {
  const world = draw(5);
  let plays = 0;
  const play = async (world: World) => {
    plays++;
    return { ...world, broken: world.parts === whole.parts ? ["it"] : [] };
  };
  const whole = world;
  expect((await shrink(world, ["it"], play)).parts).toBe(world.parts);
  expect(plays).toBeLessThan(1000);
});
