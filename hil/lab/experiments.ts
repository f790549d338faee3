/** A backend of an experiment. */
export interface ExperimentBackend {
  readonly name: string;
  /** Mean service time of a request; exponentially distributed. */
  readonly serviceMs: number;
  /** Requests that it serves at once; further ones wait in a FIFO queue. */
  readonly workers: number;
  /** Weight in the configuration; strategies without weights get none. */
  readonly weight?: number;
}

/** A change of a backend during an experiment. */
export interface ExperimentEvent {
  readonly atMs: number;
  readonly backend: string;
  /** Service times are multiplied, or the backend dies, or it is back. */
  readonly what: { readonly slower: number } | "dies" | "returns";
}

/** Requests arrive as a Poisson process, independent of earlier ones. */
export interface Traffic {
  readonly perSecond: number;
  /** A burst of `requests` at once, every `everyMs`. */
  readonly burst?: { readonly requests: number; readonly everyMs: number };
}

/** A situation in which strategies are compared. */
export interface Experiment {
  /** The question that it answers. */
  readonly question: string;
  readonly backends: readonly ExperimentBackend[];
  readonly traffic: Traffic;
  readonly events: readonly ExperimentEvent[];
  readonly durationMs: number;
}

const even = (serviceMs: number, workers = 4) =>
  ["a", "b", "c"].map(name => ({ name, serviceMs, workers }));

/** The experiments by name. */
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
