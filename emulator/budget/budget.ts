import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../firmware/tools/command-line.ts";
import type { Bits } from "../xs/toolchain.ts";
import { code, modules } from "./code.ts";
import type { Figure, Measure } from "./figures.ts";
import { bodies, collecting, forwarding, scanning } from "./forwarding.ts";
import { hostile } from "./hostile.ts";
import type { InstructionCount } from "./instructions.ts";
import { machines } from "./machines.ts";
import { names } from "./names.ts";
import { picks } from "./picks.ts";
import { hostNames, questions } from "./resolving.ts";
import { heap, leftovers, requests, sessions, standing } from "./sessions.ts";
import { stack } from "./stack.ts";

/** The measurements, in the order of the table. */
const MEASURES: readonly Measure[] = [
  forwarding,
  scanning,
  bodies,
  collecting,
  sessions,
  requests,
  hostile,
  picks,
  heap,
  standing,
  leftovers,
  names,
  questions,
  hostNames,
  machines,
  stack,
  code,
  modules,
];

/** Most growth of a figure: 1 %. Zero stays zero. */
const TOLERANCE = 0.01;

const FILE = fileURLToPath(new URL("../../firmware/budgets.json", import.meta.url));

export type Budgets = Record<string, number>;

export async function measure(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const each of MEASURES) figures.push(...(await each()));
  return figures;
}

export function committed(): Budgets {
  let text: string;
  try {
    text = readFileSync(FILE, "utf8");
  } catch (error) {
    throw new DamagedBudgets(`cannot be read: ${(error as Error).message}`);
  }
  return readBudgets(text);
}

/** Throws `DamagedBudgets` where it is not an object of numbers. */
export function readBudgets(text: string): Budgets {
  let budgets: unknown;
  try {
    budgets = JSON.parse(text);
  } catch (error) {
    throw new DamagedBudgets(`is not JSON: ${(error as Error).message}`);
  }
  if (typeof budgets !== "object" || budgets === null || Array.isArray(budgets)) {
    throw new DamagedBudgets(`is ${JSON.stringify(budgets)}; wanted { "figure": number, … }`);
  }
  for (const [name, budget] of Object.entries(budgets)) {
    if (typeof budget === "number") continue;
    throw new DamagedBudgets(`"${name}" is ${JSON.stringify(budget)}; wanted a number`);
  }
  return budgets as Budgets;
}

/** The file of the budgets holds something else. */
export class DamagedBudgets extends UsageError {
  constructor(what: string) {
    super(`firmware/budgets.json: ${what} (--write writes it again)`);
  }
}

export function commit(figures: readonly Figure[], bits: Bits): void {
  const budgets = merged(figures, bits === 64 ? committed() : committedOrNothing(), bits);
  writeFileSync(FILE, `${JSON.stringify(budgets, null, 2)}\n`);
}

/** A damaged file is written again. */
function committedOrNothing(): Budgets {
  try {
    return committed();
  } catch (error) {
    if (error instanceof DamagedBudgets) return {};
    throw error;
  }
}

/** Measured figures as budgets; limits, and those that this engine cannot measure, stay as they are. */
export function merged(figures: readonly Figure[], before: Budgets, bits: Bits): Budgets {
  const budgets: Budgets = {};
  for (const { name, value } of figures) {
    const budget = isHeld(name, bits) ? value : before[name];
    if (budget !== undefined) budgets[name] = budget;
  }
  for (const [name, limit] of Object.entries(before)) if (isLimit(name)) budgets[name] = limit;
  return budgets;
}

/** Measured figures against the committed ones. */
export interface BudgetCheck {
  /** Over the budget, or not in the file. */
  readonly broken: string[];
  /** Under the budget: to be committed, so that it stays. */
  readonly saved: string[];
}

/** `bits` is the size of a pointer in the engine that was measured. */
export function compare(figures: readonly Figure[], budgets: Budgets, bits: Bits): BudgetCheck {
  const broken: string[] = [];
  const saved: string[] = [];
  const held = figures.filter(({ name }) => isHeld(name, bits));
  for (const { name, value, unit } of held) {
    const budget = budgets[name];
    if (budget === undefined) {
      broken.push(`${name}: ${value} ${unit} has no budget yet`);
    } else if (value > budget + Math.abs(budget) * TOLERANCE) {
      broken.push(`${name}: ${value} ${unit}, the budget is ${budget}${percent(value, budget)}`);
    } else if (value < budget) {
      saved.push(`${name}: ${value} ${unit}, the budget is ${budget}${percent(value, budget)}`);
    }
  }
  for (const name of Object.keys(budgets)) {
    if (!isHeld(name, bits) || held.some(figure => figure.name === name)) continue;
    broken.push(`${name}: has a budget and is not measured`);
  }
  return { broken, saved };
}

/**
 * Instructions of a processor (instructions.ts), which depend a little on compiler, C library and processor: the file has their
 * limits, which are written by hand.
 */
export const isLimit = (name: string) => name.endsWith(INSTRUCTIONS);

const INSTRUCTIONS = ".instructions";

/** The key of the limit of what was counted under this name. */
export const limitOf = (name: string) => name + INSTRUCTIONS;

/** Counts against their limits: one line for each that is over its limit, or has none. */
export function overLimit(counts: readonly InstructionCount[], budgets: Budgets): string[] {
  const lines = counts.flatMap(({ name, unit, instructions }) => {
    const key = limitOf(name);
    const limit = budgets[key];
    const measured = `${key}: ${Math.round(instructions)} instructions/${unit}`;
    if (limit === undefined) return `${measured} has no limit in firmware/budgets.json`;
    return instructions > limit ? `${measured}, the limit is ${limit}` : [];
  });
  const counted = counts.map(({ name }) => limitOf(name));
  const left = Object.keys(budgets).filter(key => isLimit(key) && !counted.includes(key));
  return [...lines, ...left.map(key => `${key}: has a limit and is not counted`)];
}

/**
 * Figures that are reported and have no budget: modules, which each SDK compiles a little differently and CI
 * not at all, and bytes of a heap whose pointers are not those of the chip.
 */
export function isHeld(name: string, bits: Bits): boolean {
  return (
    !isLimit(name) &&
    !/^modules?\./.test(name) &&
    (bits === 32 || !/(chunk|esp32)Bytes$/.test(name))
  );
}

function percent(value: number, budget: number): string {
  if (budget === 0) return "";
  const change = ((value - budget) / Math.abs(budget)) * 100;
  return ` (${change > 0 ? "+" : ""}${change.toFixed(1)} %)`;
}
