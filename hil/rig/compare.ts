import { HARMLESS } from "./incidents.ts";
import { logOf, type Thread } from "./log-threads.ts";
import type { Run, ScenarioResult } from "./run.ts";

/** Two threads that should be the same; one of them may be missing. */
export interface ThreadDifference {
  readonly a: Thread | undefined;
  readonly b: Thread | undefined;
  /** Number of the first line that differs. */
  readonly line: number;
}

/** A scenario that came out differently in two runs. */
export interface ScenarioDifference {
  /** The results of both runs, or of the one that played it. */
  readonly a: ScenarioResult | undefined;
  readonly b: ScenarioResult | undefined;
  /** Earliest first; empty if only the verdicts or the incidents differ. */
  readonly threads: readonly ThreadDifference[];
}

/** One scenario in two runs. */
export interface Pair {
  readonly a: ScenarioResult | undefined;
  readonly b: ScenarioResult | undefined;
}

/**
 * All scenarios of both runs, in the order of the first one; the rounds of a repeated one are paired in order.
 */
export function pairs(a: Run, b: Run): Pair[] {
  const rest = byTurn(b);
  const both = [...byTurn(a)].map(([key, result]) => {
    const other = rest.get(key);
    rest.delete(key);
    return { a: result, b: other };
  });
  return [...both, ...[...rest.values()].map(result => ({ a: undefined, b: result }))];
}

/** True if both runs played the scenario. What one board cannot play is no difference. */
export function comparablePair({ a, b }: Pair): boolean {
  return a?.verdict !== "skipped" && b?.verdict !== "skipped";
}

/** All differences, in the order of the first run. */
export function differences(a: Run, b: Run): ScenarioDifference[] {
  const [logOfA, logOfB] = [logOf(a.moments), logOf(b.moments)];
  return pairs(a, b).flatMap(pair => {
    if (!comparablePair(pair)) return [];
    if (pair.a === undefined || pair.b === undefined) return { ...pair, threads: [] };
    const unlike = unlikeThreads(logOfA(pair.a), logOfB(pair.b));
    const same = pair.a.verdict === pair.b.verdict && kinds(pair.a) === kinds(pair.b);
    return same && unlike.length === 0 ? [] : { ...pair, threads: unlike };
  });
}

/** The first difference. */
export function firstDifference(a: Run, b: Run): ScenarioDifference | undefined {
  return differences(a, b)[0];
}

/**
 * Kinds of a scenario's incidents as text that can be compared, without the harmless ones, which come by
 * chance.
 */
export function kinds({ incidents }: ScenarioResult): string {
  const harmful = incidents.map(({ kind }) => kind).filter(kind => !HARMLESS.includes(kind));
  return harmful.join(", ") || "none";
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

/**
 * Session numbers differ from run to run, so equal threads count as one. Only threads that the other run does
 * not have at all are reported: whether one of a hundred clients was queued or refused depends on timing, and
 * how many there must be is for the scenarios to check.
 */
function unlikeThreads(a: readonly Thread[], b: readonly Thread[]): ThreadDifference[] {
  const restOfB = ways(b, a);
  const unlike: ThreadDifference[] = ways(a, b).map(thread => {
    const at = restOfB.findIndex(other => nameOf(other) === nameOf(thread));
    const [other] = at < 0 ? [undefined] : restOfB.splice(at, 1);
    return { a: thread, b: other, line: firstUnlike(thread, other) };
  });
  for (const thread of restOfB) unlike.push({ a: undefined, b: thread, line: 0 });
  return unlike.sort((x, y) => at(x, a, b) - at(y, a, b));
}

/** The first of each set of equal threads that is not among the known ones. */
function ways(threads: readonly Thread[], known: readonly Thread[]): Thread[] {
  const way = (thread: Thread) => [nameOf(thread), ...thread.lines].join("\n");
  const seen = new Set(known.map(way));
  return threads.filter(thread => {
    const isNew = !seen.has(way(thread));
    seen.add(way(thread));
    return isNew;
  });
}

function nameOf({ kind, name }: Thread): string {
  return kind === "session" ? kind : `${kind} ${name}`;
}

function firstUnlike(a: Thread, b: Thread | undefined): number {
  const line = a.lines.findIndex((text, i) => text !== b?.lines[i]);
  return line < 0 ? a.lines.length : line;
}

/** Time of the difference since its scenario began. */
function at({ a, b, line }: ThreadDifference, allA: readonly Thread[], allB: readonly Thread[]) {
  const into = (thread: Thread | undefined, all: readonly Thread[]) =>
    thread?.ms[line] === undefined ? Number.POSITIVE_INFINITY : thread.ms[line] - all[0].ms[0];
  return Math.min(into(a, allA), into(b, allB));
}
