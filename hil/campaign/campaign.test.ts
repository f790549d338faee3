import { expect, test } from "vitest";
import { checkSeed, type SeedResult } from "./check.ts";
import type { Part, RawClient } from "./plan.ts";
import { again, missing } from "./report.ts";
import { simulate } from "./run.ts";

/** Enough for each rare branch to be taken; `npm run sim` plays more. */
const RUNS = 200;

/** One of this many runs is played twice, as is each in which a change was refused. */
const REPEATED = 4;

test(`in ${RUNS} random runs every invariant holds, every fourth is the same when played twice, and every rare branch is taken`, async () => {
  const results: SeedResult[] = [];
  for (let seed = 1; seed <= RUNS; seed++) {
    results.push(await checkSeed(seed, seed % REPEATED === 0));
  }
  const broken = results.filter(result => result.broken.length > 0);
  expect(broken.map(({ seed, broken }) => `${again(seed)}: ${broken.join("; ")}`)).toEqual([]);
  expect(missing(results)).toEqual([]);
});

test("clients that a full board closes without a word leave, also those that could go on sending", async () => {
  const client = (id: number): RawClient => ({
    kind: "client",
    id,
    atMs: 100,
    receiveWindow: 65_535,
    leavesEarly: undefined,
    does: "raw",
    upgrade: true,
    port: 81,
    upBytes: 100,
    downBytes: 100,
    writing: { pieceBytes: 1000, gapMs: 0 },
    reading: "steady",
    ends: "hasty",
  });
  const full = { kind: "setting", key: "sessionsMax", value: 1 } as const;
  // The first bytes of such clients arrive after the board's FIN: the firmware is not informed of the reset that follows.
  const weather = { kind: "link", host: "clients", settings: { jitterMs: 15 } } as const;
  const parts = [full, weather, ...Array.from({ length: 24 }, (_, id) => client(id))];
  const { broken, goalsReached } = await simulate({ seed: 1, parts });
  expect(goalsReached).toContain("a close for a raw client, full");
  expect(broken).toEqual([]);
});

test("a check that occupies the only slot of a backend is no session left", async () => {
  const health = { check: "tcp", intervalMs: 2000, timeoutMs: 1000, rise: 2, fall: 1 } as const;
  const parts: Part[] = [
    { kind: "setting", key: "health", value: { ...health, observe: "layer4" } },
    {
      kind: "backend",
      name: "c",
      keepMs: 60_000,
      restMs: 0,
      receiveWindow: 8192,
      maxSessions: 1,
    },
    { kind: "link", host: "board", settings: { loss: 0.08 } },
  ];
  // In this run a SYN of a check is lost just before the campaign counts.
  const { broken } = await simulate({ seed: 715, parts });
  expect(broken).toEqual([]);
});
