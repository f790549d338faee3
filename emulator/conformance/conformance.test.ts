import { expect, test } from "vitest";
import { CASES } from "./cases.ts";
import { MemoryTarget } from "./memory.ts";

for (const { name, sockets, run } of CASES) {
  if (sockets === "own") continue;
  test(name, async () => {
    const target = new MemoryTarget();
    await target.start();
    await run(target);
    // Whatever the case has done, a board without power leaves nothing behind.
    expect(await target.stop()).toEqual([]);
  });
}

test("every case has a unique name, and a source", () => {
  expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
  for (const { source } of CASES)
    expect(source).toMatch(/^(modules|xs|build|src\/core|firmware\/native)\/\S+\.(c|h|js): \w+$/);
});
