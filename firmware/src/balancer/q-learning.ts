import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import { PicksInFlight } from "./picks-in-flight.ts";
import type { Strategy } from "./strategy.ts";
import { TwoChoices } from "./two-choices.ts";

/** Share of picks that are random, to explore. */
const EXPLORED_SHARE = 0.05;
/** Share of picks made by the policy that does not lead, for comparison. */
const FOLLOWER_SHARE = 0.1;
/** Weight of a new sample against the average; constant, to follow changes. */
const LEARNING_RATE = 0.2;
/** Time without samples in which an estimate decays by 63 %. */
const DECAY_MS = 60_000;
/** The learner leads unless it is slower than two choices by more than this. */
const REGRET_MAX = 0.1;
/** Window of the comparison in responses, and how many of each policy it needs. */
const COMPARED_ANSWERS = 64;
const COMPARED_ANSWERS_MIN = 16;
/** Resolution of the clock. */
const CLOCK_STEP_MS = 1;
/** States of a backend for the learner: 0, 1, 2 to 3, 4 to 7, and 8 or more sessions. */
const STATES = 5;

/** The policy that made a pick. */
const EXPLORER = 0;
const LEARNER = 1;
const TWO_CHOICES = 2;
const POLICIES = 3;

/**
 * Q-learning (Sutton and Barto, "Reinforcement Learning", 2.5 and 6.5): the state is the number of sessions of a
 * backend, the reward is minus the milliseconds to the first byte. A pick does not influence later states, so there is
 * no discounted future. It learns the speed and the capacity of each backend without configured weights.
 *
 * Three rules limit the damage it can do. 5 % of the picks are random, always. Estimates decay without samples. And
 * 10 % of the picks are always made by the other policy (learner or two choices) under the same load: each response
 * counts for the policy that made its pick, and when the learner's average over about 64 responses is more than 10 %
 * slower, two choices leads. The learner then gets the 10 %, and learns from all responses, until it is better.
 */
export class QLearning implements Strategy {
  #random: () => number;
  #twoChoices: TwoChoices;
  #inFlight = new PicksInFlight();
  /**
   * By backend and state: milliseconds to the first byte (below 0 while unknown) and the time of the last sample.
   * As 32-bit floats times are off by half a second after 50 days, which does not matter to a decay of a minute.
   */
  #answerMs = new Float32Array(BACKENDS_MAX * STATES).fill(-1);
  #atMs = new Float32Array(BACKENDS_MAX * STATES);
  /** By policy: average milliseconds to the first byte, and the number of responses in it. */
  #meanMs = new Float64Array(POLICIES);
  #answers = new Float64Array(POLICIES);

  constructor(random: () => number) {
    this.#random = random;
    this.#twoChoices = new TwoChoices(random);
  }

  /** The policy that makes most of the picks now. */
  get leader(): "learner" | "two-choices" {
    const compared = Math.min(this.#answers[LEARNER], this.#answers[TWO_CHOICES]);
    const regretMs = this.#meanMs[LEARNER] - this.#meanMs[TWO_CHOICES];
    const allowedMs = this.#meanMs[TWO_CHOICES] * REGRET_MAX + CLOCK_STEP_MS;
    return compared >= COMPARED_ANSWERS_MIN && regretMs > allowedMs ? "two-choices" : "learner";
  }

  pick(candidates: readonly Backend[], client: number, nowMs: number): Backend | undefined {
    const chance = this.#random();
    if (chance < EXPLORED_SHARE) {
      const chosen = candidates[Math.floor(this.#random() * candidates.length)];
      return this.picked(chosen, EXPLORER, nowMs);
    }
    const follower = chance < EXPLORED_SHARE + FOLLOWER_SHARE;
    if (follower !== (this.leader === "learner")) {
      let best: Backend | undefined;
      let leastMs = Number.POSITIVE_INFINITY;
      for (let at = 0; at < candidates.length; at++) {
        const ms = this.score(candidates[at], client, nowMs);
        if (ms >= leastMs) continue;
        leastMs = ms;
        best = candidates[at];
      }
      // The first request to a backend is exploration and must not count against the learner.
      if (best) return this.picked(best, leastMs === 0 ? EXPLORER : LEARNER, nowMs);
    }
    return this.picked(this.#twoChoices.pick(candidates), TWO_CHOICES, nowMs);
  }

  answered(backend: Backend, ms: number, nowMs: number): void {
    const note = this.#inFlight.take(backend.index, nowMs - ms);
    if (note === undefined) return;
    const tookMs = Math.max(ms, CLOCK_STEP_MS); // 0 would stay 0 at any load
    const place = backend.index * STATES + Math.floor(note / POLICIES);
    const known = this.#answerMs[place];
    const kept = known < 0 ? 0 : Math.min(1 - LEARNING_RATE, this.kept(place, nowMs));
    this.#answerMs[place] = known * kept + tookMs * (1 - kept);
    this.#atMs[place] = nowMs;
    const policy = note % POLICIES;
    const answers = Math.min(++this.#answers[policy], COMPARED_ANSWERS);
    this.#meanMs[policy] += (tookMs - this.#meanMs[policy]) / answers;
  }

  /**
   * The expected milliseconds to the first byte, from the nearest known state, less busy ones first: twice the
   * sessions, twice the time. Without any known state 0 for an idle backend, and infinite for a busy one.
   */
  score(backend: Backend, _client: number, nowMs: number): number {
    const wanted = stateOf(backend);
    const first = backend.index * STATES;
    let near = wanted;
    while (near >= 0 && this.#answerMs[first + near] < 0) near--;
    if (near < 0) {
      near = wanted + 1;
      while (near < STATES && this.#answerMs[first + near] < 0) near++;
    }
    if (near === STATES) return backend.counters.sessions === 0 ? 0 : Number.POSITIVE_INFINITY;
    const place = first + near;
    return this.#answerMs[place] * this.kept(place, nowMs) * 2 ** (wanted - near);
  }

  private picked(chosen: Backend | undefined, policy: number, nowMs: number): Backend | undefined {
    if (chosen) this.#inFlight.add(chosen.index, stateOf(chosen) * POLICIES + policy, nowMs);
    return chosen;
  }

  /** The decay of an estimate, from 1 down to 0. */
  private kept(place: number, nowMs: number): number {
    return Math.exp((this.#atMs[place] - nowMs) / DECAY_MS);
  }
}

function stateOf(backend: Backend): number {
  return Math.min(32 - Math.clz32(backend.counters.sessions), STATES - 1);
}
