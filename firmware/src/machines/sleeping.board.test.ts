import { describe, expect, test } from "vitest";
import { NtpServer } from "../../../emulator/src/ntp-server.ts";
import { get, put, TOKEN } from "../../../hil/kit/admin-port.ts";
import { SLEEP_PORT, SleepingLab, sleepServer } from "./testing.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const IDLE_MS = 10 * MINUTE;

/** A machine that sleeps when it is asked to, and is awake after its first request. */
async function labOf({
  request = {},
  machine = {},
  options = {},
  backend = {},
  server = {},
  settings = {},
} = {}) {
  const lab = new SleepingLab();
  const nas = lab.add("nas", options, backend);
  const { address } = nas.backend.host;
  const hook = sleepServer(lab, nas, server);
  const sleep = { url: `http://${address}:${SLEEP_PORT}/suspend`, ...request };
  await lab.begin({ sleep, idleMs: IDLE_MS, ...machine }, settings);
  const first = lab.get();
  await lab.clock.run({ ms: 5 * SECOND });
  first.socket.destroy();
  expect(lab.states).toEqual(["waking request", "awake request"]);
  return { lab, hook, sleep, ...nas };
}

function results(lab: SleepingLab): string[] {
  return lab.events("machine", "sleep-request").map(({ values }) => String(values.result));
}

describe("a machine that is not used", () => {
  test("is asked to sleep after idleMs, with method, path and header, and sleeps", async () => {
    const header = "Authorization: Bearer key";
    const { lab, hook, machine } = await labOf({
      request: { method: "PUT", header },
      server: { method: "PUT", header },
    });
    await lab.clock.run({ ms: IDLE_MS - 10 * SECOND });
    expect([hook.requests.length, machine.state]).toEqual([0, "awake"]);
    await lab.clock.run({ ms: 12 * SECOND });
    expect(machine.state).toBe("asleep");
    expect(hook.requests.map(({ line }) => line)).toEqual(["PUT /suspend HTTP/1.1"]);
    expect(lab.states.at(-1)).toBe("asleep idle");
    expect(results(lab)).toEqual(["200"]);
  });

  test("gets nothing more while it sleeps, and is woken by the next request", async () => {
    const { lab, machine } = await labOf();
    await lab.clock.run({ ms: IDLE_MS + 10 * SECOND });
    expect(machine.state).toBe("asleep");
    const { receivedAsleep } = machine;
    await lab.clock.run({ ms: 60 * MINUTE });
    expect(machine.receivedAsleep).toBe(receivedAsleep);
    const asked = lab.get();
    await lab.clock.run({ ms: 10 * SECOND });
    expect([asked.status, machine.boots]).toEqual([200, 2]);
  });

  test("does not sleep while it has requests", async () => {
    const { lab, machine } = await labOf();
    for (let i = 0; i < 4; i++) {
      await lab.clock.run({ ms: IDLE_MS - MINUTE });
      lab.get();
    }
    expect(machine.state).toBe("awake");
    await lab.clock.run({ ms: IDLE_MS + 5 * SECOND });
    expect(machine.state).toBe("asleep");
  });

  test("does not sleep while a connection through the board is open, however little moves on it", async () => {
    const { lab, machine } = await labOf({
      settings: { listeners: [{ port: 80, mode: "tcp" }], tunnelTimeoutMs: 120 * MINUTE },
    });
    const socket = lab.connect();
    socket.write("GET / HTTP/1.1\r\n");
    await lab.clock.run({ ms: 25 * MINUTE });
    expect(machine.state).toBe("awake");
    socket.destroy();
    await lab.clock.run({ ms: IDLE_MS + 5 * SECOND });
    expect(machine.state).toBe("asleep");
  });

  test("does not sleep under a connection to a backend that a new configuration has renamed", async () => {
    const { lab, machine } = await labOf({
      settings: { listeners: [{ port: 80, mode: "tcp" }], tunnelTimeoutMs: 120 * MINUTE },
    });
    lab.app!.runtime.token.set(TOKEN);
    const socket = lab.connect();
    socket.write("GET / HTTP/1.1\r\n");
    await lab.clock.run({ ms: SECOND });
    for (const name of ["renamed", "again"]) {
      const document = JSON.parse((await get(lab, "/api/config", { token: TOKEN })).body);
      document.backends[0].name = name;
      const answer = await put(lab, "/api/config", document);
      expect(answer.status).toBe(200);
      await lab.clock.run({ ms: MINUTE });
    }
    await lab.clock.run({ ms: 25 * MINUTE });
    expect(machine.state).toBe("awake");
    socket.destroy();
    await lab.clock.run({ ms: IDLE_MS + 5 * SECOND });
    expect(machine.state).toBe("asleep");
  });

  test("is asleep for the board without a request, too, and found awake by the next one", async () => {
    const { lab, machine } = await labOf({ machine: { sleep: undefined } });
    await lab.clock.run({ ms: IDLE_MS + 10 * SECOND });
    expect([lab.states, machine.state]).toEqual([
      ["waking request", "awake request", "asleep idle"],
      "awake",
    ]);
    const asked = lab.get();
    await lab.clock.run({ ms: 100 });
    expect([asked.status, lab.states.slice(3)]).toEqual([200, ["waking request", "awake request"]]);
  });
});

