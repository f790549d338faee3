import type { Bench } from "./bench.ts";

/** A kind of work: a bench that is ready for it, and a stretch of it. */
export interface Work {
  readonly bench: Bench;
  readonly run: () => Promise<void>;
  /** How many of its unit a stretch is. */
  readonly count: number;
}
