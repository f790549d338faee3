import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { ignoreBrokenPipe } from "../../emulator/src/broken-pipe.ts";
import { CommandLineError, readCommandLine } from "../../firmware/tools/command-line.ts";
import { Copy, planted } from "./copy.ts";
import { MUTATIONS, type Mutation } from "./mutations.ts";

const HELP = `npm run mutants -- [word …]

Plants one small bug after the other into a copy of the firmware, and says what catches it: the
campaign of npm run sim, and the other tests. Ends with code 1 when nothing catches one.

  word         only bugs with this word in their name
  --runs N     worlds that the campaign has for each (default 200)
  --no-tests   the campaign alone
  --list       the bugs, without planting any
  --help       this text

  npm run mutants                    all of them, some minutes
  npm run mutants -- retry budget    two of them
`;

/** A bug may make the firmware turn in circles. */
const TIMEOUT_MS = 300_000;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

function complain(text: string): never {
  process.stderr.write(`mutants: ${text}\n`);
  process.exit(2);
}

function read() {
  try {
    return readCommandLine({
      allowPositionals: true,
      allowNegative: true,
      options: {
        runs: { type: "string", default: "200" },
        tests: { type: "boolean", default: true },
        list: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    if (error instanceof CommandLineError) return complain(error.message);
    throw error;
  }
}

/** What the campaign says first of a firmware; nothing when it finds no fault with it. */
async function byCampaign(folder: string, runs: string): Promise<string | undefined> {
  const args = ["--import", "tsx", "hil/campaign/cli.ts", "--bail", "--runs", runs];
  const { stdout, stderr, exitCode, timedOut } = await execa(process.execPath, args, {
    cwd: folder,
    reject: false,
    timeout: TIMEOUT_MS,
  });
  if (exitCode === 0) return undefined;
  if (timedOut) return `no end after ${TIMEOUT_MS / 1000} s`;
  const said = /^(seed \d+: .*|never happened: .*)$/m.exec(stdout)?.[0];
  return said ?? `code ${exitCode}: ${stderr.split("\n").find(line => /Error/.test(line)) ?? ""}`;
}

/** The first test in memory, the campaign aside, that fails. */
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
  if (timedOut) return `no end after ${TIMEOUT_MS / 1000} s`;
  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    testResults: { assertionResults: { status: string; fullName: string }[] }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  return tests.find(({ status }) => status === "failed")?.fullName ?? `code ${exitCode}`;
}

ignoreBrokenPipe();
const { values, positionals } = read();
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (!/^[1-9]\d{0,6}$/.test(values.runs)) {
  complain(`--runs is "${values.runs}"; wanted a whole number from 1 to 9999999`);
}
const chosen = MUTATIONS.filter(
  ({ name }) => positionals.length === 0 || positionals.some(word => name.includes(word)),
);
if (chosen.length === 0) complain(`no bug has "${positionals.join('" or "')}" in its name`);
const texts = new Map<Mutation, string>();
for (const mutation of MUTATIONS) {
  try {
    texts.set(mutation, planted(ROOT, mutation));
  } catch (error) {
    complain((error as Error).message);
  }
}
if (values.list) {
  for (const { name, file } of chosen) process.stdout.write(`${file.padEnd(20)} ${name}\n`);
  process.exit(0);
}

const copy = new Copy(ROOT);
try {
  const none = await byCampaign(copy.folder, "5");
  if (none !== undefined) throw new Error(`the firmware as it is fails already: ${none}`);
  let uncaught = 0;
  let caughtByCampaign = 0;
  for (const mutation of chosen) {
    const file = join(copy.folder, "firmware/src", mutation.file);
    const sound = readFileSync(file);
    writeFileSync(file, texts.get(mutation)!);
    const campaign = await byCampaign(copy.folder, values.runs);
    const tests = values.tests ? await byTests(copy.folder) : undefined;
    writeFileSync(file, sound);
    if (campaign !== undefined) caughtByCampaign++;
    if (campaign === undefined && tests === undefined) uncaught++;
    const rows = [
      mutation.name,
      `  campaign  ${campaign ?? "finds nothing"}`,
      ...(values.tests ? [`  tests     ${tests ?? "find nothing"}`] : []),
    ];
    process.stdout.write(`${rows.join("\n")}\n`);
  }
  process.stdout.write(
    `${chosen.length} bugs; the campaign catches ${caughtByCampaign}, nothing catches ${uncaught}\n`,
  );
  process.exitCode = uncaught > 0 ? 1 : 0;
} finally {
  copy.remove();
}
