/** Time in which an observation loses 63 % of its weight; Envoy's peak EWMA uses the same. */
const DECAY_MS = 10_000;

/**
 * How long a backend takes to begin its answer: an average that forgets with time, not with the
 * number of answers. A slower answer counts at once, faster ones bring it down little by little, and
 * so does silence: a backend that was slow is tried again by and by. (Finagle's peak EWMA.)
 */
export class Latency {
  #costMs = 0;
  #atMs = 0;
  #known = false;

  observe(ms: number, nowMs: number): void {
    const decayed = this.costMs(nowMs) ?? 0;
    const kept = Math.exp((this.#atMs - nowMs) / DECAY_MS);
    this.#costMs = ms > decayed ? ms : this.#costMs * kept + ms * (1 - kept);
    this.#atMs = nowMs;
    this.#known = true;
  }

  /** The average as of the last answer in milliseconds, `undefined` before the first. */
  get lastMs(): number | undefined {
    return this.#known ? this.#costMs : undefined;
  }

  /** The average as of now in milliseconds, `undefined` before the first answer. */
  costMs(nowMs: number): number | undefined {
    return this.#known ? this.#costMs * Math.exp((this.#atMs - nowMs) / DECAY_MS) : undefined;
  }
}
