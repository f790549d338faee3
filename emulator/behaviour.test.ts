import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CASES } from "./conformance/cases.ts";
import { lwipDifference } from "./conformance/differences.ts";

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

/** Rows of the tables; the last cell names cases and tests. */
const ROWS = read("emulator/BEHAVIOUR.md")
  .split("\n")
  .filter(line => line.startsWith("| ") && !/^\| (behaviour|---)/.test(line))
  .map(line => line.slice(2, -2).split(" | "));

const NAMED = ROWS.flatMap(row => row.at(-1)!.split("<br>")).filter(name => name !== "—");

test("each row has a behaviour, how far it is modelled, its source, what real lwIP proves of it, and the case that proves it", () => {
  expect(ROWS.length).toBeGreaterThan(50);
  for (const row of ROWS) {
    expect(row, row[0]).toHaveLength(5);
    expect(row[1]).toMatch(/^(yes|partly: |no\b)/);
    // Each behaviour that is modelled has a test.
    if (row[1].startsWith("yes")) expect(row[4], row[0]).not.toBe("—");
  }
});

test("each case and test that the table names exists", () => {
  const cases = new Set(CASES.map(({ name }) => name));
  for (const name of NAMED) {
    const [, file, title] = /^(\S+\.test\.ts): (.+)$/.exec(name) ?? [];
    if (file === undefined) expect(cases, name).toContain(name);
    else expect(read(file), name).toContain(`test("${title}"`);
  }
});

test("the column lwIP says how many of a row's cases hold there", () => {
  const names = new Set(CASES.map(({ name }) => name));
  for (const row of ROWS) {
    const cases = row[4].split("<br>").filter(name => names.has(name));
    const holds = cases.filter(name => lwipDifference(name) === undefined).length;
    const some = holds === 0 ? "differs" : `${holds} of ${cases.length}`;
    const word = cases.length === 0 ? "—" : holds === cases.length ? "yes" : some;
    expect(row[3], row[0]).toBe(word);
  }
});

test("each case is in the table", () => {
  expect(CASES.map(({ name }) => name).filter(name => !NAMED.includes(name))).toEqual([]);
});