describe("a sleep request", () => {
  test("that is refused leaves the machine awake, and is repeated after idleMs", async () => {
    const { lab, hook, machine } = await labOf({ server: { status: "500 No" } });
    await lab.clock.run({ ms: IDLE_MS + 10 * SECOND });
    expect([hook.requests.length, machine.state, lab.states.slice(2)]).toEqual([
      1,
      "awake",
      ["asleep idle", "awake sleep-failed"],
    ]);
    const asked = lab.get();
    await lab.clock.run({ ms: 100 });
    expect(asked.status).toBe(200);
    hook.status = "204 No Content";
    await lab.clock.run({ ms: IDLE_MS + 5 * SECOND });
    expect([hook.requests.length, machine.state, results(lab)]).toEqual([
      2,
      "asleep",
      ["500", "204"],
    ]);
  });

  test("that no server takes leaves the machine awake", async () => {
    const { lab, hook, machine } = await labOf();
    void hook.stop();
    await lab.clock.run({ ms: IDLE_MS + 10 * SECOND });
    expect([machine.state, lab.states.at(-1), results(lab)]).toEqual([
      "awake",
      "awake sleep-failed",
      ["not-connected"],
    ]);
  });

  test("and a client at the same moment: the client is served, whichever comes first", async () => {
    for (const offsetMs of [-2_000, -1_000, -5, 0, 5, 10, 100, 250, 1_000, 5_000, 12_000]) {
      const { lab, hook, machine } = await labOf({ server: { delayMs: 200 } });
      const begunMs = lab.clock.now();
      await lab.clock.run({ until: () => hook.requests.length > 0, ms: 2 * IDLE_MS });
      const askedAtMs = lab.clock.now() - begunMs + offsetMs;

      const again = await labOf({ server: { delayMs: 200 } });
      await again.lab.clock.run({ ms: askedAtMs });
      const asked = again.lab.get();
      await again.lab.clock.run({ ms: 40 * SECOND });
      expect([offsetMs, asked.status, machine.state !== "off"]).toEqual([offsetMs, 200, true]);
    }
  });

  test("ends a request in progress of no client: a machine that is used is not asked", async () => {
    const { lab, hook, http } = await labOf();
    await lab.clock.run({ ms: IDLE_MS - 3 * SECOND });
    const asked = lab.get();
    await lab.clock.run({ ms: IDLE_MS - 10 * SECOND });
    expect([asked.status, hook.requests.length, http.requests.length]).toEqual([200, 0, 2]);
  });

  test("waits until that of another machine has ended, for each takes a socket", async () => {
    const lab = new SleepingLab();
    const servers = [lab.add("a"), lab.add("b")];
    let requests = 0;
    const silent = lab.backend("silent", socket => {
      socket.on("data", () => requests++);
    });
    const sleep = { url: `http://${silent.host.address}:8080/suspend` };
    await lab.begin({ sleep, idleMs: MINUTE, asleepCheckMs: SECOND });
    for (const { machine } of servers) machine.wake();
    await lab.clock.run({ until: () => requests > 0, ms: 2 * MINUTE });
    await lab.clock.run({ ms: 4 * SECOND });
    expect(requests).toBe(1);
    await lab.clock.run({ ms: 4 * SECOND });
    expect(requests).toBe(2);
  });
});

