import { expect, test } from "vitest";
import { Lane, linkSettings } from "./link.ts";
import { Network, seeded } from "./network.ts";
import { pattern, StillClock, world } from "./testing.ts";

test("a link's latency takes the place of the network's, a host's link adds to it", async () => {
  const { clock, network, connected } = world();
  network.link("client", "server", { latencyMs: 20 });
  const { near, far } = await connected();
  const took = async () => {
    const start = clock.now();
    let ms = 0;
    far.once("data", () => {
      ms = clock.now() - start;
    });
    near.write("x");
    await clock.run(1000);
    return ms;
  };
  expect(await took()).toBe(20);
  network.link("server", { latencyMs: 3 });
  expect(await took()).toBe(23);
  network.link("client", { latencyMs: 4 });
  expect(await took()).toBe(27);
});

test("a rate is shared by all connections of a host's link", async () => {
  const { clock, network, connected } = world();
  const one = await connected();
  const other = await connected();
  network.link("server", { bytesPerSecond: 100_000 });
  const start = clock.now();
  one.near.write(Buffer.alloc(50_000));
  other.near.write(Buffer.alloc(50_000));
  await clock.run(1020);
  expect(one.far.bytesRead + other.far.bytesRead).toBeLessThan(100_000); // headers take their part
  await clock.run(30);
  expect(one.far.bytesRead + other.far.bytesRead).toBe(100_000);
  expect(clock.now() - start).toBe(1050);
});

test("jitter delays, and keeps the order", () => {
  const lane = new Lane(linkSettings({ latencyMs: 10, jitterMs: 40 }), seeded(1));
  const outMs = Array.from({ length: 100 }, (_, atMs) => lane.pass(atMs, 0)!);
  expect(outMs.every((ms, atMs) => ms >= atMs + 10 && ms < 150)).toBe(true);
  expect(outMs).toEqual([...outMs].sort((a, b) => a - b));
  expect(new Set(outMs.map((ms, atMs) => ms - atMs)).size).toBeGreaterThan(10);
});

test("a lossy link costs time and loses no byte", async () => {
  const { clock, network, connected } = world();
  const { near, far, farSeen } = await connected();
  const bytes = pattern(300_000);
  network.link("client", "server", { latencyMs: 5, loss: 0.1 });
  const start = clock.now();
  near.write(bytes);
  far.on("data", () => {});
  while (far.bytesRead < bytes.byteLength) await clock.run(100);
  expect(farSeen.bytes.equals(bytes)).toBe(true);
  expect(clock.now() - start).toBeGreaterThan(500); // without loss: 60 ms
  expect(farSeen.events).toEqual([]);
});

test("jitter or loss without a source of random numbers throws at once", () => {
  const network = new Network({ clock: new StillClock() });
  network.host("a");
  expect(() => network.link("a", { loss: 0.1 })).toThrow(/random: seeded/);
  expect(() => network.link("a", { jitterMs: 1 })).toThrow(/random: seeded/);
  network.link("a", { latencyMs: 1, bytesPerSecond: 1000 });
});

test.each([
  { loss: 1 },
  { loss: -0.1 },
  { latencyMs: -1 },
  { bytesPerSecond: 0 },
  { jitterMs: Number.NaN },
])("%j is no weather", settings => {
  const network = new Network({ clock: new StillClock(), random: seeded(1) });
  network.host("a");
  expect(() => network.link("a", settings)).toThrow(/not emulated/);
});

test("the name of a host that does not exist is an error", () => {
  const network = new Network({ clock: new StillClock() });
  expect(() => network.vanish("missing")).toThrow("no host missing");
});
