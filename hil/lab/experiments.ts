/** A backend of an experiment. */
export interface ExperimentBackend {
  readonly name: string;
  /** Mean time that one request takes there; each takes its own, exponentially spread around it. */
  readonly serviceMs: number;
  /** Requests that it works on at once; the others wait in it, first come first served. */
  readonly workers: number;
  /** What the configuration says; the strategies that look at no weights are given none. */
  readonly weight?: number;
}

/** What happens to a backend in the middle of it. */
export interface ExperimentEvent {
  readonly atMs: number;
  readonly backend: string;
  /** Service times are so many times longer from here on; or it dies; or it is back. */
  readonly what: { readonly slower: number } | "dies" | "returns";
}

/** Requests arrive by chance (a Poisson process): they do not wait for those before them. */
export interface Traffic {
  readonly perSecond: number;
  /** A burst of so many requests at once, each so often. */
  readonly burst?: { readonly requests: number; readonly everyMs: number };
}

/** Everything that a strategy is tried on. */
export interface Experiment {
  /** The question that it asks. */
  readonly question: string;
  readonly backends: readonly ExperimentBackend[];
  readonly traffic: Traffic;
  readonly events: readonly ExperimentEvent[];
  readonly durationMs: number;
}

const even = (serviceMs: number, workers = 4) =>
  ["a", "b", "c"].map(name => ({ name, serviceMs, workers }));

/** The usual questions. */
export const EXPERIMENTS: Record<string, Experiment> = {
  "one-slow": {
    question: "One of three backends is ten times slower than the others. Which strategies notice?",
    backends: [{ name: "a", serviceMs: 200, workers: 4 }, ...even(20).slice(1)],
    traffic: { perSecond: 40 },
    events: [],
    durationMs: 40_000,
  },
  "turns-slow": {
    question: "After ten seconds one backend becomes ten times slower, after thirty it recovers.",
    backends: even(20),
    traffic: { perSecond: 40 },
    events: [
      { atMs: 10_000, backend: "c", what: { slower: 10 } },
      { atMs: 30_000, backend: "c", what: { slower: 1 } },
    ],
    durationMs: 45_000,
  },
  "one-dies": {
    question: "One backend fails after ten seconds and is back after twenty-five.",
    backends: even(20),
    traffic: { perSecond: 40 },
    events: [
      { atMs: 10_000, backend: "c", what: "dies" },
      { atMs: 25_000, backend: "c", what: "returns" },
    ],
    durationMs: 45_000,
  },
  unequal: {
    question: "Machines of unequal size: one, two and four workers, with matching weights.",
    backends: [
      { name: "a", serviceMs: 40, workers: 1, weight: 1 },
      { name: "b", serviceMs: 40, workers: 2, weight: 2 },
      { name: "c", serviceMs: 40, workers: 4, weight: 4 },
    ],
    traffic: { perSecond: 70 },
    events: [],
    durationMs: 30_000,
  },
  bursts: {
    question: "Ten requests at once, each second, besides a low rate of others.",
    backends: even(30, 2),
    traffic: { perSecond: 10, burst: { requests: 10, everyMs: 1000 } },
    events: [],
    durationMs: 40_000,
  },
};
