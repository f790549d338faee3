import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { runCommand, UsageError, wholeNumber } from "../../firmware/tools/command-line.ts";
import { Copy, planted } from "./copy.ts";
import { MUTATIONS, type Mutation } from "./mutations.ts";

/** Time limit of a run: a bug may make the firmware loop for ever. */
const TIMEOUT_MS = 300_000;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Runs of one campaign. */
const RUNS_MAX = 9_999_999;

await runCommand(
  {
    name: "mutants",
    usage: ["[word …] [options]"],
    about: `
Plants one small bug after the other into a copy of the firmware, and says what finds it: the
campaign of npm run sim, or the other tests. Exits with 1 when nothing finds one. With words, only
bugs with one of them in their name.`,
    options: {
      runs: {
        value: "N",
        read: wholeNumber(1, RUNS_MAX),
        default: "200",
        help: "runs of the campaign for each",
      },
      "no-tests": { help: "only the campaign" },
      list: { help: "the bugs, without planting any" },
    },
    word: text => text,
    more: `
  npm run mutants                    all of them, some minutes
  npm run mutants -- retry budget    two of them`,
  },
  async ({ values, words }) => {
    const chosen = MUTATIONS.filter(
      ({ name }) => words.length === 0 || words.some(word => name.includes(word)),
    );
    if (chosen.length === 0)
      throw new UsageError(`no bug has "${words.join('" or "')}" in its name`);
    const texts = new Map(MUTATIONS.map(mutation => [mutation, textWith(mutation)]));
    if (values.list) {
      for (const { name, file } of chosen) process.stdout.write(`${file.padEnd(20)} ${name}\n`);
      return;
    }
    const copy = new Copy(ROOT);
    try {
      const uncaught = await plant(copy, chosen, { ...values, texts });
      process.exitCode = uncaught > 0 ? 1 : 0;
    } finally {
      copy.remove();
    }
  },
);

function textWith(mutation: Mutation): string {
  try {
    return planted(ROOT, mutation);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The campaign's first complaint about a firmware; `undefined` if it has none. */
async function byCampaign(folder: string, runs: number): Promise<string | undefined> {
  const args = ["--import", "tsx", "hil/campaign/cli.ts", "--bail", "--runs", String(runs)];
  const { stdout, stderr, exitCode, timedOut } = await execa(process.execPath, args, {
    cwd: folder,
    reject: false,
    timeout: TIMEOUT_MS,
  });
  if (exitCode === 0) return undefined;
  if (timedOut) return `not finished after ${TIMEOUT_MS / 1000} s`;
  const said = /^(seed \d+: .*|never happened: .*)$/m.exec(stdout)?.[0];
  return said ?? `code ${exitCode}: ${stderr.split("\n").find(line => /Error/.test(line)) ?? ""}`;
}

/** The first test in memory that fails, without the campaign. */
async function byTests(folder: string): Promise<string | undefined> {
  const report = join(folder, "report.json");
  const { exitCode, timedOut } = await execa(
    join(folder, "node_modules/.bin/vitest"),
    [
      ...["run", "--project", "unit", "--bail", "1"],
      ...["--reporter", "json", "--outputFile", report, "firmware", "hil"],
    ],
    { cwd: folder, reject: false, timeout: TIMEOUT_MS },
  );
  if (exitCode === 0) return undefined;
  if (timedOut) return `not finished after ${TIMEOUT_MS / 1000} s`;
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    testResults: { assertionResults: { status: string; fullName: string }[] }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return tests.find(({ status }) => status === "failed")?.fullName ?? `code ${exitCode}`;
}

interface Planting {
  readonly texts: ReadonlyMap<Mutation, string>;
  readonly runs: number;
  readonly "no-tests": boolean;
}

/** Returns how many of the bugs nothing finds. */
async function plant(copy: Copy, chosen: readonly Mutation[], planting: Planting): Promise<number> {
  const withTests = !planting["no-tests"];
  const none = await byCampaign(copy.folder, 5);
  if (none !== undefined) throw new Error(`the firmware as it is fails already: ${none}`);
  let uncaught = 0;
  let caughtByCampaign = 0;
  for (const mutation of chosen) {
    const file = join(copy.folder, "firmware/src", mutation.file);
    const sound = readFileSync(file);
    writeFileSync(file, planting.texts.get(mutation)!);
    const campaign = await byCampaign(copy.folder, planting.runs);
    const tests = withTests ? await byTests(copy.folder) : undefined;
    writeFileSync(file, sound);
    if (campaign !== undefined) caughtByCampaign++;
    if (campaign === undefined && tests === undefined) uncaught++;
    const rows = [
      mutation.name,
      `  campaign  ${campaign ?? "finds nothing"}`,
      ...(withTests ? [`  tests     ${tests ?? "find nothing"}`] : []),
    ];
    process.stdout.write(`${rows.join("\n")}\n`);
  }
  process.stdout.write(
    `${chosen.length} bugs; the campaign finds ${caughtByCampaign}, nothing finds ${uncaught}\n`,
  );
  return uncaught;
}
