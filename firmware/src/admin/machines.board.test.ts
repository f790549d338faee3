import { expect, test } from "vitest";
import { mendedBoard } from "../../../emulator/proxy/firmware-board.ts";
import { GET_ONCE, json, statusOf } from "../../../hil/kit/admin-lab.ts";
import { get, put, send, TOKEN } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { SLEEP_PORT, SleepingLab, sleepServer } from "../machines/testing.ts";
import type { MachineStatus } from "./machine-status.ts";

// An operator sees the machines that may sleep, and wakes them.

const BOOT_MS = 5_000;

/** A board with two machines that are asleep, each with one backend, since a minute. */
async function board() {
  const lab = new SleepingLab(mendedBoard());
  const nas = lab.add("nas", { bootMs: BOOT_MS });
  const pc = lab.add("pc", { bootMs: BOOT_MS }, { backup: true });
  await lab.begin();
  lab.app!.runtime.token.set(TOKEN);
  await lab.clock.run({ ms: 60_000 });
  return { lab, nas, pc };
}

async function machines(lab: EmulatedLab): Promise<MachineStatus[]> {
  return json(await get(lab, "/api/machines")).machines;
}

/** The answer of the console, without its echo. */
async function type(lab: EmulatedLab, line: string): Promise<string[]> {
  const from = lab.lines.length;
  lab.board.adapter.plugged = true;
  lab.board.adapter.send(Buffer.from(`${line}\r`));
  await lab.clock.run({ ms: 500 });
  const lines = lab.lines.slice(from);
  return lines.slice(lines.indexOf(`> ${line}`) + 1).filter(each => !/^[IWE] \(/.test(each));
}

test("the state of each machine: what it is, why, for how long, and what its last boot took", async () => {
  const { lab } = await board();
  const [nas, pc] = await machines(lab);
  expect(nas).toEqual({
    name: "nas",
    mac: "24:0a:c4:00:00:6e",
    backends: ["nas"],
    state: "asleep",
    why: "start",
    sinceMs: expect.any(Number),
    lastBootMs: null,
    asleepMs: expect.any(Number),
    canSleep: false,
    stayAwakeMs: 0,
    wakes: 0,
    failedWakes: 0,
    held: 0,
  });
  expect(nas.asleepMs).toBeGreaterThanOrEqual(60_000);
  expect(pc).toMatchObject({ name: "pc", state: "asleep" });
  const status = await statusOf(lab);
  expect(status.machines).toMatchObject([{ name: "nas" }, { name: "pc" }]);
  expect(status.backends).toMatchObject([
    { name: "nas", operationalState: "asleep", machine: "nas" },
    { name: "pc", operationalState: "asleep", machine: "pc" },
  ]);
});

test("a client that is held is seen with the machine that it waits for, and so is the boot when it is over", async () => {
  const { lab } = await board();
  const client = lab.connect();
  client.write(GET_ONCE);
  await lab.clock.run({ ms: 1_000 });
  expect(await machines(lab)).toMatchObject([
    { name: "nas", state: "waking", why: "request", held: 1, wakes: 1 },
    { name: "pc", state: "asleep", held: 0, wakes: 0 },
  ]);
  expect(await statusOf(lab)).toMatchObject({ held: 1, queued: 0 });
  await lab.clock.run({ until: () => client.closed, ms: 30_000 });
  const [nas] = await machines(lab);
  expect(nas).toMatchObject({ state: "awake", why: "request", held: 0 });
  expect(nas.lastBootMs).toBeGreaterThan(BOOT_MS);
  expect(nas.lastBootMs).toBeLessThan(BOOT_MS + 3_000);
  const asleepMs = nas.asleepMs;
  await lab.clock.run({ ms: 10_000 });
  expect((await machines(lab))[0].asleepMs).toBe(asleepMs);
});

test("an operator wakes a machine over the API, and keeps it awake", async () => {
  const { lab, nas } = await board();
  const woken = await put(lab, "/api/machines/nas", { action: "wake" });
  expect(json(woken)).toEqual({ done: "nas: waking (was asleep)" });
  await lab.clock.run({ ms: 10_000 });
  expect(nas.machine.state).toBe("awake");
  expect(await machines(lab)).toMatchObject([{ state: "awake", why: "operator" }, {}]);
  expect(json(await put(lab, "/api/machines/nas", { action: "wake" }))).toEqual({
    done: "nas: awake already",
  });
  const stays = await put(lab, "/api/machines/nas", { action: "stay-awake", minutes: 120 });
  expect(json(stays)).toEqual({ done: "nas: stays awake for 120 min, awake already" });
  const [{ stayAwakeMs }] = await machines(lab);
  expect(Math.abs(stayAwakeMs - 120 * 60_000)).toBeLessThan(1_000);
  const ends = await put(lab, "/api/machines/nas", { action: "stay-awake", minutes: 0 });
  expect(json(ends)).toEqual({ done: "nas: may sleep again" });
  expect(await machines(lab)).toMatchObject([{ stayAwakeMs: 0 }, {}]);
});

test("one that is to stay awake is woken for it", async () => {
  const { lab, pc } = await board();
  const { body } = await put(lab, "/api/machines/pc", { action: "stay-awake", minutes: 1 });
  expect(JSON.parse(body)).toEqual({ done: "pc: stays awake for 1 min, waking (was asleep)" });
  await lab.clock.run({ ms: 10_000 });
  expect(pc.machine.state).toBe("awake");
});

test("an operator lets a machine sleep that is awake and not in use, where the configuration says how", async () => {
  const { lab, nas } = await board();
  sleepServer(lab, nas);
  const sleep = async () => json(await put(lab, "/api/machines/nas", { action: "sleep" }));
  expect((await sleep()).error).toBe(
    "nas: is asleep; only a machine that is awake can be asked to sleep",
  );
  await put(lab, "/api/machines/nas", { action: "wake" });
  await lab.clock.run({ ms: 10_000 });
  expect((await sleep()).error).toMatch(/^nas: has no "sleep" in the configuration/);

  const document = json(await get(lab, "/api/config"));
  const url = `http://${nas.backend.host.address}:${SLEEP_PORT}/suspend`;
  const [first, ...others] = document.machines;
  const machinesWithSleep = [{ ...first, sleep: { url } }, ...others];
  await put(lab, "/api/config", { ...document, machines: machinesWithSleep });
  expect(await machines(lab)).toMatchObject([
    { state: "awake", canSleep: true },
    { canSleep: false },
  ]);
  expect(await sleep()).toEqual({ done: "nas: asked to sleep" });
  await lab.clock.run({ ms: 5_000 });
  expect(nas.machine.state).toBe("asleep");
  expect(await machines(lab)).toMatchObject([{ state: "asleep", why: "operator" }, {}]);
});

test.each([
  [
    { action: "wak" },
    'action: is "wak"; wanted "wake", "sleep", "stay-awake"; did you mean "wake"?',
  ],
  [{ action: "wake", minutes: 5 }, 'minutes: goes with the action "stay-awake" only'],
  [{ minutes: 5 }, 'minutes: goes with the action "stay-awake" only'],
  [{ action: "stay-awake" }, "minutes: is missing; wanted 0 to 10080"],
  [
    { action: "stay-awake", minutes: 10_081 },
    "minutes: is 10081; wanted a whole number from 0 to 10080",
  ],
  [{ action: "wake", minute: 5 }, 'minute: no such key; did you mean "minutes"?'],
])("%j is refused, and no machine is woken", async (wish, complaint) => {
  const { lab, nas } = await board();
  const answer = await put(lab, "/api/machines/nas", wish);
  expect(answer.status).toBe(400);
  expect(json(answer).complaints).toEqual([complaint]);
  await lab.clock.run({ ms: 10_000 });
  expect(nas.machine.magicPackets).toBe(0);
});

test("without the token no operator wakes a machine; an unknown one is named with those that there are", async () => {
  const { lab, nas } = await board();
  const body = '{"action":"wake"}';
  const head = `PUT /api/machines/nas HTTP/1.1\r\nHost: board:8404\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  expect((await send(lab, head + body)).status).toBe(401);
  expect((await get(lab, "/api/machines/nas")).body).toMatch(/^\{"name":"nas",/);
  const unknown = await put(lab, "/api/machines/nass", { action: "wake" });
  expect([unknown.status, json(unknown).error]).toEqual([
    404,
    'no machine "nass"; did you mean "nas"?',
  ]);
  await lab.clock.run({ ms: 10_000 });
  expect(nas.machine.magicPackets).toBe(0);
});

test("the console has the same", async () => {
  const { lab, nas } = await board();
  const [line, ...others] = await type(lab, "machines");
  expect(line).toMatch(
    /^nas asleep why=start forMs=\d+ bootMs=- asleepMs=\d+ wakes=0 failed=0 held=0 backends=nas$/,
  );
  expect(others).toEqual([expect.stringMatching(/^pc asleep /), "ok"]);
  expect(await type(lab, "wake nas")).toEqual(["ok nas: waking (was asleep)"]);
  await lab.clock.run({ ms: 10_000 });
  expect(nas.machine.state).toBe("awake");
  expect(await type(lab, "stay-awake nas 90")).toEqual([
    "ok nas: stays awake for 90 min, awake already",
  ]);
  expect((await type(lab, "machines"))[0]).toMatch(/ stayAwakeMs=\d+$/);
  expect(await type(lab, "wake x")).toEqual(['error no machine "x"; there are nas, pc']);
  expect(await type(lab, "stay-awake nas x")).toEqual([
    'error minutes: is "x"; wanted a whole number from 0 to 10080',
  ]);
});

test("metrics have each machine, and a board without machines has none of them", async () => {
  const { lab } = await board();
  await put(lab, "/api/machines/nas", { action: "wake" });
  await lab.clock.run({ ms: 10_000 });
  const { body } = await get(lab, "/metrics");
  const value = (name: string, labels: string) => {
    const prefix = `hot_potato_machine_${name}{${labels}} `;
    const found = body.split("\n").find(line => line.startsWith(prefix));
    return found === undefined ? undefined : Number(found.slice(prefix.length));
  };
  expect(value("state", 'machine="nas",state="awake"')).toBe(1);
  expect(value("state", 'machine="nas",state="asleep"')).toBe(0);
  expect(value("state", 'machine="pc",state="asleep"')).toBe(1);
  expect(value("wakes_total", 'machine="nas"')).toBe(1);
  expect(value("failed_wakes_total", 'machine="nas"')).toBe(0);
  expect(value("held_clients", 'machine="pc"')).toBe(0);
  expect(value("asleep_seconds_total", 'machine="nas"')).toBeGreaterThan(60);
  expect(value("last_boot_seconds", 'machine="nas"')).toBeGreaterThan(BOOT_MS / 1000);
  expect(value("last_boot_seconds", 'machine="pc"')).toBeUndefined();

  const plain = new EmulatedLab(mendedBoard());
  plain.backend("a", () => {});
  await plain.serve();
  expect((await get(plain, "/metrics")).body).not.toContain("machine");
  expect(json(await get(plain, "/api/machines"))).toEqual({ machines: [] });
});

test("a board whose machines all sleep is healthy: the next client wakes one; after a failed wake it is not", async () => {
  const { lab, nas, pc } = await board();
  expect(await get(lab, "/healthz")).toMatchObject({ status: 200 });
  for (const { machine } of [nas, pc]) machine.fault = "ignores-wake";
  for (const name of ["nas", "pc"]) await put(lab, `/api/machines/${name}`, { action: "wake" });
  await lab.clock.run({ ms: 250_000 });
  expect(await machines(lab)).toMatchObject([
    { state: "failed", why: "not-ready", failedWakes: 1 },
    { state: "failed", failedWakes: 1 },
  ]);
  expect((await get(lab, "/healthz")).status).toBe(503);
});

test("a configuration passes its trial although its machines have gone to sleep meanwhile", async () => {
  const { lab, nas } = await board();
  await put(lab, "/api/machines/nas", { action: "wake" });
  await lab.clock.run({ ms: 10_000 });
  const document = json(await get(lab, "/api/config"));
  const answer = await put(lab, "/api/config", { ...document, retries: 1 });
  expect(answer.status).toBe(200);
  nas.machine.sleep();
  await lab.clock.run({ ms: 40_000 });
  expect(await machines(lab)).toMatchObject([{ state: "asleep", why: "unreachable" }, {}]);
  expect((await statusOf(lab)).configuration).toMatchObject({ rolledBack: null });
  expect(lab.app!.proxy.config.retries).toBe(1);
});
