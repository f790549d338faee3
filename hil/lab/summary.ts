import type { Experiment } from "./experiments.ts";
import type { Play, Sample } from "./play.ts";

/** Results of one strategy in an experiment. */
export interface StrategySummary {
  readonly strategy: string;
  readonly requests: number;
  /** Requests that no backend answered. */
  readonly errors: number;
  /** Times of the answered requests, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly mean: number;
  /** Share of the answers of each backend, in the experiment's order. */
  readonly shares: readonly number[];
}

export function summarize(experiment: Experiment, { strategy, samples }: Play): StrategySummary {
  const good = samples.filter(served);
  const times = good.map(({ ms }) => ms).sort((x, y) => x - y);
  return {
    strategy,
    requests: samples.length,
    errors: samples.length - good.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    mean: times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length),
    shares: experiment.backends.map(
      ({ name }) =>
        good.filter(({ backend }) => backend === name).length / Math.max(1, good.length),
    ),
  };
}

export function served({ status }: Sample): boolean {
  return status === 200;
}

/** The nearest-rank percentile: the smallest of `sorted` that is not below `part` of them; NaN of none. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** A table for a terminal, the best 99th percentile first. */
export function table(experiment: Experiment, summaries: readonly StrategySummary[]): string {
  const names = experiment.backends.map(({ name }) => name);
  const rows = [
    ["strategy", "p50 ms", "p99 ms", "mean ms", "errors", ...names.map(name => `${name} %`)],
    ...ranked(summaries).map(({ strategy, p50, p99, mean, errors, requests, shares }) => [
      strategy,
      p50.toFixed(0),
      p99.toFixed(0),
      mean.toFixed(0),
      `${errors}/${requests}`,
      ...shares.map(share => (share * 100).toFixed(0)),
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
  return rows
    .map(row =>
      row
        .map((cell, column) =>
          column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
        )
        .join("  "),
    )
    .join("\n");
}

/** The best first: by errors, then by the 99th percentile. */
export function ranked(summaries: readonly StrategySummary[]): StrategySummary[] {
  return [...summaries].sort((x, y) => x.errors - y.errors || x.p99 - y.p99);
}

/** Ratio from which another strategy is recommended. */
const GAIN_MIN = 1.1;

/** The conclusion, in one sentence. */
export function conclusion(summaries: readonly StrategySummary[]): string {
  const [best] = ranked(summaries);
  const usual = summaries.find(({ strategy }) => strategy === "round-robin");
  if (usual === undefined) return `${best.strategy} does best.`;
  const gain = usual.p99 / best.p99;
  if (gain < GAIN_MIN && usual.errors === best.errors) {
    return "Round robin does as well as any: nothing to gain from another strategy.";
  }
  const errors =
    usual.errors > best.errors ? `, and ${usual.errors - best.errors} fewer errors` : "";
  return `${best.strategy} does best: one in a hundred waits ${best.p99.toFixed(0)} ms or more, with round-robin ${usual.p99.toFixed(0)} ms${errors}.`;
}
