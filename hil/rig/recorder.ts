import { performance } from "node:perf_hooks";
import { parseEvent } from "./line.ts";
import { extremes } from "./report/excerpt.ts";
import type { Moment, ScenarioResult, Series, Source, Verdict } from "./run.ts";

/** Moments that a run keeps: some ten for each request of all scenarios, a hundred times over. */
const MOMENTS_MAX = 200_000;

/** Characters of a moment; an event of the log has 240 at most, and garbage has no end. */
const TEXT_MAX = 1_000;

/** Points of a chart: more than a screen has dots. */
const POINTS_MAX = 20_000;

/** Results of one scenario with one verdict that a run keeps: a soak of hours has thousands, all alike. */
const ALIKE_MAX = 200;

/** Gathers what was seen while scenarios were played, with the time of the run. */
export class Recorder {
  readonly results: ScenarioResult[] = [];
  /** Results that are only counted. */
  readonly more: Partial<Record<Verdict, number>> = {};
  #alike = new Map<string, number>();
  /** By the names of `BUDGETS`. */
  readonly figures = new Map<string, number>();
  #startMs = performance.now();
  #moments: Moment[] = [];
  #series = new Map<string, { unit: string; points: [number, number][] }>();
  /** Sessions and requests by backend, since they were last taken. */
  #served: Record<string, number> = {};

  /** Since the run began. */
  now(): number {
    return performance.now() - this.#startMs;
  }

  /** The oldest first. */
  get moments(): readonly Moment[] {
    return this.#moments;
  }

  get series(): readonly Series[] {
    return [...this.#series].map(([name, rest]) => ({ name, ...rest }));
  }

  /** Records what was seen; lines of the board are counted by backend, too. */
  moment(source: Source, text: string): void {
    const more = text.length - TEXT_MAX;
    const kept = more > 0 ? `${text.slice(0, TEXT_MAX)}… and ${more} characters` : text;
    this.#moments.push({ ms: this.now(), source, text: kept });
    if (this.#moments.length > MOMENTS_MAX) this.#moments.splice(0, MOMENTS_MAX / 2);
    if (source === "serial") this.#event(text);
  }

  result(result: ScenarioResult): void {
    const { verdict, theme, title } = result;
    const kind = `${verdict} ${theme}: ${title}`;
    const count = (this.#alike.get(kind) ?? 0) + 1;
    this.#alike.set(kind, count);
    if (count <= ALIKE_MAX) this.results.push(result);
    else this.more[verdict] = (this.more[verdict] ?? 0) + 1;
  }

  point(name: string, unit: string, value: number): void {
    const series = this.#series.get(name) ?? { unit, points: [] };
    this.#series.set(name, series);
    series.points.push([this.now(), value]);
    // Every second one goes, and the chart still begins where the run began.
    if (series.points.length > POINTS_MAX) series.points = extremes(series.points, POINTS_MAX / 2);
  }

  /** The lowest value of a series; `undefined` where it has none. */
  lowest(name: string): number | undefined {
    const values = this.#series.get(name)?.points.map(([, value]) => value) ?? [];
    return values.length === 0 ? undefined : values.reduce((low, value) => Math.min(low, value));
  }

  /** What each backend served since this was asked last. */
  takeServed(): Readonly<Record<string, number>> {
    const served = this.#served;
    this.#served = {};
    return served;
  }

  #event(line: string): void {
    const event = parseEvent(line);
    if (event === undefined) return;
    const { on, what, values } = event;
    const request = on === "http" && what === "request";
    // A session of HTTP tells its requests one by one.
    const session = on === "session" && what === "end" && values.status === undefined;
    if (values.backend !== undefined && (request || session)) {
      this.#served[values.backend] = (this.#served[values.backend] ?? 0) + 1;
    }
    if (request) this.point("answer", "ms", Number(values.Ta));
  }
}
