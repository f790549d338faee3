import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import { settingsAt } from "../backend/testing.ts";
import type { Resolved } from "../dns/resolver.ts";
import type { Event } from "../log/event.ts";
import type { Cancel } from "../platform.ts";
import { Pool } from "../pool/pool.ts";
import { BackendNames } from "./backend-names.ts";
import { HealthChecks } from "./health-checks.ts";
import type { ProbeContext } from "./probe.ts";

const GOOD: Resolved = { addresses: ["10.0.0.1"], ttlMs: 60_000 };

/** A resolver that answers by `zone` after 10 ms, and records what it is asked for. */
function bench(addresses: readonly string[], before?: Pool) {
  const clock = new VirtualClock();
  const zone: Record<string, Resolved> = {};
  const asked: string[] = [];
  let open = 0;
  let openMax = 0;
  const resolver = {
    resolve(name: string, done: (result: Resolved) => void): Cancel {
      asked.push(`${name}@${Math.round(clock.now() / 1000)}`);
      openMax = Math.max(openMax, ++open);
      const cancel = clock.after(10, () => {
        open--;
        done(zone[name] ?? { failure: "timeout" });
      });
      return () => {
        open--;
        cancel();
      };
    },
  };
  const settings = addresses.map((address, index) => settingsAt(index, { address }));
  const pool = new Pool(settings, { clock, random: () => 0.5 }, before);
  const logged: string[] = [];
  const told: string[] = [];
  const names = new BackendNames(
    {
      clock,
      report: (event: Event) => {
        const { level: _level, on: _on, ...rest } = event as unknown as Record<string, string>;
        logged.push(
          Object.values(rest)
            .filter(value => value !== undefined)
            .join(" "),
        );
      },
      resolver,
      pool,
      checks: {
        resolved: ({ name }) => told.push(`resolved ${name}`),
        unresolved: ({ name }) => told.push(`unresolved ${name}`),
      },
      idle: { closeGone: ({ name }) => void told.push(`gone ${name}`) },
    },
    pool.hosts!,
  );
  return { clock, zone, asked, pool, logged, told, names, openMax: () => openMax };
}

test("a name is asked for once it is needed, and again when its time is up", async () => {
  const { clock, zone, asked, pool, names, logged, told } = bench(["nas.home"]);
  zone["nas.home"] = GOOD;
  await clock.run({ ms: 5_000 });
  expect(asked).toEqual([]); // no network yet
  names.resume();
  await clock.run({ ms: 130_000 });
  expect(asked).toEqual(["nas.home@5", "nas.home@65", "nas.home@125"]);
  expect(pool.backends[0].host!.addresses).toEqual(["10.0.0.1"]);
  expect(logged).toEqual(["resolved a nas.home 10.0.0.1 60"]);
  expect(told).toEqual(["resolved a"]);
});

test("backends of one name, in any case, ask once; different names are asked for one at a time", async () => {
  const { clock, zone, asked, names, told, openMax } = bench([
    "a.home",
    "b.home",
    "A.Home",
    "10.0.0.9",
  ]);
  zone["a.home"] = zone["b.home"] = GOOD;
  names.resume();
  await clock.run({ ms: 1_000 });
  expect(asked).toEqual(["a.home@0", "b.home@0"]);
  expect(told).toEqual(["resolved a", "resolved c", "resolved b"]);
  expect(openMax()).toBe(1);
});

describe("while DNS fails", () => {
  test("a name that never resolved is logged once, and asked for with growing pauses of at most 30 s", async () => {
    const { clock, zone, asked, names, logged, told, pool } = bench(["nas.home"]);
    names.resume();
    await clock.run({ ms: 100_000 });
    expect(asked.map(text => text.split("@")[1])).toEqual(["0", "2", "6", "14", "30", "60", "90"]);
    expect(logged).toEqual(["unresolved a nas.home timeout"]);
    expect(told).toEqual(["unresolved a"]);
    expect(pool.backends[0].health.up).toBe(false);

    zone["nas.home"] = GOOD;
    await clock.run({ ms: 30_000 });
    expect(logged.slice(1)).toEqual(["resolved a nas.home 10.0.0.1 60"]);
    expect(told.slice(1)).toEqual(["resolved a"]);
  });

  test("the last good addresses stay, also after NXDOMAIN; the first failure and the recovery have a line each", async () => {
    const { clock, zone, names, logged, told, pool } = bench(["nas.home"]);
    zone["nas.home"] = GOOD;
    names.resume();
    await clock.run({ ms: 1_000 });
    zone["nas.home"] = { failure: "no-such-name" };
    await clock.run({ ms: 600_000 });
    expect(pool.backends[0].host).toMatchObject({
      addresses: ["10.0.0.1"],
      failure: "no-such-name",
    });
    zone["nas.home"] = GOOD;
    await clock.run({ ms: 30_000 });
    expect(logged).toEqual([
      "resolved a nas.home 10.0.0.1 60",
      "unresolved a nas.home no-such-name 10.0.0.1",
      "resolved a nas.home 10.0.0.1 60",
    ]);
    expect(told.filter(text => text.startsWith("un"))).toEqual([]);
  });
});

