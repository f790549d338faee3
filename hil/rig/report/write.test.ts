import { linkSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { aRun } from "./testing.ts";
import { writeReports } from "./write.ts";

test("a run is written as a page, as JUnit, and complete as JSON", () => {
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

test("a soak that is cut off while it writes leaves the previous report: no file is written in place", () => {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-report-"));
  const files = ["junit.xml", "report.html", "run.json"];
  writeReports(folder, aRun({ ms: 1 }));
  const before = files.map(name => readFileSync(join(folder, name), "utf8"));
  for (const name of files) linkSync(join(folder, name), join(folder, `${name}.linked`));
  writeReports(folder, aRun({ ms: 300_000 }));
  const linked = files.map(name => readFileSync(join(folder, `${name}.linked`), "utf8"));
  const left = readdirSync(folder).filter(name => !name.endsWith(".linked"));
  rmSync(folder, { recursive: true });
  expect(linked).toEqual(before);
  expect(left.sort()).toEqual(files);
});

test("a FIFO in the place of a report is replaced without waiting for a reader", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hot-potato-report-"));
  for (const name of ["run.json.new", "junit.xml"]) await execa("mkfifo", [join(folder, name)]);
  writeReports(folder, aRun());
  const json = readFileSync(join(folder, "run.json"), "utf8");
  rmSync(folder, { recursive: true });
  expect(JSON.parse(json)).toEqual(aRun());
});
