/** Time in which a sample loses 63 % of its weight, as in Envoy's peak EWMA. */
const DECAY_MS = 10_000;

/**
 * Peak EWMA of the time to the first byte of a response (Finagle). It decays with time, not with the number of
 * responses. A slower response replaces the average at once; faster ones, and time without requests, lower it
 * gradually, so that a backend that was slow is tried again.
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

  /** The average at the last response in milliseconds; `undefined` before the first. */
  get lastMs(): number | undefined {
    return this.#known ? this.#costMs : undefined;
  }

  /** The average now in milliseconds; `undefined` before the first response. */
  costMs(nowMs: number): number | undefined {
    return this.#known ? this.#costMs * Math.exp((this.#atMs - nowMs) / DECAY_MS) : undefined;
  }
}