test("other addresses are used at once, and connections to those that are gone are closed; another order is no change", async () => {
  const { clock, zone, names, logged, told, pool } = bench(["nas.home"]);
  zone["nas.home"] = { addresses: ["10.0.0.1", "10.0.0.2"], ttlMs: 5_000 };
  names.resume();
  await clock.run({ ms: 1_000 });
  zone["nas.home"] = { addresses: ["10.0.0.2", "10.0.0.1"], ttlMs: 5_000 };
  await clock.run({ ms: 6_000 });
  expect(pool.backends[0].host!.addresses).toEqual(["10.0.0.1", "10.0.0.2"]);
  expect(logged.length).toBe(1);
  zone["nas.home"] = { addresses: ["10.0.0.3"], ttlMs: 5_000 };
  await clock.run({ ms: 6_000 });
  expect(pool.backends[0].host!.addresses).toEqual(["10.0.0.3"]);
  expect(logged.at(-1)).toBe("resolved a nas.home 10.0.0.3 5");
  expect(told).toEqual(["resolved a", "gone a"]);
});

test("without a network nothing is asked; when it is back, every name is, at once", async () => {
  const { clock, zone, asked, names } = bench(["a.home", "b.home"]);
  zone["a.home"] = zone["b.home"] = GOOD;
  names.resume();
  await clock.run({ ms: 1_000 });
  names.pause();
  await clock.run({ ms: 5_000 });
  expect(asked.length).toBe(2);
  names.resume();
  await clock.run({ ms: 100 });
  expect(asked.slice(2)).toEqual(["a.home@6", "b.home@6"]);
});

test("a network that is lost during a question drops it, and the next network is asked", async () => {
  const { clock, zone, asked, names, told } = bench(["a.home"]);
  zone["a.home"] = GOOD;
  names.resume();
  await clock.run({ ms: 5 });
  names.pause();
  await clock.run({ ms: 1_000 });
  expect([asked.length, told, clock.pending]).toEqual([1, [], 0]);
  names.resume();
  await clock.run({ ms: 1_000 });
  expect([asked.length, told]).toEqual([2, ["resolved a"]]);
});

test("a failed connection brings the next question forward, to 5 s after the last answer at the soonest", async () => {
  const { clock, zone, asked, names, pool } = bench(["nas.home"]);
  zone["nas.home"] = { addresses: ["10.0.0.1"], ttlMs: 300_000 };
  const { host } = pool.backends[0];
  names.resume();
  await clock.run({ ms: 1_000 });
  for (let i = 0; i < 3; i++) host!.suspect(clock.now());
  await clock.run({ ms: 20_000 });
  expect(asked).toEqual(["nas.home@0", "nas.home@5"]);
  host!.suspect(clock.now());
  await clock.run({ ms: 1_000 });
  expect(asked.length).toBe(3);
});

test("a name that is in the next configuration, too, keeps its addresses and its time; another one starts without", async () => {
  const first = bench(["nas.home"]);
  first.zone["nas.home"] = GOOD;
  first.names.resume();
  await first.clock.run({ ms: 1_000 });
  first.names.stop();

  const second = bench(["NAS.home", "new.home"], first.pool);
  expect(second.pool.backends.map(({ host, health }) => [host!.addresses, health.up])).toEqual([
    [["10.0.0.1"], true],
    [[], false],
  ]);
  second.names.resume();
  await second.clock.run({ ms: 1_000 });
  expect(second.asked).toEqual(["new.home@0"]);
});

test("a backend that the next configuration adds to a name that fails is down for the same reason at once", async () => {
  const first = bench(["nas.home"]);
  first.names.resume();
  await first.clock.run({ ms: 3_000 });
  first.names.stop();
  first.pool.backends[0].health.unresolved(first.clock.now());

  const { clock, pool } = bench(["nas.home", "NAS.home", "new.home"], first.pool);
  const events: Event[] = [];
  const platform = { clock, random: () => 0.5, link: { address: "10.0.0.2" } };
  const context = { platform, report: (event: Event) => events.push(event) };
  new HealthChecks(context as unknown as ProbeContext, pool);
  expect(pool.backends.map(({ health }) => [health.up, health.code])).toEqual([
    [false, "DNS"],
    [false, "DNS"],
    [false, undefined], // not asked for yet
  ]);
  expect(events).toMatchObject([{ what: "down", name: "b", check: "DNS" }]);
});

test("a backend without an address is not checked, and is checked at once when it has one", async () => {
  const { clock, pool } = bench(["nas.home"]);
  const opened: string[] = [];
  class TCP {
    constructor({ address }: { address: string }) {
      opened.push(`${address}@${clock.now()}`);
    }
    close(): void {}
  }
  const platform = { clock, TCP, random: () => 0.5, link: { address: "10.0.0.2" } };
  const context = { platform, report: () => {}, scratch: new Uint8Array(8) };
  const checks = new HealthChecks(context as unknown as ProbeContext, pool);
  checks.resume();
  await clock.run({ ms: 60_000 });
  expect(opened).toEqual([]);
  const { host } = pool.backends[0];
  host!.addresses = ["10.0.0.1"];
  checks.resolved(pool.backends[0]);
  await clock.run({ ms: 1 });
  expect(opened).toEqual(["10.0.0.1@60000"]);
});

test("a configuration without names has none", () => {
  const clock = new VirtualClock();
  const pool = new Pool([settingsAt(0)], { clock, random: () => 0.5 });
  expect(pool.hosts).toBeUndefined();
  expect(Object.keys(pool.backends[0])).not.toContain("host");
});
