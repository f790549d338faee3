import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CASES } from "../cases.ts";
import { DIFFERENCES, TRAITS } from "./differences.ts";
import { alarming, judge, table } from "./verdict.ts";

/** The rows of the table of results. */
const ROWS = readFileSync(new URL("../README.md", import.meta.url), "utf8")
  .split("\n| case ")[1]
  .split("\n")
  .slice(2)
  .filter(line => line.startsWith("| "));

const CASE = { name: "water is wet" };
const EXPECTED = { trait: "bare", seen: "is ice" } as const;

test("a case that holds agrees; one that fails for no known reason alarms", () => {
  expect(judge(CASE, { result: "ok" }, undefined)).toMatchObject({ word: "agrees", reason: "" });
  const failed = judge(CASE, { result: "not ok", seen: "is dry" }, undefined);
  expect(failed).toMatchObject({ word: "UNEXPLAINED", reason: "is dry" });
  expect(alarming(failed)).toBe(true);
});

test("a known difference is named and does not alarm, as long as it looks the same", () => {
  const known = judge(CASE, { result: "not ok", seen: "Error: is ice" }, EXPECTED);
  expect(known).toMatchObject({ word: "differs", reason: TRAITS.bare });
  expect(alarming(known)).toBe(false);
  expect(alarming(judge(CASE, { result: "not ok", seen: "is steam" }, EXPECTED))).toBe(true);
  const either = { ...EXPECTED, seen: ["is ice", "is steam"] };
  expect(judge(CASE, { result: "not ok", seen: "is steam" }, either).word).toBe("differs");
});

test("a known difference that is not seen is reported, unless it is listed as occasional", () => {
  const gone = judge(CASE, { result: "ok" }, EXPECTED);
  expect(gone).toMatchObject({ word: "NO LONGER DIFFERS" });
  expect(alarming(gone)).toBe(true);
  expect(judge(CASE, { result: "ok" }, { ...EXPECTED, sometimes: true }).word).toBe("differs");
  const unplayed = judge(CASE, { result: "skip", seen: "no water" }, EXPECTED);
  expect(alarming(unplayed)).toBe(true);
});

test("what a board cannot show is no agreement", () => {
  const part = judge(CASE, { result: "part", seen: "it is dark" }, undefined);
  const skipped = judge(CASE, { result: "skip", seen: "no water" }, undefined);
  expect([part.word, skipped.word]).toEqual(["in part", "not seen"]);
});

test("differences, and the table in README.md, speak of cases that there are", () => {
  const names = CASES.map(({ name }) => name);
  expect(Object.keys(DIFFERENCES).filter(name => !names.includes(name))).toEqual([]);

  expect(ROWS.length).toBeGreaterThan(0);
  expect(ROWS.filter(row => !names.includes(row.split(" | ")[0].slice(2)))).toEqual([]);
});

test("the table in README.md is that of the list of differences", () => {
  for (const each of CASES) {
    const row = ROWS.find(line => line.startsWith(`| ${each.name} | `));
    if (row === undefined) continue; // not played on a simulator yet
    const expected = DIFFERENCES[each.name];
    if (expected === undefined) expect(row).not.toContain(" | differs | ");
    else {
      const verdict = judge(each, { result: "not ok", seen: [expected.seen].flat()[0] }, expected);
      expect(table("lin", [verdict])).toContain(row);
    }
  }
});
