import { expect, test } from "vitest";
import { esp32 } from "../../../emulator/src/boards/esp32.ts";
import { DnsServer } from "../../../emulator/src/dns-server.ts";
import { NtpServer } from "../../../emulator/src/ntp-server.ts";
import { onBench } from "../../../emulator/src/testing.ts";
import type { TimeSettings } from "../config/settings.ts";
import { Resolver } from "../dns/resolver.ts";
import type { Event } from "../log/event.ts";
import {
  ANSWER_TIMEOUT_MS,
  DENIED_MS,
  RETRY_MAX_MS,
  RETRY_MIN_MS,
  SYNC_MS,
  TimeClient,
} from "./time-client.ts";

/** 22:31:05 UTC at the clock's 0. */
const STARTED_MS = Date.UTC(2026, 10, 30, 22, 31, 5);

const CET = "CET-1CEST,M3.5.0,M10.5.0/3";

/** A time client on an emulated board, and on its network a DNS server and two time servers of the name `ntp.home`. */
async function bench(settings: Partial<TimeSettings> = {}) {
  const on = onBench({ kind: esp32({ sockets: "own" }) });
  const { clock, network } = on;
  const platform = await on.online();
  const time = { shiftMs: 0 };
  const [one, two] = [network.host("ntp1"), network.host("ntp2")];
  const unixMs = () => STARTED_MS + clock.now() + time.shiftMs;
  const servers = [new NtpServer({ host: one, unixMs }), new NtpServer({ host: two, unixMs })];
  const dnsHost = network.host("dns");
  const dns = new DnsServer({ clock, host: dnsHost });
  dns.set("ntp.home", [one.address, two.address]);
  const events: Event[] = [];
  const report = (event: Event) => void events.push(event);
  const dnsServers = [dnsHost.address];
  const link = { dnsServers, address: platform.link.address };
  const board = { ...platform, link: { ...platform.link, ...link } };
  const resolver = new Resolver({ platform: board, report, servers: () => dnsServers });
  const all: TimeSettings = { server: one.address, zone: "UTC0", ...settings };
  const client = new TimeClient({ platform: board, report, resolver: () => resolver }, all);
  const asked = () => servers[0].asked + servers[1].asked;
  /** The times of the next `count` requests. */
  const requests = async (count: number) => {
    const before = asked();
    const times: number[] = [];
    for (let i = 1; i <= count; i++) {
      await clock.run({ until: () => asked() === before + i });
      times.push(clock.now());
    }
    return times;
  };
  const settled = async () => {
    await requests(1);
    await clock.run({ ms: 100 });
  };
  const open = () => network.netstat("board").length;
  return {
    ...on,
    settings: all,
    time,
    servers,
    dns,
    dnsServers,
    events,
    client,
    asked,
    requests,
    settled,
    open,
  };
}

test("the time of a server is known to the millisecond, and no socket stays open", async () => {
  const { client, settings, clock, settled, events, open } = await bench({ zone: CET });
  expect(client.status).toMatchObject({ now: null, startedMs: null, ageMs: null, failure: null });
  client.update(settings);
  await settled();
  const { startedMs, now } = client.status!;
  expect(Math.abs(startedMs! - STARTED_MS)).toBeLessThanOrEqual(1);
  expect(now).toBe("2026-11-30T23:31:05+01:00");
  await clock.run({ ms: 60_000 });
  expect(client.status).toMatchObject({ now: "2026-11-30T23:32:05+01:00" });
  expect(events).toEqual([
    {
      level: "I",
      on: "time",
      what: "set",
      utc: expect.any(String),
      server: settings.server,
      stepMs: undefined,
    },
  ]);
  expect(open()).toBe(0);
});

test("the line of the log links its milliseconds with the time of day", async () => {
  const { client, settings, clock, settled, events } = await bench();
  await clock.run({ ms: 12_345 });
  client.update(settings);
  await settled();
  const [set] = events as { utc: string }[];
  expect(Math.abs(Date.parse(set.utc) - STARTED_MS - clock.now())).toBeLessThan(200);
});

test("a server is asked by its name, and each request takes the next of its addresses", async () => {
  const { client, settings, requests, servers, clock } = await bench({ server: "ntp.home" });
  client.update(settings);
  await requests(2);
  await clock.run({ ms: 100 });
  expect(servers.map(({ asked }) => asked)).toEqual([1, 1]);
  expect(client.status?.now).not.toBeNull();
});

test("an hour later it is asked again; a small correction is silent, a large one has a line", async () => {
  const { client, settings, requests, settled, time, events, clock } = await bench();
  client.update(settings);
  await settled();
  time.shiftMs = 40;
  const [againMs] = await requests(1);
  expect(againMs).toBeGreaterThan(SYNC_MS);
  expect(againMs).toBeLessThan(SYNC_MS + 10_000);
  await clock.run({ ms: 100 });
  expect(Math.abs(client.status!.startedMs! - STARTED_MS - 40)).toBeLessThanOrEqual(1);
  expect(events).toHaveLength(1);
  time.shiftMs = -5_000;
  await settled();
  expect(events).toHaveLength(2);
  expect(events[1]).toMatchObject({ what: "set", stepMs: expect.closeTo(-5_040, -1) });
});

