import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { aRun } from "./testing.ts";
import { writeReports } from "./write.ts";

test("a run lies in its folder as page, as JUnit, and whole as JSON", () => {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-report-"));
  const run = aRun({ moments: [{ ms: 1, source: "serial", text: "\u0000 \ud800 ok" }] });
  writeReports(folder, run);
  const [page, junit, json] = ["report.html", "junit.xml", "run.json"].map(name =>
    readFileSync(join(folder, name), "utf8"),
  );
  rmSync(folder, { recursive: true });
  expect(page).toMatch(/^<!doctype html>/);
  expect(junit).toMatch(/^<\?xml/);
  expect(JSON.parse(json)).toEqual(run);
});
