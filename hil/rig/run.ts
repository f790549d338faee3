import type { Incident } from "./incidents.ts";

/**
 * Outcome of a scenario. `flaky`: passed after a fault of the rig made it start again; `rig-error`: such a
 * fault prevented a result; `not-reached`: the run ended before it.
 */
export type Verdict = "passed" | "flaky" | "failed" | "rig-error" | "skipped" | "not-reached";

/** Theme of the result for what happens after the last scenario; it cannot be played by name. */
export const AFTERWARDS = "afterwards";

/** Exit codes of the command. Faults of the firmware count more than those of the rig. */
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
  /** Start in ms since the run began, and duration. */
  readonly atMs: number;
  readonly ms: number;
  /** Why it failed or was skipped; the first line is the summary. */
  readonly why?: string;
  readonly incidents: readonly Incident[];
  /** Sessions by backend, as the board logged them. */
  readonly sessions: Readonly<Record<string, number>>;
}

/** Origin of a moment. */
export type Source = "serial" | "tcp" | "rig";

/** One moment of a run: a line of the board, an action of a client or a backend, an action of the rig. */
export interface Moment {
  /** Time since the run began. */
  readonly ms: number;
  readonly source: Source;
  readonly text: string;
}

/** A measurement with its limits; one that was not taken is a failure, too. */
export interface Measurement {
  readonly name: string;
  readonly unit: string;
  /** `null`: it was due and was not taken. */
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

/** The board of a run. */
export interface PlayedBoard {
  readonly kind: "emulated" | "serial" | "address";
  /** MAC address or USB path, unique for the board. */
  readonly identity: string;
  /** Serial port, with the name of its adapter. */
  readonly path?: string;
  readonly adapter?: string;
  /** IP address. */
  readonly address?: string;
  /** Version and build of the firmware, as the board reports them. */
  readonly firmware?: string;
}

/** A whole run, as `run.json` keeps it. */
export interface Run {
  /** Version of this format, for readers of older files. */
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
  /** Counts by verdict of the results that a long run has not kept. */
  readonly more?: Readonly<Partial<Record<Verdict, number>>>;
  readonly measurements: readonly Measurement[];
  readonly series: readonly Series[];
  /** Oldest first. */
  readonly moments: readonly Moment[];
}

/** True if the measurement was taken and is within its limits. */
export function within({ value, min, max }: Measurement): boolean {
  if (value === null) return false;
  return (min === undefined || value >= min) && (max === undefined || value <= max);
}

/** The exit code of a run: its worst result decides. */
export function exitCode(
  results: readonly ScenarioResult[],
  measurements: readonly Measurement[],
  { boardLost }: { boardLost: boolean },
): number {
  const some = (verdict: Verdict) => results.some(result => result.verdict === verdict);
  if (some("failed")) return EXIT.firmware;
  if (boardLost) return EXIT.boardLost;
  if (some("rig-error") || some("not-reached") || results.length === 0) return EXIT.rig;
  // Nothing but skipped scenarios is no success.
  if (results.every(({ verdict }) => verdict === "skipped")) return EXIT.usage;
  return measurements.every(within) ? EXIT.passed : EXIT.firmware;
}
