import type { Incident } from "../incidents.ts";
import type { Moment, Run, ScenarioResult, Series } from "../run.ts";

/**
 * Moments that the page shows. Measured on a busy computer with two cores: with this many, Chromium opens the
 * page in 1.6 s and filters it in 0.6 s at most. All moments are in run.json.
 */
export const MOMENTS_MAX = 10_000;

/** Scenarios that the page shows: a soak repeats some dozens, and JUnit lists all. */
export const RESULTS_MAX = 1000;

/** Points of a chart: it is hardly wider than 1000 pixels, and each has a lowest and a highest value. */
export const POINTS_MAX = 2000;

/** Incidents that the page shows: more would show no new pattern. */
export const INCIDENTS_MAX = 200;

/** Characters of one text; a trace (40 lines) or a dump (60 lines) is shorter. */
export const CHARACTERS_MAX = 10_000;

/** Lines around an incident that rank above others. */
const INCIDENT_LINES = 100;

/** Rank of moments that are near no failure or incident: more than any distance within a run. */
const FAR = 1e12;

/** The shown items in order, with the others as gaps. */
export type Excerpt<T> = readonly (T | { readonly leftOut: readonly T[] })[];

/** Scenarios that did not pass come first, then the last ones. */
export function resultsExcerpt(results: readonly ScenarioResult[]): Excerpt<ScenarioResult> {
  return nearest(
    results,
    results.map(({ verdict }, i) => results.length - i + (verdict === "passed" ? FAR : 0)),
    RESULTS_MAX,
  );
}

/** The first incidents of the run. */
export function incidentsExcerpt(results: readonly ScenarioResult[]): ReadonlySet<Incident> {
  return new Set(results.flatMap(({ incidents }) => incidents).slice(0, INCIDENTS_MAX));
}

/** Moments before a failure or around an incident come first, then the last ones of the run. */
export function momentsExcerpt({ moments, results }: Run): Excerpt<Moment> {
  const far = moments.map((_, i) => FAR + moments.length - i);
  if (moments.length <= MOMENTS_MAX) return moments;
  const indexAt = (ms: number) => {
    let [from, to] = [0, moments.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (moments[middle].ms < ms) from = middle + 1;
      else to = middle;
    }
    return from;
  };
  const approach = (from: number, to: number, centre: number) => {
    for (let i = Math.max(0, from); i < Math.min(to, moments.length); i++) {
      far[i] = Math.min(far[i], Math.abs(centre - i));
    }
  };
  for (const { verdict, atMs, ms, incidents } of results) {
    if (verdict === "failed" || verdict === "rig-error") {
      const end = indexAt(atMs + ms + 1);
      approach(indexAt(atMs), end, end);
    }
    for (const incident of incidents) {
      const at = indexAt(incident.ms);
      approach(at - INCIDENT_LINES, at + INCIDENT_LINES, at);
    }
  }
  return nearest(moments, far, MOMENTS_MAX);
}

export function thinned({ points }: Series): Series["points"] {
  return points.length <= POINTS_MAX ? points : extremes(points, POINTS_MAX);
}

type Point = readonly [ms: number, value: number];

/** Reduces the points to `count`: the lowest and the highest value of each stretch, so that no peak is lost. */
export function extremes<P extends Point>(points: readonly P[], count: number): P[] {
  const stretches = count / 2;
  return Array.from({ length: stretches }, (_, i) => {
    const stretch = points.slice(
      Math.floor((i * points.length) / stretches),
      Math.floor(((i + 1) * points.length) / stretches),
    );
    const sorted = [...stretch].sort(([, a], [, b]) => a - b);
    return [sorted[0], sorted.at(-1)!].sort(([a], [b]) => a - b);
  }).flat();
}

/** A long text, cut, with the number of characters that were cut. */
export function shortened(text: string): string {
  const more = text.length - CHARACTERS_MAX;
  if (more <= 0) return text;
  return `${text.slice(0, CHARACTERS_MAX)}\n… ${more} more characters are in run.json`;
}

function nearest<T>(items: readonly T[], far: readonly number[], max: number): Excerpt<T> {
  if (items.length <= max) return items;
  const limit = [...far].sort((a, b) => a - b)[max];
  const kept: (T | { leftOut: T[] })[] = [];
  let gap: { leftOut: T[] } | undefined;
  items.forEach((item, i) => {
    if (far[i] < limit) {
      gap = undefined;
      kept.push(item);
    } else if (gap === undefined) {
      gap = { leftOut: [item] };
      kept.push(gap);
    } else {
      gap.leftOut.push(item);
    }
  });
  return kept;
}
