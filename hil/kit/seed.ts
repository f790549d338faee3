import { randomInt } from "node:crypto";

/** Property tests draw their values by this seed unless `SEED` names another one. */
const SEED_FIXED = 1;

/** fast-check takes 32 bits, with a sign. */
const SEED_MAX = 2 ** 31 - 1;

/** The seed that the environment variable `SEED` asks for: a number, or `random` for a new one. */
export function readSeed(text: string | undefined): number {
  if (text === undefined || text === "") return SEED_FIXED;
  if (text === "random") return randomInt(1, SEED_MAX);
  const seed = Number(text);
  if (/^-?\d+$/.test(text) && Math.abs(seed) <= SEED_MAX) return seed;
  throw new Error(
    `SEED is "${text}"; wanted a whole number from -${SEED_MAX} to ${SEED_MAX}, or "random"`,
  );
}
