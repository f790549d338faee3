import { type Thread, threads } from "./comparable.ts";
import type { Run, ScenarioResult } from "./run.ts";

/** Two threads that should be the same; one of them may not be there. */
export interface ThreadDifference {
  readonly a: Thread | undefined;
  readonly b: Thread | undefined;
  /** Number of the first line that differs. */
  readonly line: number;
}

/** A scenario that two runs did not play the same way. */
export interface Difference {
  /** As both played it, or the one that did. */
  readonly a: ScenarioResult | undefined;
  readonly b: ScenarioResult | undefined;
  /** The earliest first; none where only the verdicts or the incidents differ. */
  readonly threads: readonly ThreadDifference[];
}

/** One scenario in two runs. */
export interface Pair {
  readonly a: ScenarioResult | undefined;
  readonly b: ScenarioResult | undefined;
}

/** All scenarios of both, in the order of the first run; a repeated one is paired turn by turn. */
export function pairs(a: Run, b: Run): Pair[] {
  const rest = byTurn(b);
  const both = [...byTurn(a)].map(([key, result]) => {
    const other = rest.get(key);
    rest.delete(key);
    return { a: result, b: other };
  });
  return [...both, ...[...rest.values()].map(result => ({ a: undefined, b: result }))];
}

/** Can they be compared at all? What one board cannot play is no difference. */
export function comparablePair({ a, b }: Pair): boolean {
  return a?.verdict !== "skipped" && b?.verdict !== "skipped";
}

/** Everything that the runs did not play the same way, in the order of the first run. */
export function differences(a: Run, b: Run): Difference[] {
  return pairs(a, b).flatMap(pair => {
    if (!comparablePair(pair)) return [];
    if (pair.a === undefined || pair.b === undefined) return { ...pair, threads: [] };
    const unlike = unlikeThreads(logOf(a, pair.a), logOf(b, pair.b));
    const same = pair.a.verdict === pair.b.verdict && kinds(pair.a) === kinds(pair.b);
    return same && unlike.length === 0 ? [] : { ...pair, threads: unlike };
  });
}

/** The first of them. */
export function firstDifference(a: Run, b: Run): Difference | undefined {
  return differences(a, b)[0];
}

/** Incidents of a scenario, in words that can be compared. */
export function kinds({ incidents }: ScenarioResult): string {
  return incidents.map(({ kind }) => kind).join(", ") || "none";
}

function byTurn({ results }: Run): Map<string, ScenarioResult> {
  const turns = new Map<string, number>();
  return new Map(
    results.map(result => {
      const name = `${result.theme}: ${result.title}`;
      const turn = (turns.get(name) ?? 0) + 1;
      turns.set(name, turn);
      return [`${turn} ${name}`, result];
    }),
  );
}

function logOf({ moments }: Run, { atMs, ms }: ScenarioResult): Thread[] {
  return threads(moments.filter(moment => moment.ms >= atMs && moment.ms <= atMs + ms));
}

/**
 * Sessions have other numbers in each run, so any two that read the same are one and the same; the rest
 * is paired in its order.
 */
function unlikeThreads(a: readonly Thread[], b: readonly Thread[]): ThreadDifference[] {
  const restOfB = [...b];
  const restOfA = a.filter(thread => {
    const same = restOfB.findIndex(
      other =>
        nameOf(other) === nameOf(thread) && other.lines.join("\n") === thread.lines.join("\n"),
    );
    if (same >= 0) restOfB.splice(same, 1);
    return same < 0;
  });
  const unlike: ThreadDifference[] = restOfA.map(thread => {
    const at = restOfB.findIndex(other => nameOf(other) === nameOf(thread));
    const [other] = at < 0 ? [undefined] : restOfB.splice(at, 1);
    return { a: thread, b: other, line: firstUnlike(thread, other) };
  });
  for (const thread of restOfB) unlike.push({ a: undefined, b: thread, line: 0 });
  return unlike.sort((x, y) => at(x, a, b) - at(y, a, b));
}

function nameOf({ kind, name }: Thread): string {
  return kind === "session" ? kind : `${kind} ${name}`;
}

function firstUnlike(a: Thread, b: Thread | undefined): number {
  const line = a.lines.findIndex((text, i) => text !== b?.lines[i]);
  return line < 0 ? a.lines.length : line;
}

/** How far into its scenario a difference shows. */
function at({ a, b, line }: ThreadDifference, allA: readonly Thread[], allB: readonly Thread[]) {
  const into = (thread: Thread | undefined, all: readonly Thread[]) =>
    thread?.ms[line] === undefined ? Number.POSITIVE_INFINITY : thread.ms[line] - all[0].ms[0];
  return Math.min(into(a, allA), into(b, allB));
}
