import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  comparablePair,
  differences,
  kinds,
  type Pair,
  pairs,
  type ScenarioDifference,
  type ThreadDifference,
} from "./compare.ts";
import type { Thread } from "./log-threads.ts";
import { endingOf, figure, firstLine, scenarios, VERDICTS, visible } from "./report/summary.ts";
import {
  EXIT,
  type Measurement,
  type Run,
  type ScenarioResult,
  type Verdict,
  within,
} from "./run.ts";

export { firstDifference } from "./compare.ts";

/** Lines shown around the one that differs. */
const CONTEXT_LINES = 3;

/** Differences that are shown in full: later ones often follow from the first. */
const SHOWN_MAX = 5;

/** Width where the terminal reports none. */
const COLUMNS = 120;

const USAGE = `Compares two recorded runs, first difference first. Times, ids, ports and addresses do not count.

  npm run hil -- diff A B      each a run.json, or the folder of a report

Ends with 0 if they came out the same, with 1 if not.
`;

/** Runs `npm run hil -- diff`. Returns 0: the runs are the same, 1: they differ, 2: they cannot be compared. */
export function runDiff(
  args: readonly string[],
  out: { write(text: string): unknown; readonly columns?: number },
): number {
  if (args.length !== 2) {
    out.write(`diff: wanted two recorded runs, got ${args.length}\n\n${USAGE}`);
    return EXIT.usage;
  }
  const runs: Run[] = [];
  for (const path of args) {
    const read = readRun(path);
    if ("complaint" in read) {
      out.write(`diff: ${read.complaint}\n\n${USAGE}`);
      return EXIT.usage;
    }
    runs.push(read.run);
  }
  const [a, b] = runs;
  out.write(diffRuns(a, b, out.columns));
  return same(a, b) ? 0 : 1;
}

/** True if the runs came out the same. Figures always differ; whether they are within their limits counts. */
function same(a: Run, b: Run): boolean {
  return (
    pairs(a, b).some(comparablePair) &&
    differences(a, b).length === 0 &&
    measured(a, b).every(({ differs }) => !differs)
  );
}

/** The report: both runs side by side. */
export function diffRuns(a: Run, b: Run, columns = COLUMNS): string {
  const all = pairs(a, b);
  const unlike = differences(a, b);
  const lines = [`A  ${describeRun(a)}`, `B  ${describeRun(b)}`, ""];
  if (!all.some(comparablePair)) lines.push("No scenario was played by both.");
  else if (!unlike.some(playedByBoth))
    lines.push("Every scenario that both played came out the same.");
  const ofBoth = unlike.filter(playedByBoth);
  ofBoth.slice(0, SHOWN_MAX).forEach((difference, i) => {
    lines.push(
      ...describeDifference(difference, i === 0 ? "First difference" : "Then", columns),
      "",
    );
  });
  if (ofBoth.length > SHOWN_MAX) lines.push(`And ${ofBoth.length - SHOWN_MAX} more.`, "");
  lines.push(
    ...playedAlone(unlike),
    "",
    `Scenarios (${legend(all)})`,
    ...all.map(pair => verdictLine(pair, unlike)),
  );
  const figures = measured(a, b);
  if (figures.length > 0) lines.push("", "Measurements", ...table(figures));
  return `${lines.map(line => visible(line).trimEnd()).join("\n")}\n`;
}

function readRun(path: string): { readonly run: Run } | { readonly complaint: string } {
  const file = existsSync(path) && statSync(path).isDirectory() ? join(path, "run.json") : path;
  if (!existsSync(file)) return { complaint: `${file}: is not there; wanted a run.json` };
  try {
    const run = JSON.parse(readFileSync(file, "utf8"));
    if (run?.format !== 1) return { complaint: `${file}: format is ${run?.format}, wanted 1` };
    return { run };
  } catch (error) {
    return { complaint: `${file}: is no JSON: ${(error as Error).message}` };
  }
}

function describeRun(run: Run): string {
  const { board, startedAt, results } = run;
  const firmware = board.firmware === undefined ? "" : `, firmware ${board.firmware}`;
  // An emulated board has no other name.
  const name = board.kind === "emulated" ? board.identity : `${board.kind} ${board.identity}`;
  return `${name}${firmware}, ${startedAt}, ${scenarios(results.length)}: ${endingOf(run)}`;
}

type OfBoth = ScenarioDifference & { readonly a: ScenarioResult; readonly b: ScenarioResult };

function playedByBoth(difference: ScenarioDifference): difference is OfBoth {
  return difference.a !== undefined && difference.b !== undefined;
}

