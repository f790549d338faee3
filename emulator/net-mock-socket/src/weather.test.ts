import { expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { type HostProfile, type MockSocket, Network, seeded } from "./network.ts";
import { pattern, StillClock, watch } from "./testing.ts";

/** Faults come within this time; afterwards all is well again. */
const STORM_MS = 30_000;

/** Enough for the last retransmission, doubled as often as a storm makes it, and for TIME_WAIT. */
const CALM_MS = 3_000_000;

const link = fc.record({
  latencyMs: fc.integer({ min: 0, max: 100 }),
  jitterMs: fc.integer({ min: 0, max: 50 }),
  bytesPerSecond: fc.constantFrom(Number.POSITIVE_INFINITY, 1_000_000, 50_000),
  loss: fc.constantFrom(0, 0, 0.01, 0.1, 0.3),
});

const profile = fc.record({
  mss: fc.constantFrom(100, 536, 1436, 1460),
  receiveWindow: fc.integer({ min: 200, max: 20_000 }),
  sendBuffer: fc.constantFrom(0, 1000, 65_535),
  windowRelease: fc.constantFrom("delivered" as const, "recved" as const),
});

const mild = fc.constantFrom("cut", "one way", "other way", "hold", "clog", "rain" as const);
const fatal = fc.constantFrom("reset", "vanish", "crash", "black hole" as const);

const storm = (kind: fc.Arbitrary<string>) =>
  fc.array(
    fc.record({
      kind,
      atMs: fc.integer({ min: 0, max: STORM_MS / 2 }),
      ms: fc.integer({ min: 1, max: STORM_MS / 2 }),
    }),
    { maxLength: 6 },
  );

const plan = fc.record({
  seed: fc.integer(),
  link,
  hostLink: link,
  client: profile,
  server: profile,
  up: fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 12 }),
  down: fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 12 }),
  everyMs: fc.integer({ min: 0, max: 500 }),
  mild: storm(mild),
  fatal: storm(fatal),
});

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never;

async function play(plan: Plan) {
  const clock = new StillClock();
  const random = seeded(plan.seed);
  const network = new Network({ clock, random, traceLines: 20 });
  const client = network.host("client", plan.client);
  const server = network.host("server", plan.server);
  network.link("client", "server", plan.link);
  network.link("server", plan.hostLink);

  const ends: Record<"near" | "far", ReturnType<typeof watch> | undefined> = {
    near: undefined,
    far: undefined,
  };
  const talk = (end: "near" | "far", socket: MockSocket, sizes: readonly number[]) => {
    ends[end] = watch(socket);
    const { windowRelease }: HostProfile = (end === "near" ? client : server).profile;
    socket.on("data", (bytes: Buffer) => {
      if (windowRelease === "recved") {
        socket.recved(bytes.byteLength); // closing over bytes that were not freed is a reset
      } else if (random() < 0.1) {
        socket.pause(); // a reader that is slow at times
        clock.after(300, () => socket.resume());
      }
    });
    const all = pattern(sizes.reduce((sum, size) => sum + size, 0));
    let at = 0;
    sizes.forEach((size, i) => {
      const piece = all.subarray(at, at + size);
      at += size;
      clock.after(i * plan.everyMs, () => {
        if (socket.writable) socket.write(piece);
      });
    });
    clock.after(sizes.length * plan.everyMs, () => socket.end());
    return all;
  };
  const down = pattern(plan.down.reduce((sum, size) => sum + size, 0));
  server.createServer({ allowHalfOpen: true }, socket => talk("far", socket, plan.down)).listen(80);
  const socket = client.connect({ host: "server", port: 80, allowHalfOpen: true });
  const up = talk("near", socket, plan.up);

  for (const { kind, atMs, ms } of [...plan.mild, ...plan.fatal]) {
    clock.after(atMs, () => {
      const begin: Record<string, () => (() => void) | undefined> = {
        cut: () => network.cut("client", "server"),
        "one way": () => network.cutOneWay("client", "server"),
        "other way": () => network.cutOneWay("server", "client"),
        hold: () => network.hold("client", "server"),
        clog: () => network.clog("client"),
        rain: () =>
          network.rule(() =>
            random() < 0.2 ? "drop" : random() < 0.2 ? { delayMs: random() * 100 } : "pass",
          ),
        reset: () => void network.resetConnections("server"),
        vanish: () => network.vanish("server"),
        crash: () => network.crash("server"),
        "black hole": () => network.blackHole("server"),
      };
      const undo = begin[kind]();
      if (undo !== undefined) clock.after(ms, undo);
    });
  }
  await clock.run(STORM_MS);
  network.heal();
  network.link("client", "server", {});
  network.link("server", {});
  await clock.run(CALM_MS);
  return { network, clock, up, down, near: ends.near!, far: ends.far };
}

const isPrefix = (part: Buffer, whole: Buffer) =>
  part.byteLength <= whole.byteLength && part.equals(whole.subarray(0, part.byteLength));

test("whatever the weather, what arrives is what was sent, from its first byte on", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async plan => {
      const { network, near, far, up, down } = await play(plan);
      expect(isPrefix(near.bytes, down)).toBe(true);
      expect(far === undefined || isPrefix(far.bytes, up)).toBe(true);
      // An end that received the peer's FIN has every byte.
      if (near.events.includes("end")) expect(near.bytes.byteLength).toBe(down.byteLength);
      if (far?.events.includes("end")) expect(far.bytes.byteLength).toBe(up.byteLength);
      // An end whose peer has forgotten the connection, and that sends nothing, may be left.
      const left = network.netstat("server").filter(({ state }) => state !== "listen");
      expect(left.length).toBeLessThanOrEqual(1);
    }),
    { numRuns: 150 },
  );
});

/** A SYN that was held until its connection had been closed opened a second one. */
const LATE_SYN: Plan = {
  seed: 0,
  link: { latencyMs: 3, jitterMs: 0, bytesPerSecond: 50_000, loss: 0.01 },
  hostLink: { latencyMs: 3, jitterMs: 4, bytesPerSecond: Number.POSITIVE_INFINITY, loss: 0.3 },
  client: { mss: 100, receiveWindow: 200, sendBuffer: 0, windowRelease: "delivered" },
  server: { mss: 100, receiveWindow: 200, sendBuffer: 0, windowRelease: "delivered" },
  up: [],
  down: [],
  everyMs: 0,
  mild: [
    { kind: "hold", atMs: 2, ms: 14_989 },
    { kind: "clog", atMs: 14_991, ms: 14_999 },
  ],
  fatal: [],
};

test("after faults that end and break no connection, every byte has arrived and nothing is left", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async plan => {
      const { network, clock, near, far, up, down } = await play({ ...plan, fatal: [] });
      expect(near.events).toEqual(["connect", "end", "close"]);
      expect(far!.events).toEqual(["end", "close"]);
      expect(near.bytes.equals(down)).toBe(true);
      expect(far!.bytes.equals(up)).toBe(true);
      expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
      expect(clock.pending).toBe(0);
      expect(network.inFlight()).toBe(0);
    }),
    { numRuns: 150, examples: [[LATE_SYN]] },
  );
});

test("the same seed goes the same way to the last packet", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async plan => {
      const first = (await play(plan)).network.trace;
      const again = (await play(plan)).network.trace;
      expect([again.hash, again.events]).toEqual([first.hash, first.events]);
      expect(again.lines).toEqual(first.lines);
    }),
    { numRuns: 40 },
  );
});
