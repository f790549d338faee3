import { expect, test } from "vitest";
import { ourEngine } from "../xs/engine.ts";
import { committed, compare, measure } from "./budget.ts";
import { HOSTILE_COMPUTRONS_MAX, hostile } from "./hostile.ts";
import { requests, sessions } from "./sessions.ts";

test("the firmware keeps its budget; `npm run budget` shows more", async () => {
  const { broken, saved } = compare(await measure(), committed(), ourEngine().bits);
  if (saved.length > 0) {
    process.stderr.write(`${saved.join("\n")}\ncommit it with: npm run budget -- --write\n`);
  }
  expect(broken).toEqual([]);
});

test("measured again, every figure is the same to the digit", async () => {
  for (const measure of [sessions, requests]) expect(await measure()).toEqual(await measure());
});

test("no head that a stranger can send costs more than 215 computrons for each of its bytes", async () => {
  for (const { name, value } of await hostile()) {
    expect([name, value]).toEqual([
      name,
      expect.toSatisfy(computrons => computrons <= HOSTILE_COMPUTRONS_MAX),
    ]);
  }
});
