/** The network's time, given to its constructor. */
export interface Clock {
  /** Milliseconds; never goes back. */
  now(): number;
  /** Runs `task` once, `ms` milliseconds from now, and in the order of the calls where times are equal. */
  after(ms: number, task: () => void): () => void;
}
