import { expect, test } from "vitest";
import { randomSipKey, sipHash, sipKeyOf } from "./sip-hash.ts";

function hash(key: Uint32Array, text: string): string {
  const words = new Uint32Array(2);
  sipHash(key, text, words, 0);
  const bytes = [...new Uint8Array(words.buffer)];
  return bytes.map(byte => byte.toString(16).padStart(2, "0")).join("");
}

/** The key of the vectors: the bytes 0 to 15. */
const KEY = Uint32Array.of(0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c);

// The bytes 0, 1, 2, … of these lengths (https://github.com/veorq/SipHash, vectors.h, vectors_sip64).
test.each([
  [0, "310e0edd47db6f72"],
  [1, "fd67dc93c539f874"],
  [2, "5a4fa9d909806c0d"],
  [7, "37d1018bf50002ab"],
  [8, "6224939a79f5f593"],
  [15, "e545be4961ca29a1"],
  [16, "db9bc2577fcc2a3f"],
  [63, "724506eb4c328a95"],
])("SipHash-2-4 of %i bytes is that of its authors", (length, expected) => {
  const text = String.fromCharCode(...Array.from({ length }, (_, i) => i));
  expect(hash(KEY, text)).toBe(expected);
});

test("one bit of a key or a text changes the hash", () => {
  const hashes = new Set<string>();
  for (let bit = 0; bit < 128; bit++) {
    const key = KEY.slice();
    key[bit >> 5] ^= 1 << (bit & 31);
    hashes.add(hash(key, "a"));
  }
  for (let bit = 0; bit < 8; bit++) hashes.add(hash(KEY, String.fromCharCode(97 ^ (1 << bit))));
  hashes.add(hash(KEY, "a"));
  expect(hashes.size).toBe(128 + 8 + 1);
});

test("a key from a text has 128 bits of its own, and is the same each time", () => {
  const keys = ["secret-1", "secret-2", "a much longer secret than those two"].map(sipKeyOf);
  expect(sipKeyOf("secret-1")).toEqual(keys[0]);
  const words = keys.flatMap(key => [...key]);
  expect(new Set(words).size).toBe(12);
});

test("a key by chance uses every bit, though a number of the chip has only 31 that are random", () => {
  let draw = 0;
  const random = () => ((draw++ * 0x1234567) & 0x7fff_ffff) / 2 ** 31;
  const seen = [0, 0, 0, 0];
  for (let i = 0; i < 64; i++) {
    for (const [at, word] of randomSipKey(random).entries()) seen[at] |= word;
  }
  expect(seen.map(word => word >>> 0)).toEqual([0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]);
});
