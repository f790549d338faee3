import { writeFileSync } from "node:fs";
import { styleText } from "node:util";
import { runCommand, UsageError } from "../../firmware/tools/command-line.ts";
import { buildEngine, cannotBuild } from "../xs/engine.ts";
import type { Bits } from "../xs/toolchain.ts";
import { type Budgets, commit, committed, compare, isHeld, measure, overLimit } from "./budget.ts";
import { cannotCount } from "./counted-board.ts";
import type { Figure } from "./figures.ts";
import { growths } from "./growth.ts";
import { growthTable, picture } from "./growth-picture.ts";
import { instructionTable } from "./instruction-table.ts";
import { type InstructionCount, instructions } from "./instructions.ts";
import { load, loadTable } from "./load.ts";
import { profiles, profilesOf } from "./profiles.ts";

const say = (line: string) => void process.stderr.write(`${line}\n`);

await runCommand(
  {
    name: "budget",
    usage: ["[options]"],
    about: `
Measures on the real XS engine what the firmware costs: instructions ("computrons"), heap, garbage, code.
Compares with firmware/budgets.json, and ends with code 1 where a figure has grown by more than 1 %.
Bytes of the heap are compared where the engine has 32 bits, as on the chip.
With lwIP's sources (emulator/lwip) and valgrind it also counts the processor's instructions of the whole
program: engine, firmware, sockets and TCP stack. Their limits are written by hand.`,
    options: {
      write: { help: "puts the figures into firmware/budgets.json, to be committed" },
      json: { help: "the figures as JSON, instead of a table" },
      profile: {
        help: "instead: the functions that use most instructions, for each kind of work",
      },
      load: {
        help: "instead: a request under autocannon's load of 1, 4, 8 and 20 connections, by instructions",
      },
      growth: {
        value: "FILE",
        help: "instead: the cost of more backends, routes, connections and bytes, as tables, and as a picture (SVG) in this file",
      },
    },
  },
  async ({ values }) => {
    const instead = (["growth", "load", "profile"] as const).find(name => values[name]);
    const others = (["write", "json", "profile", "load"] as const).filter(name => values[name]);
    const useless = others.find(name => name !== instead);
    if (useless !== undefined && instead !== undefined) {
      throw new UsageError(`--${useless} does nothing with --${instead}`);
    }
    if (values.load) {
      const whyNot = cannotCount();
      if (whyNot !== undefined) throw new UsageError(`--load: ${whyNot}`);
      process.stdout.write(loadTable(await load(say)));
      return;
    }
    const why = cannotBuild();
    if (why !== undefined) throw new UsageError(why);
    const { bits } = await buildEngine(say);
    const print = (line: string) => void process.stdout.write(`${line}\n`);
    if (values.growth !== undefined) {
      const all = await growths(say);
      writeFileSync(values.growth, picture(all));
      print(growthTable(all));
      return;
    }
    if (values.profile) await profiles(print);
    else report(await measure(), bits, values);
    const whyNot = cannotCount();
    if (whyNot !== undefined) {
      say(`the processor's instructions are not counted: ${whyNot}`);
      return;
    }
    const counts = await instructions(say);
    if (values.profile) profilesOf(counts, print);
    else reportInstructions(counts, values);
  },
);

function report(
  figures: readonly Figure[],
  bits: Bits,
  { write, json }: { write?: boolean; json?: boolean },
): void {
  if (write) commit(figures, bits);
  const budgets = committed();
  const held = Object.fromEntries(Object.entries(budgets).filter(([name]) => isHeld(name, bits)));
  process.stdout.write(json ? `${JSON.stringify(figures, null, 2)}\n` : table(figures, held));
  if (write) return;
  const { broken, saved } = compare(figures, budgets, bits);
  for (const line of saved) say(styleText("green", line));
  if (saved.length > 0) say("less than the budget: commit it with `npm run budget -- --write`");
  for (const line of broken) say(styleText("red", line));
  if (broken.length + saved.length === 0) say("every figure is within its budget");
  if (broken.length === 0) return;
  say("more than the budget: spend less, or say in the commit why it is worth it, with --write");
  process.exitCode = 1;
}

function reportInstructions(
  counts: readonly InstructionCount[],
  { json }: { json?: boolean },
): void {
  const limits = committed();
  process.stdout.write(
    json ? `${JSON.stringify(counts, null, 2)}\n` : `\n${instructionTable(counts, limits)}`,
  );
  const broken = overLimit(counts, limits);
  for (const line of broken) say(styleText("red", line));
  if (broken.length > 0) process.exitCode = 1;
}

function table(figures: readonly Figure[], budgets: Budgets): string {
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
