import type { Backend } from "../backend/backend.ts";
import type { Strategy, StrategyParts } from "./strategy.ts";

/** What a backend counts that was asked and has never answered: nobody else is so slow. Envoy's number. */
const UNKNOWN_MS = 1_000_000;

/**
 * The clock counts milliseconds. Answers that take none must not hide how many sessions there are, nor
 * may averages that a long silence has brought down to nothing.
 */
const ANSWER_MIN_MS = 1;

/**
 * The backend that should answer first: by the time it took lately, which is the peak EWMA of
 * `Latency`, for each session that it has and the new one, by weight. Nothing is by chance: Finagle
 * and Envoy draw two candidates, because there many balancers, none knowing of the others' picks,
 * would run to the same backend. This one makes all picks itself and sees them at once as sessions.
 *
 * A backend that has not answered yet gets one request, and no other before that ended. One that was
 * slow is asked again when silence has brought its average below the others'. Errors do not count, not
 * even quick ones: they are for health to judge.
 */
export class Ewma implements Strategy {
  #clock: StrategyParts["clock"];

  constructor({ clock }: Pick<StrategyParts, "clock">) {
    this.#clock = clock;
  }

  pick(candidates: readonly Backend[]): Backend | undefined {
    const nowMs = this.#clock.now();
    let chosen: Backend | undefined = candidates[0];
    let lowest = Number.POSITIVE_INFINITY;
    for (let at = 0; at < candidates.length; at++) {
      const candidate = candidates[at];
      const cost = costMs(candidate, nowMs);
      if (cost >= lowest) continue;
      lowest = cost;
      chosen = candidate;
    }
    return chosen;
  }

  /** Milliseconds to the first byte × (sessions + 1) / weight; 0 asks for its first request. */
  score(backend: Backend): number {
    return costMs(backend, this.#clock.now());
  }
}

function costMs({ latency, sessions, effectiveWeight }: Backend, nowMs: number): number {
  const answerMs = latency.costMs(nowMs);
  if (answerMs === undefined && sessions === 0) return 0;
  const ms = answerMs === undefined ? UNKNOWN_MS : Math.max(answerMs, ANSWER_MIN_MS);
  return (ms * (sessions + 1)) / effectiveWeight;
}