/** `Only A played 12 scenarios.`; the list marks them. */
function playedAlone(unlike: readonly ScenarioDifference[]): string[] {
  const onlyA = unlike.filter(({ b }) => b === undefined).length;
  const onlyB = unlike.filter(({ a }) => a === undefined).length;
  return [
    ...(onlyA === 0 ? [] : [`Only A played ${scenarios(onlyA)}.`]),
    ...(onlyB === 0 ? [] : [`Only B played ${scenarios(onlyB)}.`]),
  ];
}

function describeDifference({ a, b, threads }: OfBoth, heading: string, columns: number): string[] {
  const lines = [`${heading}: ${a.theme}: ${a.title}`];
  const why = (text: string | undefined) => (text === undefined ? "" : ` (${firstLine(text)})`);
  if (a.verdict !== b.verdict) {
    lines.push(`  A: ${VERDICTS[a.verdict].name}${why(a.why)}`);
    lines.push(`  B: ${VERDICTS[b.verdict].name}${why(b.why)}`);
  }
  if (kinds(a) !== kinds(b)) lines.push(`  incidents: A ${kinds(a)}; B ${kinds(b)}`);
  if (threads.length > 0) lines.push(...excerpt(threads[0], columns));
  if (threads.length > 1) lines.push(`  and ${threads.length - 1} more that differ in it`);
  return lines;
}

/** The line that differs with its neighbours, A on the left and B on the right. */
function excerpt({ a, b, line }: ThreadDifference, columns: number): string[] {
  const half = Math.max(20, Math.floor((columns - 5) / 2));
  const rows = side("", nameOf(a), nameOf(b), half);
  if (line > CONTEXT_LINES) rows.push("    …");
  const last = Math.max(a?.lines.length ?? 0, b?.lines.length ?? 0) - 1;
  for (let i = Math.max(0, line - CONTEXT_LINES); i <= Math.min(last, line + CONTEXT_LINES); i++) {
    const [left, right] = [a?.lines[i] ?? "–", b?.lines[i] ?? "–"];
    rows.push(...side(left === right ? "" : "≠", left, right, half));
  }
  if (last > line + CONTEXT_LINES) rows.push("    …");
  return rows;
}

function nameOf(thread: Thread | undefined): string {
  if (thread === undefined) return "(no such thread)";
  return [thread.kind, thread.name].join(" ").trim();
}

/** Two texts in two columns; a long text continues on the next lines. */
function side(mark: string, left: string, right: string, half: number): string[] {
  const rows = Math.max(Math.ceil(left.length / half), Math.ceil(right.length / half), 1);
  return Array.from({ length: rows }, (_, i) => {
    const [a, b] = [left, right].map(text => text.slice(i * half, (i + 1) * half));
    return `${(i === 0 ? mark : "").padEnd(2)}${a.padEnd(half)} │ ${b}`;
  });
}

function verdictLine({ a, b }: Pair, unlike: readonly ScenarioDifference[]): string {
  const differs = unlike.some(one => one.a === a && one.b === b);
  const [left, right] = [a, b].map(one => (one === undefined ? " " : VERDICTS[one.verdict].mark));
  const { theme, title } = (a ?? b)!;
  return `${differs ? "≠" : " "} ${left} ${right}  ${theme}: ${title}`;
}

/** The marks in use and their meanings. */
function legend(all: readonly Pair[]): string {
  const occur = new Set(all.flatMap(({ a, b }) => [a?.verdict, b?.verdict]));
  return Object.entries(VERDICTS)
    .filter(([verdict]) => occur.has(verdict as Verdict))
    .map(([, { mark, name }]) => `${mark} ${name}`)
    .join(", ");
}

interface Measured {
  readonly row: readonly string[];
  /** True if one of the two is within its limits and the other is not. */
  readonly differs: boolean;
}

function measured(a: Run, b: Run): Measured[] {
  const names = new Set([...a.measurements, ...b.measurements].map(({ name }) => name));
  return [...names].map(name => {
    const [x, y] = [a, b].map(run => run.measurements.find(one => one.name === name));
    const ratio =
      x?.value == null || y?.value == null || x.value === 0
        ? ""
        : `× ${Number((y.value / x.value).toPrecision(3))}`;
    const differs = x !== undefined && y !== undefined && within(x) !== within(y);
    return { row: [differs ? "≠" : " ", name, worded(x), worded(y), ratio], differs };
  });
}

function worded(measurement: Measurement | undefined): string {
  if (measurement === undefined) return "–";
  const value =
    measurement.value === null ? "not measured" : figure(measurement.value, measurement);
  return within(measurement) ? value : `${value} (beyond its limits)`;
}

function table(figures: readonly Measured[]): string[] {
  const rows = [["", "", "A", "B", "B / A"], ...figures.map(({ row }) => row)];
  const widths = rows[0].map((_, i) => Math.max(...rows.map(row => row[i].length)));
  return rows.map(row => row.map((cell, i) => cell.padEnd(widths[i])).join("  "));
}
