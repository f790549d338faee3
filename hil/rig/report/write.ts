import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../run.ts";
import { junit } from "./junit.ts";
import { page } from "./page.ts";

/**
 * Writes `run.json` (complete), `junit.xml` and `report.html` into the existing `folder`. Each file is replaced
 * as a whole: a run that is cut off meanwhile leaves the previous reports.
 */
export function writeReports(folder: string, run: Run): void {
  write(join(folder, "run.json"), `${JSON.stringify(run)}\n`);
  write(join(folder, "junit.xml"), junit(run));
  write(join(folder, "report.html"), page(run));
}

function write(file: string, text: string): void {
  rmSync(`${file}.new`, { force: true }); // opening a FIFO of this name would block
  writeFileSync(`${file}.new`, text, { flag: "wx" });
  renameSync(`${file}.new`, file);
}