describe("times of day", () => {
  const MONDAY_0720 = Date.UTC(2026, 10, 30, 7, 20);

  async function timedLab(awakeTimes: string[], zone = "UTC0", bootedMs = MONDAY_0720) {
    const lab = new SleepingLab();
    const nas = lab.add("nas");
    sleepServer(lab, nas);
    const ntp = lab.network.host("ntp");
    new NtpServer({ host: ntp, unixMs: () => bootedMs + lab.clock.now() });
    const url = `http://${nas.backend.host.address}:${SLEEP_PORT}/suspend`;
    await lab.begin(
      { sleep: { url }, idleMs: IDLE_MS, awakeTimes },
      { time: { server: ntp.address, zone } },
    );
    return { lab, ...nas };
  }

  test("wake a machine at their beginning, and keep it awake until their end", async () => {
    const { lab, machine } = await timedLab(["mon-fri 07:30-08:30"]);
    await lab.clock.run({ ms: 9 * MINUTE });
    expect(machine.state).toBe("asleep");
    await lab.clock.run({ ms: 2 * MINUTE });
    expect([machine.state, lab.states]).toEqual(["awake", ["waking schedule", "awake schedule"]]);
    await lab.clock.run({ ms: 58 * MINUTE });
    expect(machine.state).toBe("awake");
    await lab.clock.run({ ms: 2 * MINUTE });
    expect([machine.state, lab.states.at(-1)]).toEqual(["asleep", "asleep idle"]);
    await lab.clock.run({ ms: 5 * 60 * MINUTE });
    expect(machine.boots).toBe(1);
  });

  test("are those of the board's time zone", async () => {
    const { lab, machine } = await timedLab(["08:30-09:30"], "CET-1CEST,M3.5.0,M10.5.0/3");
    await lab.clock.run({ ms: 11 * MINUTE });
    expect(machine.state).toBe("awake");
  });

  test("wake a machine that is asleep when the board starts within them", async () => {
    const { lab, machine } = await timedLab(["07:00-09:00"]);
    await lab.clock.run({ ms: 10 * SECOND });
    expect(machine.state).toBe("awake");
  });
});

describe("load", () => {
  const LIMITS = { maxSessions: 10 };

  /** Two machines with room for ten sessions each, the first of which is awake; `first` packs traffic on one. */
  async function pair(settings: object = {}) {
    const lab = new SleepingLab();
    const a = lab.add("a", {}, LIMITS);
    const b = lab.add("b", {}, LIMITS);
    await lab.begin(
      { idleMs: MINUTE },
      { balance: "first", listeners: [{ port: 80, mode: "tcp" }], heldMax: 16, ...settings },
    );
    const open = async (count: number) => {
      const sockets = Array.from({ length: count }, () => lab.connect());
      for (const socket of sockets) socket.write("x");
      await lab.clock.run({ ms: 8 * SECOND });
      return sockets;
    };
    return { lab, a, b, open };
  }

  test("wakes the next machine before the first is full", async () => {
    const { lab, a, b, open } = await pair();
    await open(7);
    expect([a.machine.state, b.machine.state]).toEqual(["awake", "asleep"]);
    await open(1);
    expect(b.machine.state).toBe("awake");
    expect(lab.states).toEqual([
      "a waking request",
      "a awake request",
      "b waking load",
      "b awake load",
    ]);
  });

  test("keeps it awake until the others have less than half of that", async () => {
    const { lab, b, open } = await pair();
    const sockets = await open(8);
    for (const socket of sockets.splice(5)) socket.end();
    await lab.clock.run({ ms: 3 * MINUTE });
    expect(b.machine.state).toBe("awake");
    expect(lab.states.filter(state => state.startsWith("b asleep"))).toEqual([]);
    for (const socket of sockets.splice(3)) socket.end();
    await lab.clock.run({ ms: 2 * MINUTE });
    expect(lab.states.at(-1)).toBe("b asleep idle");
    expect(sockets.every(socket => !socket.destroyed)).toBe(true);
  });
});
