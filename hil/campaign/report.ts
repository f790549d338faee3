import type { Verdict } from "./check.ts";
import { SOMETIMES_NAMES } from "./coverage.ts";
import { describe } from "./plan.ts";
import type { Outcome } from "./run.ts";

/** Log lines and packets before a failure that are shown. */
const LINES_BEFORE = 60;

/** The command that plays a world again, with everything that happened in it. */
export const again = (seed: number) => `npm run sim -- --seed ${seed} --replay`;

/** A world that failed, made small: what is left of its plan, and what led to the failure. */
export function failure(seed: number, { broken, brokenMs = 0, world, lab }: Outcome): string {
  const { trace } = lab.network;
  const until = trace.lines.filter(line => Number.parseFloat(line) <= brokenMs);
  return section([
    `seed ${seed}, the parts of its world that it takes to fail:`,
    ...world.parts.map(part => `  ${describe(part)}`),
    `broken after ${brokenMs.toFixed(0)} ms: ${broken.join("; ")}`,
    "the board's last lines:",
    ...lab.lines.slice(-LINES_BEFORE).map(line => `  ${line}`),
    "the last packets before it:",
    ...until.slice(-LINES_BEFORE).map(line => `  ${line}`),
    "netstat, when all should be over:",
    ...netstat(lab),
    `again: ${again(seed)}`,
  ]);
}

/** A world in full. */
export function replay({ world, broken, happened, hash, lab }: Outcome): string {
  return section([
    ...world.parts.map(describe),
    ...lab.lines,
    ...lab.network.trace.lines,
    ...netstat(lab),
    `happened: ${happened.join("; ")}`,
    `seed ${world.seed}, ${hash}: ${broken.join("; ") || "every invariant holds"}`,
  ]);
}

/** What a campaign came to, in a few lines. */
export function summary(verdicts: readonly Verdict[], realMs: number): string {
  const failed = verdicts.filter(({ broken }) => broken.length > 0).length;
  const never = missing(verdicts);
  const sum = (of: (verdict: Verdict) => number) => verdicts.reduce((all, v) => all + of(v), 0);
  const storm = sum(v => v.stormMs) / sum(v => v.stormRealMs);
  const all = sum(v => v.ms) / sum(v => v.realMs);
  return section([
    `${verdicts.length} worlds, each played twice, in ${(realMs / 1000).toFixed(1)} s; ${failed} failed`,
    `simulated seconds per real second, of one process: ${storm.toFixed(0)} in the storm, ${all.toFixed(0)} in all`,
    `rare branches: ${SOMETIMES_NAMES.length - never.length} of ${SOMETIMES_NAMES.length} were taken`,
  ]);
}

/** How often each rare branch was taken. */
export function branches(verdicts: readonly Verdict[]): string {
  const count = (name: string) => verdicts.filter(({ happened }) => happened.includes(name)).length;
  return section(SOMETIMES_NAMES.map(name => `${String(count(name)).padStart(6)}  ${name}`));
}

/** Rare branches that no world has taken. */
export function missing(verdicts: readonly Verdict[]): string[] {
  const taken = new Set(verdicts.flatMap(({ happened }) => happened));
  return SOMETIMES_NAMES.filter(name => !taken.has(name));
}

function netstat(lab: Outcome["lab"]): string[] {
  return lab.network
    .netstat()
    .map(
      ({ host, local, remote, state, unread, unacked }) =>
        `  ${host.padEnd(10)} ${local.padEnd(21)} ${remote.padEnd(21)} ${state.padEnd(10)} unread ${unread}, unacked ${unacked}`,
    );
}

function section(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
