import type { Backend } from "../backend/backend.ts";
import { lowestScore, type Strategy } from "./strategy.ts";

/** Cost of a backend that has a request in flight and no sample yet (Envoy's penalty). */
const UNKNOWN_MS = 1_000_000;

/**
 * Lower bound of a latency, the clock's resolution: with 0 the number of sessions would not count, for fast responses
 * and for averages that have decayed.
 */
const ANSWER_MIN_MS = 1;

/**
 * The backend with the lowest cost: peak EWMA of its latency × (sessions + 1) / weight. There is no random choice:
 * Finagle and Envoy compare two random candidates, because many balancers that do not know of each other's picks
 * would all choose the same backend. This one makes all picks itself and sees them at once as sessions.
 *
 * A backend without a sample gets one request at a time. A slow one is picked again when its average has decayed below
 * the others'. Failed requests do not count, however fast: health checking records them.
 */
export class Ewma implements Strategy {
  pick(candidates: readonly Backend[], client: number, nowMs: number): Backend | undefined {
    return lowestScore(this, candidates, client, nowMs);
  }

  /** The cost in ms; 0 for a backend without requests so far. */
  score(backend: Backend, _client: number, nowMs: number): number {
    const sessions = backend.counters.sessions;
    const answerMs = backend.latency.costMs(nowMs);
    if (answerMs === undefined && sessions === 0) return 0;
    const ms = answerMs === undefined ? UNKNOWN_MS : Math.max(answerMs, ANSWER_MIN_MS);
    return (ms * (sessions + 1)) / backend.effectiveWeight;
  }
}
