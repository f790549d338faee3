import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { code, modules } from "./code.ts";
import type { Figure, Measure } from "./figures.ts";
import { bodies, collecting, forwarding, scanning } from "./forwarding.ts";
import { picks } from "./picks.ts";
import { heap, leftovers, requests, sessions } from "./sessions.ts";
import { stack } from "./stack.ts";

/** What is measured, in the order of the table. */
const MEASURES: readonly Measure[] = [
  forwarding,
  scanning,
  bodies,
  collecting,
  sessions,
  requests,
  picks,
  heap,
  leftovers,
  stack,
  code,
  modules,
];

/** A figure may grow by so much before it is too much: 1 %. Zero stays zero. */
const TOLERANCE = 0.01;

const FILE = fileURLToPath(new URL("../../../firmware/budgets.json", import.meta.url));

export type Budgets = Record<string, number>;

export async function measure(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const each of MEASURES) figures.push(...(await each()));
  return figures;
}

export function committed(): Budgets {
  return JSON.parse(readFileSync(FILE, "utf8"));
}

export function commit(figures: readonly Figure[]): void {
  const all = { ...committed(), ...Object.fromEntries(figures.map(f => [f.name, f.value])) };
  const current = Object.fromEntries(
    Object.entries(all).filter(([name]) => isMeasured(name, figures)),
  );
  writeFileSync(FILE, `${JSON.stringify(current, null, 2)}\n`);
}

/** How figures stand to those that are committed. */
export interface Verdict {
  /** Too much, or not in the file: the budget is not kept. */
  readonly broken: string[];
  /** Less than the budget allows: to be committed, so that it stays. */
  readonly saved: string[];
}

export function compare(figures: readonly Figure[], budgets: Budgets): Verdict {
  const broken: string[] = [];
  const saved: string[] = [];
  for (const { name, value, unit } of figures) {
    const budget = budgets[name];
    if (budget === undefined) {
      broken.push(`${name}: ${value} ${unit} has no budget yet`);
    } else if (value > budget * (1 + TOLERANCE)) {
      broken.push(`${name}: ${value} ${unit}, the budget is ${budget}${percent(value, budget)}`);
    } else if (value < budget) {
      saved.push(`${name}: ${value} ${unit}, the budget is ${budget}${percent(value, budget)}`);
    }
  }
  for (const name of Object.keys(budgets)) {
    if (!isMeasured(name, figures)) broken.push(`${name}: has a budget and is not measured`);
  }
  return { broken, saved };
}

/** Modules are only measured where an SDK is. */
function isMeasured(name: string, figures: readonly Figure[]): boolean {
  if (figures.some(figure => figure.name === name)) return true;
  const withoutSdk = !figures.some(figure => figure.name.startsWith("modules."));
  return withoutSdk && /^modules?\./.test(name);
}

function percent(value: number, budget: number): string {
  if (budget === 0) return "";
  const change = (value / budget - 1) * 100;
  return ` (${change > 0 ? "+" : ""}${change.toFixed(1)} %)`;
}
