import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../run.ts";
import { junit } from "./junit.ts";
import { page } from "./page.ts";

/**
 * Writes `run.json` (all of it), `junit.xml` and `report.html` into `folder`, which is there. A run that is
 * cut off meanwhile leaves the reports of before: each file is changed as a whole.
 */
export function writeReports(folder: string, run: Run): void {
  write(join(folder, "run.json"), `${JSON.stringify(run)}\n`);
  write(join(folder, "junit.xml"), junit(run));
  write(join(folder, "report.html"), page(run));
}

function write(file: string, text: string): void {
  rmSync(`${file}.new`, { force: true }); // a FIFO of this name would keep us for ever
  writeFileSync(`${file}.new`, text, { flag: "wx" });
  renameSync(`${file}.new`, file);
}
