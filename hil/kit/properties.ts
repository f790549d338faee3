import { relative } from "node:path";
import fc, { type RunDetails } from "fast-check";
import { expect } from "vitest";
import { readSeed } from "./seed.ts";

// fast-check for the tests: one seed for a whole run, so that a run is the same each time. `SEED=random`
// draws another one; vitest.config.ts does so once for all workers.

const seed = readSeed(process.env.SEED);

/** Throws, for a property that fails, fast-check's report and what plays it again or pins it. */
function report<T>(details: RunDetails<T>): void {
  if (!details.failed) return;
  const { testPath = "" } = expect.getState();
  const lines = [fc.defaultReportMessage(details)];
  if (details.counterexample !== null) {
    lines.push(
      `Again: SEED=${details.seed} npx vitest run ${relative(process.cwd(), testPath)}`,
      `To pin it, give fc.assert the parameter examples: [${fc.stringify(details.counterexample)}]`,
    );
  }
  throw new Error(lines.join("\n\n"), { cause: details.errorInstance });
}

fc.configureGlobal({ seed, reporter: report });

export default fc;
