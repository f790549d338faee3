import type { Backend } from "../backend/backend.ts";
import { BACKENDS_MAX } from "../config/settings.ts";
import { PicksInFlight } from "./picks-in-flight.ts";
import type { Strategy, StrategyParts } from "./strategy.ts";
import { TwoChoices } from "./two-choices.ts";

/** Of all picks, so many are left to chance alone, whatever was learned. */
const EXPLORED_SHARE = 0.05;
/** Of all picks, so many are made by the one who follows, to compare him with the one who leads. */
const FOLLOWER_SHARE = 0.1;
/** What an answer counts against all before it: constant, to follow what changes. */
const LEARNING_RATE = 0.2;
/** Silence in which what was learned loses 63 % of its weight; otherwise exploring is sooner. */
const DECAY_MS = 60_000;
/** The learner leads while it is slower than two choices by no more than this. */
const REGRET_MAX = 0.1;
/** Answers that the comparison looks back on, and how many of each it needs. */
const COMPARED_ANSWERS = 64;
const COMPARED_ANSWERS_MIN = 16;
/** A clock of milliseconds tells no smaller difference. */
const CLOCK_STEP_MS = 1;
/** How busy a backend is, as the learner tells it apart: 0, 1, 2 to 3, 4 to 7, 8 and more sessions. */
const STATES = 5;

/** Who made a pick. */
const EXPLORER = 0;
const LEARNER = 1;
const TWO_CHOICES = 2;
const MAKERS = 3;

/**
 * Learns by trying: Q-learning, where the state is how busy a backend is and the reward is minus the
 * milliseconds to its first byte. A pick decides nothing about later ones, so no future is discounted.
 * So it finds out what a backend gives and what it bears without being told either. (Sutton and Barto,
 * "Reinforcement Learning", 2.5 and 6.5.)
 *
 * It is kept within bounds. 5 % of the picks are by chance, forever. Silence makes it forget. And it
 * leads only while that is worth it: always, 10 % of the picks are made by the other of learner and two
 * choices, at the same time and under the same load. Each answer counts for who made its pick; the
 * average of the last 64 or so of each says whether the learner is more than 10 % slower. Then two
 * choices leads and the learner gets the 10 %, learning on from all answers, until it is better.
 */
export class QLearning implements Strategy {
  #clock: StrategyParts["clock"];
  #random: () => number;
  #twoChoices: TwoChoices;
  #inFlight = new PicksInFlight();
  /**
   * By backend and state: milliseconds to the first byte, below 0 while unknown, and as of when. 32 bits
   * of time are half a second wrong after 50 days, which is nothing to a decay of a minute.
   */
  #answerMs = new Float32Array(BACKENDS_MAX * STATES).fill(-1);
  #atMs = new Float32Array(BACKENDS_MAX * STATES);
  /** By maker: milliseconds to the first byte on average, and of how many answers. */
  #meanMs = new Float64Array(MAKERS);
  #answers = new Float64Array(MAKERS);

  constructor(parts: StrategyParts) {
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#twoChoices = new TwoChoices(parts);
  }

  /** Who makes most of the picks now. */
  get leader(): "learner" | "two-choices" {
    const compared = Math.min(this.#answers[LEARNER], this.#answers[TWO_CHOICES]);
    const regretMs = this.#meanMs[LEARNER] - this.#meanMs[TWO_CHOICES];
    const allowedMs = this.#meanMs[TWO_CHOICES] * REGRET_MAX + CLOCK_STEP_MS;
    return compared >= COMPARED_ANSWERS_MIN && regretMs > allowedMs ? "two-choices" : "learner";
  }

  pick(candidates: readonly Backend[]): Backend | undefined {
    const nowMs = this.#clock.now();
    const chance = this.#random();
    if (chance < EXPLORED_SHARE) {
      const chosen = candidates[Math.floor(this.#random() * candidates.length)];
      return this.#picked(chosen, EXPLORER, nowMs);
    }
    const follower = chance < EXPLORED_SHARE + FOLLOWER_SHARE;
    if (follower !== (this.leader === "learner")) {
      let best: Backend | undefined;
      let leastMs = Number.POSITIVE_INFINITY;
      for (let at = 0; at < candidates.length; at++) {
        const candidate = candidates[at];
        const ms = this.#expectedMs(candidate, nowMs);
        if (ms >= leastMs) continue;
        leastMs = ms;
        best = candidate;
      }
      // To try the unknown is no decision, so it must not count against the learner.
      if (best) return this.#picked(best, leastMs === 0 ? EXPLORER : LEARNER, nowMs);
    }
    return this.#picked(this.#twoChoices.pick(candidates), TWO_CHOICES, nowMs);
  }

  answered(backend: Backend, ms: number): void {
    const nowMs = this.#clock.now();
    const note = this.#inFlight.take(backend.index, nowMs - ms);
    if (note === undefined) return;
    const tookMs = Math.max(ms, CLOCK_STEP_MS); // nothing would be nothing at any load
    const place = backend.index * STATES + Math.floor(note / MAKERS);
    const known = this.#answerMs[place];
    const kept = known < 0 ? 0 : Math.min(1 - LEARNING_RATE, this.#kept(place, nowMs));
    this.#answerMs[place] = known * kept + tookMs * (1 - kept);
    this.#atMs[place] = nowMs;
    const maker = note % MAKERS;
    const answers = Math.min(++this.#answers[maker], COMPARED_ANSWERS);
    this.#meanMs[maker] += (tookMs - this.#meanMs[maker]) / answers;
  }

  /** Milliseconds to the first byte that the learner expects; 0 asks for its first request. */
  score(backend: Backend): number {
    return this.#expectedMs(backend, this.#clock.now());
  }

  #picked(chosen: Backend | undefined, maker: number, nowMs: number): Backend | undefined {
    if (chosen) this.#inFlight.add(chosen.index, state(chosen) * MAKERS + maker, nowMs);
    return chosen;
  }

  /**
   * Guesses from the nearest state that is known, a less busy one first: twice the sessions, twice the
   * time. Of a backend that was asked and has never answered nothing good is expected.
   */
  #expectedMs(backend: Backend, nowMs: number): number {
    const wanted = state(backend);
    const first = backend.index * STATES;
    let near = wanted;
    while (near >= 0 && this.#answerMs[first + near] < 0) near--;
    if (near < 0) {
      near = wanted + 1;
      while (near < STATES && this.#answerMs[first + near] < 0) near++;
    }
    if (near === STATES) return backend.sessions === 0 ? 0 : Number.POSITIVE_INFINITY;
    const place = first + near;
    return this.#answerMs[place] * this.#kept(place, nowMs) * 2 ** (wanted - near);
  }

  /** How much of what was learned still counts, from 1 down. */
  #kept(place: number, nowMs: number): number {
    return Math.exp((this.#atMs[place] - nowMs) / DECAY_MS);
  }
}

function state({ sessions }: Backend): number {
  return Math.min(32 - Math.clz32(sessions), STATES - 1);
}
