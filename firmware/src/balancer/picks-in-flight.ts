/** More than twice the sessions of a board (12 to 14). The rest is for picks that failed, which are not reported here. */
const IN_FLIGHT_MAX = 32;

/**
 * Picks whose response is awaited, each with a note of the caller. A response does not identify its pick, so the one
 * with the nearest time is taken. When all places are in use, the oldest pick is dropped.
 */
export class PicksInFlight {
  /** By place: the time of the pick; -Infinity while the place is free. */
  #atMs = new Float64Array(IN_FLIGHT_MAX).fill(Number.NEGATIVE_INFINITY);
  #backends = new Uint8Array(IN_FLIGHT_MAX);
  #notes = new Uint8Array(IN_FLIGHT_MAX);

  /** `note`, from 0 to 255, is returned by `take`. */
  add(backendIndex: number, note: number, nowMs: number): void {
    let place = 0;
    for (let other = 1; other < IN_FLIGHT_MAX; other++)
      if (this.#atMs[other] < this.#atMs[place]) place = other;
    this.#atMs[place] = nowMs;
    this.#backends[place] = backendIndex;
    this.#notes[place] = note;
  }

  /** Removes the pick of a backend nearest to `sentMs` and returns its note. */
  take(backendIndex: number, sentMs: number): number | undefined {
    let place = -1;
    let nearestMs = Number.POSITIVE_INFINITY;
    for (let other = 0; other < IN_FLIGHT_MAX; other++) {
      const farMs = Math.abs(this.#atMs[other] - sentMs);
      if (this.#backends[other] !== backendIndex || farMs >= nearestMs) continue;
      place = other;
      nearestMs = farMs;
    }
    if (place < 0) return undefined;
    this.#atMs[place] = Number.NEGATIVE_INFINITY;
    return this.#notes[place];
  }
}
