import { expect, test } from "vitest";
import { playWorld } from "../src/campaign.ts";

/** Enough for each of the rare things below to happen; `npm run sim` plays more. */
const WORLDS = 200;

test(`in ${WORLDS} random worlds every invariant holds, and rare things do happen`, async () => {
  const sometimes = new Set<string>();
  for (let seed = 1; seed <= WORLDS; seed++) {
    const { broken, ...world } = await playWorld(seed);
    expect(broken, `npm run sim -- --seed ${seed} --runs 1`).toEqual([]);
    for (const what of world.sometimes) sometimes.add(what);
  }
  // A campaign in which nothing goes wrong proves nothing.
  const rare = ["retries 1", "retries 2", "SC 502", "SH 502", "sC 504", "CH 499", "CD 200"];
  const ended = ["refused", "connect-timeout", "queue-timeout", "backend-closed"];
  expect([...rare, ...ended].filter(what => !sometimes.has(what))).toEqual([]);
}, 120_000);

test("a seed plays the same world to the packet", async () => {
  for (const seed of [3, 17, 99]) {
    const [one, two] = [await playWorld(seed), await playWorld(seed)];
    expect(two.traceHash).toBe(one.traceHash);
    expect(two.plan).toEqual(one.plan);
  }
});
