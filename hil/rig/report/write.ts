import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Run } from "../run.ts";
import { junit } from "./junit.ts";
import { page } from "./page.ts";

/** Writes `run.json` (all of it), `junit.xml` and `report.html` into `folder`, which is there. */
export function writeReports(folder: string, run: Run): void {
  writeFileSync(join(folder, "run.json"), `${JSON.stringify(run)}\n`);
  writeFileSync(join(folder, "junit.xml"), junit(run));
  writeFileSync(join(folder, "report.html"), page(run));
}
