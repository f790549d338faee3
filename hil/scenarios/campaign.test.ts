import { expect, test } from "vitest";
import { campaign } from "../src/campaign/crew.ts";
import { again, missing } from "../src/campaign/report.ts";

/** Enough for each rare branch to be taken; `npm run sim` plays more. */
const WORLDS = 200;

test(`in ${WORLDS} random worlds every invariant holds, each goes the same way twice, and every rare branch is taken`, async () => {
  const verdicts = await campaign({ seed: 1, runs: WORLDS, jobs: 1 });
  const broken = verdicts.filter(verdict => verdict.broken.length > 0);
  expect(broken.map(({ seed, broken }) => `${again(seed)}: ${broken.join("; ")}`)).toEqual([]);
  expect(missing(verdicts)).toEqual([]);
}, 180_000);
