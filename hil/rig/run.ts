import type { Incident } from "./incidents.ts";

/**
 * How one scenario came out. `flaky`: passed after a fault of the rig made it begin again; `rig-error`:
 * such a fault kept it from an answer; `not-reached`: the run was over before its turn came.
 */
export type Verdict = "passed" | "flaky" | "failed" | "rig-error" | "skipped" | "not-reached";

/** The theme of what came when the scenarios were over: nobody can play it again by name. */
export const AFTERWARDS = "afterwards";

/** What the command ends with. What the firmware did counts before what the rig did. */
export const EXIT = {
  passed: 0,
  firmware: 1,
  usage: 2,
  noBoard: 3,
  rig: 4,
  boardLost: 5,
} as const;

export interface ScenarioResult {
  readonly theme: string;
  readonly title: string;
  readonly verdict: Verdict;
  /** When it began, in ms since the run began, and how long it took. */
  readonly atMs: number;
  readonly ms: number;
  /** Why it failed or was skipped; what a person reads first stands in the first line. */
  readonly why?: string;
  readonly incidents: readonly Incident[];
  /** Sessions that each backend had, as the board logged them. */
  readonly sessions: Readonly<Record<string, number>>;
}

/** Where a moment of the run was seen. */
export type Source = "serial" | "tcp" | "rig";

/** One moment of a run: a line of the board, what a client or a backend did, what the rig did. */
export interface Moment {
  /** Since the run began. */
  readonly ms: number;
  readonly source: Source;
  readonly text: string;
}

/** A figure with what it may be; a figure that was not measured is a failure, too. */
export interface Measurement {
  readonly name: string;
  readonly unit: string;
  /** `null`: it should have been measured, and was not. */
  readonly value: number | null;
  readonly min?: number;
  readonly max?: number;
}

/** Values over the time of the run, for a chart. */
export interface Series {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly (readonly [ms: number, value: number])[];
}

/** What was played on what. */
export interface PlayedBoard {
  readonly kind: "emulated" | "serial" | "address";
  /** MAC address or USB path: what tells it from other boards. */
  readonly identity: string;
  /** Serial port, with the name of its adapter. */
  readonly path?: string;
  readonly adapter?: string;
  /** IP address. */
  readonly address?: string;
  /** Version and build of the firmware, as it says itself. */
  readonly firmware?: string;
}

/** A whole run, as `run.json` keeps it. */
export interface Run {
  /** Of this form; whoever reads an older one can tell. */
  readonly format: 1;
  readonly board: PlayedBoard;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly ms: number;
  readonly node: string;
  readonly platform: string;
  readonly commit?: string;
  /** The command's exit code, one of `EXIT`. */
  readonly exitCode: number;
  readonly results: readonly ScenarioResult[];
  /** Of a long run: how many more came out as the same scenario had often enough before. */
  readonly more?: Readonly<Partial<Record<Verdict, number>>>;
  readonly measurements: readonly Measurement[];
  readonly series: readonly Series[];
  /** The oldest first. */
  readonly moments: readonly Moment[];
}

/** Is it within its limits? */
export function within({ value, min, max }: Measurement): boolean {
  if (value === null) return false;
  return (min === undefined || value >= min) && (max === undefined || value <= max);
}

/** The worst of it. */
export function exitCode(
  results: readonly ScenarioResult[],
  measurements: readonly Measurement[],
  { boardLost }: { boardLost: boolean },
): number {
  const some = (verdict: Verdict) => results.some(result => result.verdict === verdict);
  if (some("failed")) return EXIT.firmware;
  if (boardLost) return EXIT.boardLost;
  if (some("rig-error") || some("not-reached") || results.length === 0) return EXIT.rig;
  // All of nothing is not a success.
  if (results.every(({ verdict }) => verdict === "skipped")) return EXIT.usage;
  return measurements.every(within) ? EXIT.passed : EXIT.firmware;
}
