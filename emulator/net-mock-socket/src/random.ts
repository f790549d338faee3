/**
 * A random number generator that repeats: the same seed gives the same numbers, from 0 to less than 1.
 * Mulberry32 (Tommy Ettinger, public domain): 32 bits of state are enough for jitter and loss.
 */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
