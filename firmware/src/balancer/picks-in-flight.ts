/**
 * Twice the sessions that the board can have: with 32 connections, half of them to clients. The rest is
 * for picks that failed, which nobody reports here.
 */
const IN_FLIGHT_MAX = 32;

/**
 * Picks that wait for their answer, each with the circumstances that it was made in. An answer does not
 * say which pick it belongs to: it is the one whose time comes nearest. When all places are taken, the
 * oldest pick is forgotten.
 */
export class PicksInFlight {
  /** By place: when it was picked; longest ago of all while the place is free. */
  #atMs = new Float64Array(IN_FLIGHT_MAX).fill(Number.NEGATIVE_INFINITY);
  #backends = new Uint8Array(IN_FLIGHT_MAX);
  #notes = new Uint8Array(IN_FLIGHT_MAX);

  /** `note`, from 0 to 255, is what the caller wants to know again. */
  add(backendIndex: number, note: number, nowMs: number): void {
    let place = 0;
    for (let other = 1; other < IN_FLIGHT_MAX; other++) {
      if (this.#atMs[other] < this.#atMs[place]) place = other;
    }
    this.#atMs[place] = nowMs;
    this.#backends[place] = backendIndex;
    this.#notes[place] = note;
  }

  /** The note of the pick of a backend that was asked at `askedMs`; it is open no more. */
  take(backendIndex: number, askedMs: number): number | undefined {
    let place = -1;
    let nearestMs = Number.POSITIVE_INFINITY;
    for (let other = 0; other < IN_FLIGHT_MAX; other++) {
      const farMs = Math.abs(this.#atMs[other] - askedMs);
      if (this.#backends[other] !== backendIndex || farMs >= nearestMs) continue;
      place = other;
      nearestMs = farMs;
    }
    if (place < 0) return undefined;
    this.#atMs[place] = Number.NEGATIVE_INFINITY;
    return this.#notes[place];
  }
}
