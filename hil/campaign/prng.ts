import { seeded } from "net-mock-socket";

/** A seeded pseudo-random number generator. */
export class Prng {
  #random: () => number;

  constructor(seed: number) {
    this.#random = seeded(seed);
  }

  upTo(count: number): number {
    return Math.floor(this.#random() * count);
  }

  between(min: number, max: number): number {
    return min + this.upTo(max - min + 1);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  oneOf<T>(values: readonly T[]): T {
    return values[this.upTo(values.length)];
  }

  /** A random, non-empty subset of `values` (swarm testing). */
  someOf<T>(values: readonly T[], share = 0.5): T[] {
    const some = values.filter(() => this.chance(share));
    return some.length > 0 ? some : [this.oneOf(values)];
  }
}
