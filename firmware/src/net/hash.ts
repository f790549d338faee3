/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
const FNV_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A 32-bit hash, from 0 to 2 ** 32 - 1, to spread clients over backends and to compare names. Not cryptographic: the
 * seed can be guessed from enough hashes.
 *
 * Chip and Node agree for ASCII text only, because XS indexes strings by code points.
 */
export function hashText(text: string, seed = 0): number {
  let hash = FNV_BASIS ^ seed;
  for (let place = 0; place < text.length; place++)
    hash = Math.imul(hash ^ text.charCodeAt(place), FNV_PRIME);
  return finish(hash);
}

/** Combines two hashes; the order matters. */
export function mix(a: number, b: number): number {
  return finish(finish(a) + b);
}

/**
 * MurmurHash3's finalizer (Austin Appleby, public domain): every input bit changes half of the output bits. FNV alone
 * gives similar hashes for names that differ in their last letter.
 */
function finish(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
