import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { SingleBar } from "cli-progress";
import { ignoreBrokenPipe } from "../../emulator/src/broken-pipe.ts";
import { CommandLineError, readCommandLine } from "../../firmware/tools/command-line.ts";
import { BY_COMPARISON } from "./check.ts";
import { generate } from "./generate.ts";
import { again, branches, failure, missing, replay, summary } from "./report.ts";
import { simulate } from "./run.ts";
import { shrink } from "./shrink.ts";
import { campaign } from "./worker-pool.ts";

const HELP = `npm run sim -- [options]

Plays random runs around the emulated board in virtual time: weather, faults, clients of all sorts.
What must hold holds in each of them, each goes the same way twice, and every rare branch is taken in
some; if not, it says which, makes the first plan that failed small, and ends with code 1.

  --runs N    runs (default 200; that many take every rare branch)
  --seed N    the first plan's seed (default 1); the others follow. "random" takes a new one, and
              says which
  --jobs N    processes that play at once (default: one for each core, here ${availableParallelism()})
  --bail      stops at the first plan that fails, and leavesEarly it as large as it is
  --branches  says how often each rare branch was taken
  --replay    plays the one plan of --seed, and prints all that goalsReached in it
  --help      this text

  npm run sim                                     what CI plays
  npm run sim -- --runs 5000 --seed random        other runs, for a few minutes
  npm run sim -- --seed 17 --replay               one plan, packet by packet
`;

/** Packets that are kept as text, for --replay and the report of a failure: those of any plan. */
const traceLines = 1_000_000;

/** Runs in which every rare branch must have been taken. */
const RUNS_FOR_BRANCHES = 200;

/** Seeds keep to 31 bits. */
const COUNT_MAX = 2 ** 31 - 1;

const options = {
  runs: { type: "string", default: String(RUNS_FOR_BRANCHES) },
  seed: { type: "string", default: "1" },
  jobs: { type: "string", default: String(availableParallelism()) },
  bail: { type: "boolean", default: false },
  branches: { type: "boolean", default: false },
  replay: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

function complain(text: string): never {
  process.stderr.write(`sim: ${text}\n`);
  process.exit(2);
}

function read() {
  try {
    return readCommandLine({ options }).values;
  } catch (error) {
    if (error instanceof CommandLineError) return complain(error.message);
    throw error;
  }
}

function count(name: string, text: string, max: number): number {
  const value = Number(text);
  if (/^[1-9]\d*$/.test(text) && value <= max) return value;
  return complain(
    `--${name} is "${text}"; wanted a whole number from 1 to ${max}; --help lists the options`,
  );
}

/** The first seed of runs that were hardly ever played. */
function newSeed(): number {
  const first = randomInt(RUNS_FOR_BRANCHES, Math.max(COUNT_MAX - runs, RUNS_FOR_BRANCHES + 1));
  process.stdout.write(`seeds ${first} to ${first + runs - 1}\n`);
  return first;
}

ignoreBrokenPipe();
const values = read();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const runs = count("runs", values.runs, COUNT_MAX);
const seed = values.seed === "random" ? newSeed() : count("seed", values.seed, COUNT_MAX);
const jobs = count("jobs", values.jobs, 256);

if (values.replay) {
  const outcome = await simulate(generate(seed), { traceLines });
  process.stdout.write(replay(outcome));
  process.exitCode = outcome.broken.length > 0 ? 1 : 0;
} else {
  process.exitCode = (await run()) ? 0 : 1;
}

async function run(): Promise<boolean> {
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
    bail: values.bail,
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
  if (first !== undefined && !values.bail) {
    const small = await shrink(generate(first.seed), first.broken, plan =>
      simulate(plan, { traceLines }),
    );
    process.stdout.write(failure(first.seed, small));
  } else if (failures.length > 0) {
    process.stdout.write(`again: ${again(failures[0].seed)}\n`);
  }
  if (values.branches) process.stdout.write(branches(results));
  process.stdout.write(summary(results, realMs));
  const never = results.length < RUNS_FOR_BRANCHES ? [] : missing(results);
  for (const name of never) process.stdout.write(`never goalsReached: ${name}\n`);
  return failures.length === 0 && never.length === 0;
}
