import { expect, test } from "vitest";
import { NtpServer } from "../../../emulator/src/ntp-server.ts";
import { adminLab, change, json, statusOf } from "../../../hil/kit/admin-lab.ts";
import { get } from "../../../hil/kit/admin-port.ts";

// The time of day on the board: where it is shown, and how an event's time is found.

const BOOTED_MS = Date.UTC(2026, 10, 30, 22, 0, 0);
const CET = "CET-1CEST,M3.5.0,M10.5.0/3";

test("the board gets the time by name; status, events and log say which time of day an event had", async () => {
  const lab = await adminLab({}, undefined, { hasDns: true });
  const { clock } = lab;
  const ntp = lab.network.host("ntp");
  new NtpServer({ host: ntp, unixMs: () => BOOTED_MS + clock.now() });
  lab.dns.set("ntp.home", [ntp.address]);
  expect((await statusOf(lab)).time).toMatchObject({ now: null, server: "pool.ntp.org" });
  expect(json(await get(lab, "/api/events"))).toMatchObject({ startedMs: null });

  await change(lab, { time: { server: "ntp.home", zone: CET } });
  await clock.run({ until: () => lab.lines.some(line => line.includes("time: set")), ms: 10_000 });
  const { now, startedMs, offsetS } = (await statusOf(lab)).time;
  expect(now).toMatch(/^2026-11-30T23:00:..\+01:00$/);
  expect(offsetS).toBe(3600);

  // An event: its line has the milliseconds since the start.
  const line = lab.lines.find(text => text.includes("time: set"))!;
  const [, ms, utc] = /\((\d+)\) time: set utc=(\S+) server=10\./.exec(line)!;
  expect(Math.abs(Date.parse(utc) - (startedMs + Number(ms)))).toBeLessThanOrEqual(2);
  const events = json(await get(lab, "/api/events"));
  expect(events).toMatchObject({ startedMs, offsetS: 3600 });
  expect(events.events.join("\n")).toContain(line);
});

test("without a server the board has no time, and asks for none", async () => {
  const lab = await adminLab({ time: { server: "" } }, undefined, { hasDns: true });
  await lab.clock.run({ ms: 60_000 });
  expect((await statusOf(lab)).time).toBeNull();
  expect(json(await get(lab, "/api/events"))).toMatchObject({ startedMs: null, offsetS: null });
  expect(lab.dns.asked).toEqual([]);
});
