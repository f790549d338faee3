import { expect, test } from "vitest";
import { loadTable, ratesOnChip } from "./load.ts";

test("a processor of 240 MHz has time for as many requests as its cycles allow", () => {
  expect(ratesOnChip(400_000).map(Math.round)).toEqual([200, 333]);
});

test("each rung of the ladder is a row beside what was published for it", () => {
  const count = { name: "", unit: "request", instructions: 470_000, computrons: 9_000 } as never;
  const [head, row] = loadTable([{ connections: 8, count, collecting: 70_000, lost: 0.25 }]).split(
    "\n",
  );
  expect(head.split(/ {2,}/).slice(0, 5)).toEqual([
    "connections",
    "instructions",
    "collecting",
    "computrons",
    "lost",
  ]);
  expect(row.trim().split(/ {2,}/)).toEqual([
    "8",
    "470000",
    "70000",
    "9000",
    "25 %",
    "200 to 333",
    "63",
    "86",
  ]);
});
