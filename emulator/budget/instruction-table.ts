import { type Budgets, limitOf } from "./budget.ts";
import type { InstructionCount } from "./instructions.ts";

const COLUMNS = ["instructions", "limit", "engine", "sockets", "lwIP", "computrons"];

/** A row for each count, in whole instructions, and what of them each part has. */
export function instructionTable(counts: readonly InstructionCount[], limits: Budgets): string {
  const width = Math.max(...counts.map(({ name }) => name.length));
  const cell = (value: number | undefined, digits = 0) =>
    (value?.toFixed(digits) ?? "-").padStart(13);
  const head = "on target lwip".padEnd(width) + COLUMNS.map(name => name.padStart(13)).join("");
  const rows = counts.map(({ name, unit, instructions, parts, computrons }) => {
    const { engine, sockets, lwip } = parts;
    const cells = [instructions, limits[limitOf(name)], engine, sockets, lwip].map(n => cell(n));
    return `${name.padEnd(width)}${cells.join("")}${cell(computrons, 1)}  /${unit}`;
  });
  return `${[head, ...rows].join("\n")}\n`;
}
