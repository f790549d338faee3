import type { SeedResult } from "./check.ts";
import { COVERAGE_GOALS } from "./coverage.ts";
import { describe } from "./plan.ts";
import type { RunResult } from "./run.ts";
import { EMULATED } from "./targets.ts";

/** Log lines and packets before a failure that are shown. */
const LINES_BEFORE = 60;

/** The command that replays a run. */
export function again(seed: number, { name } = EMULATED): string {
  const target = name === EMULATED.name ? "" : `--target ${name} `;
  return `npm run sim -- ${target}--seed ${seed} --replay`;
}

/** A failed run, reduced: the parts that are needed to fail, and the last events before the failure. */
export function failure(
  seed: number,
  { broken, brokenMs = 0, plan, lab, connections }: RunResult,
  target = EMULATED,
): string {
  const until = lab.packets.filter(line => Number.parseFloat(line) <= brokenMs);
  return section([
    `seed ${seed}, the parts of its plan that are needed to fail:`,
    ...plan.parts.map(part => `  ${describe(part)}`),
    `broken after ${brokenMs.toFixed(0)} ms: ${broken.join("; ")}`,
    "the board's last lines:",
    ...lab.lines.slice(-LINES_BEFORE).map(line => `  ${line}`),
    "the last packets before it:",
    ...until.slice(-LINES_BEFORE).map(line => `  ${line}`),
    "netstat at the end:",
    ...connections.map(line => `  ${line}`),
    `again: ${again(seed, target)}`,
  ]);
}

/** A run in full. */
export function replay({ plan, broken, goalsReached, hash, lab, connections }: RunResult): string {
  return section([
    ...plan.parts.map(describe),
    ...lab.lines,
    ...lab.packets,
    ...connections,
    `goalsReached: ${goalsReached.join("; ")}`,
    `seed ${plan.seed}, ${hash}: ${broken.join("; ") || "every invariant holds"}`,
  ]);
}

/** The result of a campaign, in a few lines. */
export function summary(results: readonly SeedResult[], realMs: number, target = EMULATED): string {
  const failed = results.filter(({ broken }) => broken.length > 0).length;
  const never = missing(results, target);
  const sum = (of: (result: SeedResult) => number) => results.reduce((all, v) => all + of(v), 0);
  const active = sum(v => v.activeMs) / sum(v => v.activeRealMs);
  const all = sum(v => v.ms) / sum(v => v.realMs);
  return section([
    `${results.length} runs, each played twice, in ${(realMs / 1000).toFixed(1)} s; ${failed} failed`,
    `simulated seconds per real second, of one process: ${active.toFixed(0)} in the active phase, ${all.toFixed(0)} in all`,
    `rare branches: ${target.goals.length - never.length} of ${target.goals.length} were taken`,
  ]);
}

/** How often each rare branch was taken. */
export function branches(results: readonly SeedResult[]): string {
  const count = (name: string) =>
    results.filter(({ goalsReached }) => goalsReached.includes(name)).length;
  return section(COVERAGE_GOALS.map(name => `${String(count(name)).padStart(6)}  ${name}`));
}

/** Coverage goals that no run has reached. */
export function missing(results: readonly SeedResult[], { goals } = EMULATED): string[] {
  const taken = new Set(results.flatMap(({ goalsReached }) => goalsReached));
  return goals.filter(name => !taken.has(name));
}

function section(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