test("a server that does not answer is asked less and less often, with one line; the time goes on", async () => {
  const { client, settings, requests, settled, servers, events } = await bench();
  client.update(settings);
  await settled();
  for (const server of servers) server.fault = "silent";
  const times = await requests(10);
  const pauses = times
    .slice(1)
    .map((ms, i) => Math.round((ms - times[i] - ANSWER_TIMEOUT_MS) / 1000) * 1000);
  expect(pauses.slice(0, 4)).toEqual([
    RETRY_MIN_MS,
    2 * RETRY_MIN_MS,
    4 * RETRY_MIN_MS,
    8 * RETRY_MIN_MS,
  ]);
  expect(pauses.at(-1)).toBe(RETRY_MAX_MS);
  expect(events.slice(1)).toEqual([
    {
      level: "W",
      on: "time",
      what: "failed",
      server: settings.server,
      why: "timeout",
      retryMs: RETRY_MIN_MS,
    },
  ]);
  expect(client.status).toMatchObject({ failure: "timeout", now: expect.any(String) });
  for (const server of servers) server.fault = undefined;
  await settled();
  expect(events.at(-1)).toMatchObject({ what: "set" });
  expect(client.status?.failure).toBeNull();
});

test.each(["wrong-origin", "other-port", "request", "no-time", "short"] as const)(
  "an answer with the fault %s is not believed",
  async fault => {
    const { client, settings, servers, requests, clock } = await bench();
    servers[0].fault = fault;
    client.update(settings);
    await requests(1);
    await clock.run({ ms: ANSWER_TIMEOUT_MS + 100 });
    expect(client.status).toMatchObject({ now: null, failure: "timeout" });
  },
);

test.each([
  ["unsynchronized", "unsynchronized", RETRY_MIN_MS],
  ["distant", "unsynchronized", RETRY_MIN_MS],
  ["RATE", "RATE", RETRY_MIN_MS],
  ["DENY", "DENY", DENIED_MS],
] as const)("a server with the fault %s is left alone for a while", async (fault, why, retryMs) => {
  const { client, settings, servers, requests, events, clock } = await bench();
  servers[0].fault = fault;
  client.update(settings);
  const [firstMs, nextMs] = await requests(2);
  expect(Math.abs(nextMs - firstMs - retryMs)).toBeLessThan(1_000);
  expect(events).toEqual([
    { level: "W", on: "time", what: "failed", server: settings.server, why, retryMs },
  ]);
  expect(clock.now()).toBeGreaterThan(retryMs);
});

test("a name that does not exist has a line; without a DNS server the status alone says so", async () => {
  const { client, settings, events, clock, dnsServers, asked } = await bench({ server: "x.home" });
  client.update(settings);
  await clock.run({ ms: 1_000 });
  expect(events).toMatchObject([{ what: "failed", server: "x.home", why: "no-such-name" }]);
  dnsServers.length = 0;
  client.update({ ...settings, server: "y.home" });
  await clock.run({ ms: 100_000 });
  expect(events).toHaveLength(1);
  expect(client.status).toMatchObject({ now: null, failure: "no-server" });
  expect(asked()).toBe(0);
});

test("a request that fails after the board had no DNS server has a line", async () => {
  const { client, settings, events, clock, dnsServers } = await bench({ server: "x.home" });
  const [address] = dnsServers.splice(0);
  client.update(settings);
  await clock.run({ ms: 1_000 });
  expect([client.status?.failure, events]).toEqual(["no-server", []]);
  dnsServers.push(address);
  client.update(settings);
  await clock.run({ ms: 100_000 });
  expect(events).toMatchObject([{ what: "failed", server: "x.home", why: "no-such-name" }]);
});

test("another server is asked at once; another zone changes the text alone; no server, no time", async () => {
  const { client, settings, settled, servers, asked, clock, open } = await bench();
  client.update(settings);
  await settled();
  client.update({ ...settings, zone: CET });
  expect(client.status?.now).toMatch(/\+01:00$/);
  await clock.run({ ms: 1_000 });
  expect(asked()).toBe(1);
  client.update({ server: "ntp.home", zone: CET });
  await settled();
  expect(servers[0].asked + servers[1].asked).toBe(2);
  client.update({ server: "", zone: CET });
  expect(client.status).toBeNull();
  await clock.run({ ms: 2 * SYNC_MS });
  expect(asked()).toBe(2);
  expect(open()).toBe(0);
});

test("after `stop` nothing is asked", async () => {
  const { client, settings, asked, clock, open } = await bench();
  client.update(settings);
  client.stop();
  await clock.run({ ms: 2 * SYNC_MS });
  expect(asked()).toBe(0);
  expect(open()).toBe(0);
});
