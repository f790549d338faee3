import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { SingleBar } from "cli-progress";
import { oneOf, runCommand, wholeNumber } from "../../firmware/tools/command-line.ts";
import { BY_COMPARISON } from "./check.ts";
import { again, branches, failure, missing, replay, summary } from "./report.ts";
import { simulate } from "./run.ts";
import { shrink } from "./shrink.ts";
import { type CampaignTarget, TARGET_NAMES, targetOf } from "./targets.ts";
import { campaign } from "./worker-pool.ts";

/** Packets that are kept as text, for --replay and the report of a failure: those of any run. */
const traceLines = 1_000_000;

/** Runs in which every rare branch must have been taken. */
const RUNS_FOR_BRANCHES = 200;

/** Seeds keep to 31 bits. */
const COUNT_MAX = 2 ** 31 - 1;

/** Processes of one campaign. */
const JOBS_MAX = 256;

const count = wholeNumber(1, COUNT_MAX);

await runCommand(
  {
    name: "sim",
    usage: ["[options]"],
    about: `
Plays random runs around the emulated board in virtual time: loss, faults, clients of all kinds.
Checks that every invariant holds in each run, that each is the same when played twice, and that every
rare branch is taken in some. If not, prints what failed, reduces the first failed plan, and exits with 1.`,
    options: {
      runs: {
        value: "N",
        read: count,
        default: String(RUNS_FOR_BRANCHES),
        help: "runs; the default takes every rare branch",
      },
      seed: {
        value: "N",
        read: text => (text === "random" ? text : count(text)),
        default: "1",
        help: 'the first plan\'s seed; the others follow. "random" draws one and prints it',
      },
      target: {
        value: "NAME",
        read: oneOf(TARGET_NAMES),
        default: "emulated",
        help: 'the board: "emulated", or "lwip": the chip\'s engine and TCP stack, with the firmware\'s own sockets',
      },
      jobs: {
        value: "N",
        read: wholeNumber(1, JOBS_MAX),
        default: String(availableParallelism()),
        help: "parallel processes, by default one for each core",
      },
      bail: { help: "stops at the first plan that fails, and does not reduce it" },
      branches: { help: "prints how often each rare branch was taken" },
      replay: { help: "plays only the plan of --seed, and prints everything that happened" },
    },
    more: `
  npm run sim                                     what CI plays
  npm run sim -- --runs 5000 --seed random        other runs, for a few minutes
  npm run sim -- --seed 17 --replay               one plan, packet by packet
  npm run sim -- --target lwip                    the same plans on the chip's TCP stack`,
  },
  async ({ values }) => {
    const seed = values.seed === "random" ? newSeed(values.runs) : values.seed;
    const target = await targetOf(values.target, line => void process.stderr.write(`${line}\n`));
    const holds = values.replay
      ? await replayed(seed, target)
      : await campaignHolds({ ...values, seed, target });
    process.exitCode = holds ? 0 : 1;
  },
);

/** The first seed of a range that is new with great likelihood. */
function newSeed(runs: number): number {
  const first = randomInt(RUNS_FOR_BRANCHES, Math.max(COUNT_MAX - runs, RUNS_FOR_BRANCHES + 1));
  process.stdout.write(`seeds ${first} to ${first + runs - 1}\n`);
  return first;
}

async function replayed(seed: number, target: CampaignTarget): Promise<boolean> {
  const outcome = await simulate(target.planOf(seed), { traceLines, target });
  process.stdout.write(replay(outcome));
  return outcome.broken.length === 0;
}

interface CampaignOptions {
  readonly seed: number;
  readonly runs: number;
  readonly jobs: number;
  readonly bail: boolean;
  readonly branches: boolean;
  readonly target: CampaignTarget;
}

async function campaignHolds(options: CampaignOptions): Promise<boolean> {
  const { seed, runs, jobs, bail, target } = options;
  const bar = new SingleBar({
    format: "{bar} {value}/{total} runs, {failed} failed, {eta_formatted} left",
    hideCursor: true,
  });
  const shown = process.stderr.isTTY === true;
  let failed = 0;
  if (shown) bar.start(runs, 0, { failed });
  const start = performance.now();
  const results = await campaign({
    seed,
    runs,
    jobs,
    bail,
    target,
    onResult: ({ broken }) => {
      if (broken.length > 0) failed++;
      if (shown) bar.increment({ failed });
    },
  });
  if (shown) bar.stop();
  const realMs = performance.now() - start;

  const failures = results.filter(({ broken }) => broken.length > 0);
  for (const { seed, broken } of failures) {
    process.stdout.write(`seed ${seed}: ${broken.join("; ")}\n`);
  }
  const [first] = failures.filter(({ broken }) =>
    broken.some(what => !BY_COMPARISON.includes(what)),
  );
  if (first !== undefined && !bail) {
    const small = await shrink(target.planOf(first.seed), first.broken, plan =>
      simulate(plan, { traceLines, target }),
    );
    process.stdout.write(failure(first.seed, small, target));
  } else if (failures.length > 0) {
    process.stdout.write(`again: ${again(failures[0].seed, target)}\n`);
  }
  if (options.branches) process.stdout.write(branches(results));
  process.stdout.write(summary(results, realMs, target));
  const never = results.length < RUNS_FOR_BRANCHES ? [] : missing(results, target);
  for (const name of never) process.stdout.write(`never happened: ${name}\n`);
  return failures.length === 0 && never.length === 0;
}
