import { expect, test } from "vitest";
import { world } from "./testing.ts";

/** One question and its answer. */
async function talk(options: { say?: string; latencyMs?: number; traceLines?: number } = {}) {
  const { say = "hello", ...rest } = options;
  const { clock, network, connect } = world({
    ...rest,
    onConnection: socket => socket.once("data", bytes => socket.end(bytes)),
  });
  connect().end(say);
  await clock.run();
  return network.trace;
}

test("the hash of the same packets is the same; another time or size makes another", async () => {
  const { hash } = await talk();
  expect(hash).toMatch(/^[0-9a-f]{8}$/);
  expect((await talk()).hash).toBe(hash);
  expect((await talk({ say: "hallo" })).hash).toBe(hash); // it counts bytes and does not read them
  expect((await talk({ say: "hi" })).hash).not.toBe(hash);
  expect((await talk({ latencyMs: 6 })).hash).not.toBe(hash);
});

test("the last events are kept as lines, up to traceLines", async () => {
  const all = await talk({ traceLines: 100 });
  expect(all.lines).toHaveLength(all.events);
  expect(all.lines.slice(0, 4)).toEqual([
    "0.000 client:49152 > server:80 SYN 0 sent",
    "5.000 server:80 > client:49152 SYN-ACK 0 sent",
    "10.000 client:49152 > server:80 ACK 0 sent",
    "10.000 client:49152 > server:80 DATA 5 sent",
  ]);
  expect((await talk({ traceLines: 3 })).lines).toEqual(all.lines.slice(-3));
  expect((await talk()).lines).toEqual([]);
});

test("a seed gives the same numbers again, all over the range from 0 to 1", async () => {
  const { seeded } = await import("./network.ts");
  const numbers = (seed: number) => Array.from({ length: 1000 }, seeded(seed));
  expect(numbers(7)).toEqual(numbers(7));
  expect(numbers(8)).not.toEqual(numbers(7));
  for (const tenth of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    const share = numbers(7).filter(n => Math.floor(n * 10) === tenth).length;
    expect(share).toBeGreaterThan(60);
  }
});
