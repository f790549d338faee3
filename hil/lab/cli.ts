import { writeFileSync } from "node:fs";
import { SingleBar } from "cli-progress";
import { columns } from "../../firmware/tools/columns.ts";
import { oneOf, runCommand, UsageError, wholeNumber } from "../../firmware/tools/command-line.ts";
import { EXPERIMENTS } from "./experiments.ts";
import { type ExperimentResult, page } from "./page.ts";
import { type Play, play, STRATEGY_NAMES } from "./play.ts";
import { conclusion, summarize, table } from "./summary.ts";

/** The largest seed. */
const SEED_MAX = 999_999_999;

await runCommand(
  {
    name: "lab",
    usage: ["[EXPERIMENT …] [options]"],
    about: `
Plays every balancing strategy on the same requests, through the whole emulated board in virtual time,
and shows which one does best and why: a table here, charts on a page.

Experiments (all of them when none is named):
${columns(Object.entries(EXPERIMENTS).map(([name, { question }]) => [name, question]))}`,
    options: {
      seed: {
        value: "N",
        read: wholeNumber(1, SEED_MAX),
        default: "1",
        help: "seed of the random numbers; the same seed gives the same results",
      },
      out: { value: "FILE", default: "strategy-lab.html", help: "file for the page" },
    },
    word: oneOf(Object.keys(EXPERIMENTS)),
    more: "Example: npm run lab -- one-slow bursts --seed 7",
  },
  async ({ values, words }) => {
    const outcomes = await playAll(
      words.length > 0 ? words : Object.keys(EXPERIMENTS),
      values.seed,
    );
    try {
      writeFileSync(values.out, page(outcomes));
    } catch (error) {
      throw new UsageError(`--out "${values.out}": ${(error as Error).message}`);
    }
    process.stdout.write(`charts: ${values.out}\n`);
  },
);

/** Plays every strategy in these experiments, and prints the results. */
async function playAll(names: readonly string[], seed: number): Promise<ExperimentResult[]> {
  const bar = new SingleBar({
    format: "{bar} {value}/{total} {what}",
    clearOnComplete: true,
    hideCursor: true,
  });
  const shown = process.stderr.isTTY;
  if (shown) bar.start(names.length * STRATEGY_NAMES.length, 0, { what: "" });
  const outcomes: ExperimentResult[] = [];
  for (const [i, name] of names.entries()) {
    if (!shown) process.stderr.write(`lab: experiment ${i + 1} of ${names.length}: ${name}\n`);
    const experiment = EXPERIMENTS[name];
    const plays: Play[] = [];
    for (const strategy of STRATEGY_NAMES) {
      if (shown) {
        bar.update({ what: `${name} ${strategy}` });
        bar.render(); // a play blocks its timer
      }
      plays.push(await play(experiment, strategy, seed));
      if (shown) bar.increment();
    }
    const summaries = plays.map(one => summarize(experiment, one));
    outcomes.push({ name, experiment, seed, plays, summaries });
  }
  if (shown) bar.stop();
  for (const { experiment, summaries } of outcomes) {
    process.stdout.write(
      `${experiment.question}\n\n${table(experiment, summaries)}\n\n${conclusion(summaries)}\n\n`,
    );
  }
  return outcomes;
}
