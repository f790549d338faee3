import { expect, test } from "vitest";
import { NtpServer } from "../../../emulator/src/ntp-server.ts";
import { adminLab, change, json, statusOf } from "../../../hil/kit/admin-lab.ts";
import { get, put } from "../../../hil/kit/admin-port.ts";

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
  const { now, startedMs } = (await statusOf(lab)).time;
  expect(now).toMatch(/^2026-11-30T23:00:..\+01:00$/);

  // An event: its line has the milliseconds since the start.
  const line = lab.lines.find(text => text.includes("time: set"))!;
  const [, ms, utc] = /\((\d+)\) time: set utc=(\S+) server=10\./.exec(line)!;
  expect(Math.abs(Date.parse(utc) - (startedMs + Number(ms)))).toBeLessThanOrEqual(2);
  const events = json(await get(lab, "/api/events"));
  expect(events).toMatchObject({ startedMs, offsets: [{ fromMs: 0, offsetS: 3600 }] });
  expect(events.events.join("\n")).toContain(line);
});

test("events from before and after the end of summer time each have the time of day that clocks had then", async () => {
  const lab = await adminLab({}, undefined, { hasDns: true });
  const { clock } = lab;
  // Two minutes before 03:00 becomes 02:00.
  const bootedMs = Date.UTC(2026, 9, 25, 0, 58, 0);
  new NtpServer({ host: lab.network.host("ntp"), unixMs: () => bootedMs + clock.now() });
  lab.dns.set("ntp.home", [lab.network.host("ntp").address]);
  await change(lab, { time: { server: "ntp.home", zone: CET } });
  await clock.run({ until: () => lab.lines.some(line => line.includes("time: set")), ms: 10_000 });
  await clock.run({ ms: 180_000 });
  await put(lab, "/api/backends/a", { state: "drain" });

  const { startedMs, offsets, events } = json(await get(lab, "/api/events"));
  expect(offsets).toEqual([
    { fromMs: 0, offsetS: 7200 },
    { fromMs: Date.UTC(2026, 9, 25, 1, 0, 0) - startedMs, offsetS: 3600 },
  ]);
  const from = lab.lines.length;
  lab.board.adapter.send(Buffer.from("events board 50\r"));
  await clock.run({ ms: 1500 });
  const answer = lab.lines.slice(from).join("\n");
  expect(answer).toMatch(/^2026-10-25 02:58:\d\d I \(\d+\) time: set /m);
  expect(answer).toMatch(/^2026-10-25 02:01:\d\d I \(\d+\) backend: drain name=a$/m);
  expect(events.at(-1)).toMatch(/^I \(\d+\) backend: drain name=a$/);
});

test("without a server the board has no time, and asks for none", async () => {
  const lab = await adminLab({ time: { server: "" } }, undefined, { hasDns: true });
  await lab.clock.run({ ms: 60_000 });
  expect((await statusOf(lab)).time).toBeNull();
  expect(json(await get(lab, "/api/events"))).toMatchObject({ startedMs: null, offsets: [] });
  expect(lab.dns.asked).toEqual([]);
});
