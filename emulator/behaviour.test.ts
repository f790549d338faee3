import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CASES } from "./conformance/cases.ts";

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8");

/** Rows of the tables; the last cell names cases and tests. */
const ROWS = read("emulator/BEHAVIOUR.md")
  .split("\n")
  .filter(line => line.startsWith("| ") && !/^\| (behaviour|---)/.test(line))
  .map(line => line.slice(2, -2).split(" | "));

const NAMED = ROWS.flatMap(row => row.at(-1)!.split("<br>")).filter(name => name !== "—");

test("each row has a behaviour, how far it is modelled, its source, and the case that proves it", () => {
  expect(ROWS.length).toBeGreaterThan(50);
  for (const row of ROWS) {
    expect(row, row[0]).toHaveLength(4);
    expect(row[1]).toMatch(/^(yes|partly: |no\b)/);
    // Each behaviour that is modelled has a test.
    if (row[1].startsWith("yes")) expect(row[3], row[0]).not.toBe("—");
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

test("each case is in the table", () => {
  expect(CASES.map(({ name }) => name).filter(name => !NAMED.includes(name))).toEqual([]);
});
