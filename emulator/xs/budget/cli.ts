import { parseArgs, styleText } from "node:util";
import { buildEngine, cannotBuild, engineBuilt } from "../engine.ts";
import { commit, committed, compare, measure } from "./budget.ts";
import type { Figure } from "./figures.ts";
import { profiles } from "./profiles.ts";

const HELP = `npm run budget -- [options]

Measures on the real XS engine what the firmware costs: instructions ("computrons"), heap, garbage, code.
Compares with firmware/budgets.json, and ends with code 1 where a figure has grown by more than 1 %.

  --write      puts the figures into firmware/budgets.json, to be committed
  --json       the figures as JSON, instead of a table
  --profile    where the instructions go: the dearest functions of each kind of work
  --help       this text
`;

const OPTIONS = {
  write: { type: "boolean" },
  json: { type: "boolean" },
  profile: { type: "boolean" },
  help: { type: "boolean" },
} as const;

const say = (line: string) => void process.stderr.write(`${line}\n`);

try {
  const { values } = parseArgs({ args: process.argv.slice(2), options: OPTIONS });
  const why = engineBuilt() ? undefined : cannotBuild();
  if (values.help) {
    process.stdout.write(HELP);
  } else if (why !== undefined) {
    say(`budget: ${why}`);
    process.exitCode = 2;
  } else {
    await buildEngine(say);
    if (values.profile) await profiles(line => void process.stdout.write(`${line}\n`));
    else report(await measure(), values);
  }
} catch (error) {
  if (!(error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS")) throw error;
  say(`budget: ${(error as Error).message}`);
  process.exitCode = 2;
}

function report(
  figures: readonly Figure[],
  { write, json }: { write?: boolean; json?: boolean },
): void {
  const { broken, saved } = compare(figures, committed());
  process.stdout.write(json ? `${JSON.stringify(figures, null, 2)}\n` : table(figures));
  if (write) {
    commit(figures);
    return;
  }
  for (const line of saved) say(styleText("green", line));
  if (saved.length > 0) say("less than the budget: commit it with `npm run budget -- --write`");
  for (const line of broken) say(styleText("red", line));
  if (broken.length + saved.length === 0) say("every figure is within its budget");
  if (broken.length === 0) return;
  say("more than the budget: spend less, or say in the commit why it is worth it, with --write");
  process.exitCode = 1;
}

function table(figures: readonly Figure[]): string {
  const budgets = committed();
  const width = Math.max(...figures.map(({ name }) => name.length));
  const number = (value: number | undefined) => (value?.toString() ?? "").padStart(12);
  const row = (name: string, value: string, budget: string, unit: string) =>
    `${name.padEnd(width)}${value}${budget}  ${unit}\n`;
  return [
    row("figure", "measured".padStart(12), "budget".padStart(12), "unit"),
    ...figures.map(({ name, value, unit }) =>
      row(name, number(value), number(budgets[name]), unit),
    ),
  ].join("");
}
