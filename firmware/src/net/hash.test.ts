import { expect, test } from "vitest";
import { hashText, mix } from "./hash.ts";

/** The share of hash bits that differ, for pairs that differ in one bit. */
function changed(pairs: readonly (readonly [number, number])[]): number {
  let bits = 0;
  for (const [one, other] of pairs) {
    for (let rest = (one ^ other) >>> 0; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  }
  return bits / (pairs.length * 32);
}

test("a hash is a whole number of 32 bits, and the same every time", () => {
  for (const text of ["", "a", "b", "backend-1", "192.168.0.1", "x".repeat(1000)]) {
    const hash = hashText(text, 7);
    expect(hash).toBe(hashText(text, 7));
    expect(hash).toBe(hash >>> 0);
  }
});

test("FNV-1a with MurmurHash3's finalizer, as published", () => {
  // 0 is finished as 0, so that this finishes nothing but its number.
  const finish = (hash: number) => mix(0, hash);
  expect(finish(0)).toBe(0);
  expect(finish(1)).toBe(0x514e28b7);
  // FNV-1a of nothing is its basis; of "foobar" its authors publish 0xbf9cf968.
  expect(hashText("")).toBe(finish(0x811c9dc5));
  expect(hashText("foobar")).toBe(finish(0xbf9cf968));
});

test("names alike are far apart, and so are seeds", () => {
  const near = Array.from({ length: 200 }, (_, n) => `b${n}`);
  expect(new Set(near.map(name => hashText(name))).size).toBe(200);
  const names = near.slice(1).map((name, n) => [hashText(name), hashText(near[n])] as const);
  expect(Math.abs(changed(names) - 0.5)).toBeLessThan(0.05);
  const seeds = near.map((_, n) => [hashText("lb", n), hashText("lb", n + 1)] as const);
  expect(Math.abs(changed(seeds) - 0.5)).toBeLessThan(0.05);
});

test("every bit of either number changes half of their mix", () => {
  for (let bit = 0; bit < 32; bit++) {
    const numbers = Array.from({ length: 300 }, (_, n) => n * 2654435761);
    const flipped = (n: number) => (n ^ (1 << bit)) >>> 0;
    const left = numbers.map(n => [mix(n, 5), mix(flipped(n), 5)] as const);
    const right = numbers.map(n => [mix(5, n), mix(5, flipped(n))] as const);
    expect(Math.abs(changed(left) - 0.5)).toBeLessThan(0.06);
    expect(Math.abs(changed(right) - 0.5)).toBeLessThan(0.06);
  }
});

test("the order of the two matters", () => {
  expect(mix(1, 2)).not.toBe(mix(2, 1));
});
