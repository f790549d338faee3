import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { judge, type Verdict } from "./check.ts";

export interface CampaignOptions {
  /** The first world's seed; the others follow. */
  readonly seed: number;
  readonly runs: number;
  /** Processes that play at once. What comes out does not depend on it. */
  readonly jobs: number;
  /** Plays no world behind the first one that fails. */
  readonly bail?: boolean;
  readonly onVerdict?: (verdict: Verdict) => void;
}

/** Judges the worlds of a campaign; gives the verdicts in the order of their seeds. */
export async function campaign(options: CampaignOptions): Promise<Verdict[]> {
  const { seed, runs, jobs, bail = false, onVerdict = () => {} } = options;
  const verdicts: Verdict[] = [];
  let next = seed;
  let end = seed + runs;
  const work = async (play: (seed: number) => Promise<Verdict>) => {
    while (next < end) {
      const verdict = await play(next++);
      verdicts.push(verdict);
      // Those before it are under way and go on, so the first one that fails is always the same.
      if (bail && verdict.broken.length > 0) end = Math.min(end, verdict.seed + 1);
      onVerdict(verdict);
    }
  };
  if (jobs === 1) await work(judge);
  else await Promise.all(Array.from({ length: Math.min(jobs, runs) }, () => employ(work)));
  return verdicts.filter(verdict => verdict.seed < end).sort((a, b) => a.seed - b.seed);
}

/** One more process that plays the worlds it is told. */
async function employ(
  work: (play: (seed: number) => Promise<Verdict>) => Promise<void>,
): Promise<void> {
  const child = fork(new URL("./worker.ts", import.meta.url), {
    execArgv: ["--import", "tsx"],
  });
  try {
    await work(seed => ask(child, seed));
  } finally {
    child.kill();
  }
}

async function ask(child: ChildProcess, seed: number): Promise<Verdict> {
  child.send(seed);
  const gone = new AbortController();
  try {
    const [verdict] = await Promise.race([
      once(child, "message", { signal: gone.signal }),
      once(child, "exit", { signal: gone.signal }).then(([code]) => {
        throw new Error(`seed ${seed}: the process that played it ended with code ${code}`);
      }),
    ]);
    return verdict as Verdict;
  } finally {
    gone.abort();
  }
}
