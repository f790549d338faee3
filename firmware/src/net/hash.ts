/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Hashes of 32 bits, as numbers from 0 to 2 ** 32 - 1: to spread clients over backends and to tell
 * names apart. They keep no secret: who sees enough of them can guess the seed.
 *
 * The same text gives the same hash on the chip and in Node while it is ASCII: beyond, the two count
 * the units of a string differently.
 */
export function hashText(text: string, seed = 0): number {
  let hash = FNV_BASIS ^ seed;
  for (let place = 0; place < text.length; place++)
    hash = Math.imul(hash ^ text.charCodeAt(place), FNV_PRIME);
  return finish(hash);
}

/** One hash of two, in this order. */
export function mix(a: number, b: number): number {
  return finish(finish(a) + b);
}

/**
 * Lets each bit change half of all bits: names that differ in their last letter leave FNV close
 * together. MurmurHash3's finalizer (Austin Appleby, public domain).
 */
function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
