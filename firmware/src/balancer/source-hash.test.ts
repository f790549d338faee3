import { expect, test } from "vitest";
import { hashText, mix } from "../net/hash.ts";
import { SourceHash } from "./source-hash.ts";
import { backendsOf, countsOf, spread, times } from "./testing.ts";

const CLIENTS = 20_000;

/** Hashes of consecutive addresses from 192.168.0.0, as in a home network. */
const clients = times(CLIENTS, host => mix(0xc0a80000 + host, 0));

function served(backends: ReturnType<typeof backendsOf>) {
  const strategy = new SourceHash();
  return clients.map(client => strategy.pick(backends, client, 0)!);
}

test.each([[[1, 1, 1]], [[5, 2, 1]], [new Array(32).fill(1)], [[256, 1, 1]]])(
  "weights %j share the clients, within four standard deviations",
  weights => {
    const backends = backendsOf(...weights);
    const counts = countsOf(served(backends), backends);
    const sum = weights.reduce((all: number, weight: number) => all + weight, 0);
    for (const [index, weight] of weights.entries()) {
      const share = weight / sum;
      expect(Math.abs(counts[index] - CLIENTS * share)).toBeLessThan(spread(CLIENTS, share));
    }
  },
);

test("clients are shared evenly even if their addresses are not hashed", () => {
  const backends = backendsOf(1, 1, 1);
  const strategy = new SourceHash();
  const picked = clients.map((_, host) => strategy.pick(backends, 0xc0a80000 + host, 0)!);
  for (const count of countsOf(picked, backends)) {
    expect(Math.abs(count - CLIENTS / 3)).toBeLessThan(spread(CLIENTS, 1 / 3));
  }
});

test("a client stays with its backend, however busy it is", () => {
  const backends = backendsOf(1, 1, 1);
  const before = served(backends);
  for (const backend of backends) backend.counters.sessions = backend.index * 100;
  expect(served(backends)).toEqual(before);
});

test("without a backend only its clients move, and they spread over all others", () => {
  const backends = backendsOf(1, 1, 1, 1, 1);
  const [, , gone] = backends;
  const rest = backends.filter(backend => backend !== gone);
  const before = served(backends);
  const after = served(rest);
  const moved = after.filter((backend, client) => backend !== before[client]);
  expect(moved).toHaveLength(before.filter(backend => backend === gone).length);
  for (const [client, backend] of before.entries()) {
    if (backend !== gone) expect(after[client]).toBe(backend);
  }
  for (const count of countsOf(moved, rest)) {
    expect(Math.abs(count - moved.length / 4)).toBeLessThan(spread(moved.length, 1 / 4));
  }
});

test("a backend with more weight gains only as many clients as its share grew by", () => {
  const backends = backendsOf(1, 1, 1);
  const [a] = backends;
  const before = served(backends);
  a.effectiveWeight = 2;
  const after = served(backends);
  const moved = after.filter((backend, client) => backend !== before[client]);
  expect(new Set(moved)).toEqual(new Set([a]));
  // From a third to a half.
  expect(Math.abs(moved.length - CLIENTS / 6)).toBeLessThan(spread(CLIENTS, 1 / 6));
});

test("the name counts, not the position in the configuration", () => {
  const names = ["c", "a", "b"];
  const reordered = backendsOf(1, 1, 1).map((one, at) => Object.assign(one, { name: names[at] }));
  const before = served(backendsOf(1, 1, 1)).map(({ name }) => name);
  expect(served(reordered).map(({ name }) => name)).toEqual(before);
});

test("the lowest hash has a finite score", () => {
  const [a] = backendsOf(1);
  const client = 0xa1ee99b4; // found by going through the hash backwards
  expect(mix(client, hashText("a"))).toBe(0);
  expect(new SourceHash().score(a, client)).toBe(32 * Math.LN2);
});
