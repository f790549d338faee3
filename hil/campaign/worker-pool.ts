import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { checkSeed, type SeedResult } from "./check.ts";
import { type CampaignTarget, EMULATED, type TargetName } from "./targets.ts";

export interface CampaignOptions {
  /** The first plan's seed; the others follow. */
  readonly seed: number;
  readonly runs: number;
  /** Processes at once. The results do not depend on it. */
  readonly jobs: number;
  readonly target?: CampaignTarget;
  /** Stops at the first seed that fails. */
  readonly bail?: boolean;
  readonly onResult?: (result: SeedResult) => void;
}

/** Checks all seeds of a campaign; returns the results in the order of the seeds. */
export async function campaign(options: CampaignOptions): Promise<SeedResult[]> {
  const { seed, runs, jobs, bail = false, target = EMULATED, onResult = () => {} } = options;
  const results: SeedResult[] = [];
  let next = seed;
  let end = seed + runs;
  const work = async (check: (seed: number) => Promise<SeedResult>) => {
    while (next < end) {
      const result = await check(next++);
      results.push(result);
      // Runs in progress finish, so the first failing seed is always the same.
      if (bail && result.broken.length > 0) end = Math.min(end, result.seed + 1);
      onResult(result);
    }
  };
  if (jobs === 1) await work(seed => checkSeed(seed, true, target));
  else await Promise.all(Array.from({ length: Math.min(jobs, runs) }, () => employ(target, work)));
  return results.filter(result => result.seed < end).sort((a, b) => a.seed - b.seed);
}

/** One more worker process. */
async function employ(
  { name }: CampaignTarget,
  work: (play: (seed: number) => Promise<SeedResult>) => Promise<void>,
): Promise<void> {
  const child = fork(new URL("./worker.ts", import.meta.url), {
    execArgv: ["--import", "tsx"],
  });
  try {
    await work(seed => ask(child, name, seed));
  } finally {
    child.kill();
  }
}

async function ask(child: ChildProcess, name: TargetName, seed: number): Promise<SeedResult> {
  child.send({ name, seed });
  const gone = new AbortController();
  try {
    const [result] = await Promise.race([
      once(child, "message", { signal: gone.signal }),
      once(child, "exit", { signal: gone.signal }).then(([code]) => {
        throw new Error(`seed ${seed}: the process that played it ended with code ${code}`);
      }),
    ]);
    return result as SeedResult;
  } finally {
    gone.abort();
  }
}
