import { performance } from "node:perf_hooks";
import { parseEvent } from "./line.ts";
import { extremes } from "./report/excerpt.ts";
import type { Moment, ScenarioResult, Series, Source, Verdict } from "./run.ts";

/** Moments that a run keeps: about ten for each request of all scenarios, a hundred times over. */
const MOMENTS_MAX = 200_000;

/** Characters of a moment that are kept; an event of the log has 240 at most, but garbage may be endless. */
const TEXT_MAX = 1_000;

/** Points of a chart that are kept: more than a screen has pixels. */
const POINTS_MAX = 20_000;

/** Results with the same scenario and verdict that a run keeps: a soak of hours has thousands. */
const ALIKE_MAX = 200;

/** Records what happens while scenarios are played, with the time of the run. */
export class Recorder {
  readonly results: ScenarioResult[] = [];
  /** Counts of the results that are not kept. */
  readonly more: Partial<Record<Verdict, number>> = {};
  #alike = new Map<string, number>();
  /** Measurements by name (see `limits.ts`). */
  readonly figures = new Map<string, number>();
  #startMs = performance.now();
  #moments: Moment[] = [];
  #series = new Map<string, { unit: string; points: [number, number][] }>();
  /** Sessions and requests by backend, since `takeServed` was last called. */
  #served: Record<string, number> = {};

  /** Time since the run began, in ms. */
  now(): number {
    return performance.now() - this.#startMs;
  }

  /** All moments, the oldest first. */
  get moments(): readonly Moment[] {
    return this.#moments;
  }

  get series(): readonly Series[] {
    return [...this.#series].map(([name, rest]) => ({ name, ...rest }));
  }

  /** Records a moment; events of the board are also counted by backend. */
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
    // Every second point is dropped, but not the first one.
    if (series.points.length > POINTS_MAX) series.points = extremes(series.points, POINTS_MAX / 2);
  }

  /** The lowest value of a series; `undefined` if it has none. */
  lowest(name: string): number | undefined {
    const values = this.#series.get(name)?.points.map(([, value]) => value) ?? [];
    return values.length === 0 ? undefined : values.reduce((low, value) => Math.min(low, value));
  }

  /** Sessions and requests by backend since the last call. */
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
    // An HTTP session logs each of its requests.
    const session = on === "session" && what === "end" && values.status === undefined;
    if (values.backend !== undefined && (request || session)) {
      this.#served[values.backend] = (this.#served[values.backend] ?? 0) + 1;
    }
    if (request) this.point("answer", "ms", Number(values.Ta));
  }
}
