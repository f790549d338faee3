import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COLUMNS, caseRows, columnsTable, linWords } from "./columns.ts";

const README = readFileSync(new URL("README.md", import.meta.url), "utf8");

test("the README's table of all targets is that of the cases and their differences", () => {
  expect(README).toContain(columnsTable(caseRows(linWords(README))));
});

test("whatever differs on a target has a reason", () => {
  for (const { name, cells, reasons } of caseRows(linWords(README))) {
    expect(cells).toHaveLength(COLUMNS.length);
    if (cells.includes("differs")) expect(reasons, name).not.toEqual([]);
  }
});

test("the cases of the firmware's own sockets hold wherever those are, real lwIP included", () => {
  const own = caseRows(new Map()).filter(({ cells }) => cells[0] === "-");
  expect(own.length).toBeGreaterThan(20);
  for (const { name, cells } of own) expect([cells[3], cells[5]], name).toEqual(["holds", "holds"]);
});
