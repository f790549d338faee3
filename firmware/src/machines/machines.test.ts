import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import { RULES, settingsAt } from "../backend/testing.ts";
import type { HealthChecks } from "../checks/health-checks.ts";
import type { MachineSettings } from "../config/settings.ts";
import { formatLine } from "../log/event.ts";
import type { Platform } from "../platform.ts";
import { IdleConnections } from "../pool/idle-connections.ts";
import { Pool } from "../pool/pool.ts";
import { Machines } from "./machines.ts";
import { PowerButtons } from "./power-buttons.ts";

const MINUTE = 60_000;
const HOLD_MS = 240_000;

const CLIENT = { protocol: "raw", address: "10.0.0.9", id: 7 } as const;

/** Machines with a backend each, whose checks the test makes up, on a board with pins. */
function world(
  given: Partial<MachineSettings> = {},
  { reset = "software", pinError = "", startedMs = undefined as number | undefined } = {},
) {
  const clock = new VirtualClock();
  const levels: string[] = [];
  const lines: string[] = [];
  class Digital {
    static readonly Output = 8;
    pin: number;
    constructor({ pin, mode, initialValue }: { pin: number; mode: number; initialValue: number }) {
      if (pinError !== "") throw new Error(pinError);
      this.pin = pin;
      levels.push(`${Math.round(clock.now())} ${pin} opens ${mode} ${initialValue}`);
    }
    write(level: number): void {
      levels.push(`${Math.round(clock.now())} ${this.pin}=${level}`);
    }
    close(): void {
      levels.push(`${this.pin} closes`);
    }
  }
  const sent: number[] = [];
  let sockets = 0;
  class UDP {
    constructor() {
      sockets++;
    }
    read() {
      return undefined;
    }
    write(): void {
      if (platform.link.address === undefined) throw new Error("no network");
      sent.push(Math.round(clock.now()));
    }
    close(): void {
      sockets--;
    }
  }
  const link: { address: string | undefined } = { address: "10.0.0.1" };
  const platform = {
    ...{ clock, Digital, UDP, link },
    vitals: { resetReason: reset },
  } as unknown as Platform;
  const settings = (name: string): MachineSettings => ({
    ...{ name, mac: `24:0a:c4:00:00:0${name.charCodeAt(0) % 8}`, wakeBy: "packet" },
    ...{ secureOn: undefined, broadcast: undefined, wakeFor: undefined, sleep: undefined },
    ...{ idleMs: undefined, awakeTimes: [], asleepCheckMs: 0, ...given },
  });
  const backends = ["a", "b"].map((name, index) =>
    settingsAt(index, { machine: name, health: { ...RULES, fall: 1 } }),
  );
  const buttons = new PowerButtons(platform);
  const made = (names: readonly string[], before?: Pool) => {
    const pool = new Pool(backends, { clock, random: () => 0.5 }, before, names.map(settings));
    const machines = new Machines(
      {
        ...{ platform, pool, buttons, scratch: new Uint8Array(64) },
        config: { holdMs: HOLD_MS, wakeAtPercent: 80, time: { server: "", zone: "UTC0" } },
        ...{ startedMs: () => startedMs, resolver: () => undefined as never },
        report: event => lines.push(formatLine(clock.now(), event)),
        checks: { machineChanged() {}, occupies: () => false } as unknown as HealthChecks,
        idle: new IdleConnections(clock, () => {}),
      },
      pool.machines!,
    );
    return { pool, machines, group: pool.group("round-robin"), a: pool.machines![0] };
  };
  return { clock, levels, lines, sent, link, made, ...made(["a", "b"]), sockets: () => sockets };
}

describe("the power button", () => {
  const BUTTON = { wakeBy: { gpio: 4, pressMs: 200 }, mac: undefined };

  test("is at rest from the start on, and pressed once, when a check got no answer", async () => {
    const { clock, levels, machines, a } = world(BUTTON);
    machines.resume();
    machines.wake(a, "request");
    expect(levels).toEqual(["0 4 opens 8 0"]);
    await clock.run({ ms: 1_000 });
    machines.checkFailed(a, "L4TOUT");
    await clock.run({ ms: 1_000 });
    for (let i = 0; i < 200; i++) {
      machines.checkFailed(a, i % 2 === 0 ? "L4TOUT" : "L4CON");
      await clock.run({ ms: 1_000 });
    }
    expect(levels.slice(1)).toEqual(["1000 4=1", "1200 4=0"]);
  });

  test("is not pressed while the computer refuses connections, for it runs", async () => {
    const { clock, levels, machines, a } = world(BUTTON);
    machines.resume();
    machines.wake(a, "request");
    machines.checkFailed(a, "L4CON");
    machines.checkFailed(a, "L7TOUT");
    await clock.run({ ms: HOLD_MS });
    expect([levels.length, a.state]).toEqual([1, "failed"]);
  });

  test("is not pressed while the machine may be booting, also when it was ready meanwhile, and by another configuration", async () => {
    const { clock, levels, machines, pool, made, a } = world(BUTTON);
    machines.resume();
    machines.wake(a, "request");
    machines.checkFailed(a, "L4TOUT");
    await clock.run({ ms: MINUTE });
    machines.ready(a);
    machines.checkFailed(a, "L4TOUT"); // the only backend is down
    expect(a.state).toBe("asleep");
    const next = made(["a"], pool);
    machines.stop();
    next.machines.resume();
    next.machines.wake(a, "request");
    next.machines.checkFailed(a, "L4TOUT");
    await clock.run({ ms: HOLD_MS - MINUTE - 1 });
    next.machines.checkFailed(a, "L4TOUT");
    expect(levels).toEqual(["0 4 opens 8 0", "0 4=1", "200 4=0"]);
    await clock.run({ ms: 1 });
    next.machines.checkFailed(a, "L4TOUT");
    expect(levels.at(-1)).toBe(`${HOLD_MS} 4=1`);
  });

  test("is released, whatever becomes of the configuration meanwhile", async () => {
    const { clock, levels, machines, a } = world(BUTTON);
    machines.resume();
    machines.wake(a, "request");
    machines.checkFailed(a, "L4TOUT");
    machines.stop();
    await clock.run({ ms: 200 });
    expect(levels.slice(1)).toEqual(["0 4=1", "200 4=0"]);
  });

  test.each(["power-on", "brownout"])(
    "after the reset reason %s it is pressed for clients only when the machine cannot be booting by itself any more",
    async reset => {
      const { clock, levels, machines, a } = world(BUTTON, { reset });
      machines.resume();
      machines.wake(a, "request");
      machines.checkFailed(a, "L4TOUT");
      await clock.run({ ms: 89_999 });
      machines.checkFailed(a, "L4TOUT");
      expect(levels.length).toBe(1);
      await clock.run({ ms: 1 });
      machines.checkFailed(a, "L4TOUT");
      expect(levels.length).toBe(2);
    },
  );

  test("is pressed at once for the operator", () => {
    const { levels, machines, a } = world(BUTTON, { reset: "power-on" });
    machines.resume();
    machines.wake(a, "operator");
    machines.checkFailed(a, "L4TOUT");
    expect(levels.length).toBe(2);
  });

  test("whose pin cannot be used is named in the log, at the start and at each wake", async () => {
    const { clock, lines, machines, a } = world(BUTTON, { pinError: "in use" });
    const wrong = 'W (0) machine: wake-error name=a error="Error: in use"';
    expect(lines[0]).toBe(wrong);
    lines.length = 0;
    machines.resume();
    machines.wake(a, "request");
    for (let i = 0; i < 9; i++) machines.checkFailed(a, "L4TOUT");
    expect(lines).toEqual(["I (0) machine: waking name=a why=request ms=0", wrong]);
    await clock.run({ ms: HOLD_MS });
    expect(a.state).toBe("failed");
  });
});

describe("which machine is woken for a client", () => {
  test("one of the group's, and no second one while it wakes", () => {
    const { machines, group, pool } = world();
    const [a, b] = pool.machines!;
    expect(machines.wakeFor(group, 0, CLIENT)).toBe(a);
    expect(machines.wakeFor(group, 0, CLIENT)).toBe(a);
    expect([a.state, b.state, a.wakes]).toEqual(["waking", "asleep", 1]);
  });

  test("none whose backend takes no sessions, or was tried", () => {
    const { machines, group, pool } = world();
    const [one, other] = pool.backends;
    one.setState("maint");
    expect(machines.wakeFor(group, 1 << other.index, CLIENT)).toBeUndefined();
    one.setState("drain");
    other.setWeight(0);
    expect(machines.wakeFor(group, 0, CLIENT)).toBeUndefined();
    one.setState("ready");
    expect(machines.wakeFor(group, 0, CLIENT)?.name).toBe("a");
  });

  test("none for a client that no rule names, also while it wakes", () => {
    const rule = {
      protocol: "http",
      host: undefined,
      path: undefined,
      methods: undefined,
    } as const;
    const wakeFor = [{ ...rule, sni: undefined, clients: undefined, firstLine: undefined }];
    const { machines, group, a } = world({ wakeFor });
    expect(machines.wakeFor(group, 0, CLIENT)).toBeUndefined();
    expect(machines.wakeFor(group, 0, { ...CLIENT, protocol: "http" })).toBe(a);
    expect(machines.wakeFor(group, 0, CLIENT)).toBeUndefined();
  });

  test("one that has failed only after a minute, and after one that has not", async () => {
    const { clock, machines, group, pool } = world();
    const [a, b] = pool.machines!;
    machines.resume();
    machines.wakeFor(group, 0, CLIENT);
    await clock.run({ ms: HOLD_MS });
    expect([a.state, machines.pauseMs(group)]).toEqual(["failed", MINUTE]);
    await clock.run({ ms: MINUTE });
    expect(machines.wakeFor(group, 0, CLIENT)).toBe(b);
    await clock.run({ ms: HOLD_MS });
    expect(machines.wakeFor(group, 0, CLIENT)).toBe(a);
  });
});

describe("packets", () => {
  test("that cannot be sent are named once in the log, and tried again", async () => {
    const { clock, lines, link, sent, machines, a } = world();
    machines.resume();
    link.address = undefined;
    machines.wake(a, "operator");
    await clock.run({ ms: MINUTE });
    expect(lines).toEqual([
      "I (0) machine: waking name=a why=operator ms=0",
      'W (0) machine: wake-error name=a error="Error: no network"',
    ]);
    link.address = "10.0.0.1";
    await clock.run({ ms: 10_000 });
    expect(sent).toEqual([64_000, 64_000]);
  });

  test("have a socket only while a machine wakes", async () => {
    const { clock, machines, pool, sockets } = world();
    const [a, b] = pool.machines!;
    machines.resume();
    machines.wake(a, "request");
    machines.wake(b, "request");
    await clock.run({ ms: 1_000 });
    machines.ready(a);
    expect(sockets()).toBe(1);
    await clock.run({ ms: HOLD_MS });
    expect([a.state, b.state, sockets()]).toEqual(["awake", "failed", 0]);
    machines.wake(b, "operator");
    await clock.run({ ms: 1_000 });
    expect(sockets()).toBe(1);
    machines.stop();
    expect([b.state, sockets()]).toEqual(["asleep", 0]);
  });
});

describe("the next configuration", () => {
  test("goes on waking where the previous one was, within the same time", async () => {
    const { clock, machines, pool, made, a, sent } = world();
    machines.resume();
    machines.wake(a, "request");
    await clock.run({ ms: 100_000 });
    sent.length = 0;
    const next = made(["a"], pool);
    machines.stop();
    next.machines.resume();
    expect([next.a, a.state, a.sinceMs]).toEqual([a, "waking", 0]);
    await clock.run({ ms: HOLD_MS - 100_000 });
    expect([sent[0], a.state]).toEqual([100_000, "failed"]);
  });

  test("ends the wake of a machine that it does not have, which no client wakes any more", () => {
    const { machines, group, made, pool, lines } = world();
    const b = pool.machines![1];
    machines.resume();
    machines.wake(b, "request");
    made(["a"], pool);
    machines.stop();
    expect([b.state, b.why]).toEqual(["asleep", "removed"]);
    expect(lines.at(-1)).toBe("I (0) machine: asleep name=b why=removed ms=0");
    expect(machines.wakeFor(group, 1, CLIENT)).toBeUndefined();
  });

  test("knows that a machine which it is the first to have is awake, if a backend of it was up", () => {
    const { pool, clock, made } = world();
    pool.backends[0].health.passed("L4OK", clock.now());
    pool.machines!.length = 0;
    const { machines } = made(["a", "b"], pool).pool;
    expect(machines!.map(({ state }) => state)).toEqual(["awake", "asleep"]);
  });
});

test("one whose backends are all in maintenance is not put to sleep, as long as that lasts", async () => {
  const { clock, machines, pool, a } = world({ idleMs: MINUTE });
  machines.resume();
  machines.wake(a, "operator");
  machines.ready(a);
  pool.backends[0].setState("maint");
  await clock.run({ ms: 60 * MINUTE });
  expect(a.state).toBe("awake");
  pool.backends[0].setState("ready");
  await clock.run({ ms: 2_000 });
  expect([a.state, a.why]).toEqual(["asleep", "idle"]);
});

test("one whose backends are all in maintenance is not woken by the time of day", async () => {
  const { clock, machines, pool } = world({ awakeTimes: ["00:01-12:00"] }, { startedMs: 0 });
  pool.backends[0].setState("maint");
  machines.resume();
  await clock.run({ ms: 2 * MINUTE });
  expect(pool.machines!.map(({ state }) => state)).toEqual(["asleep", "waking"]);
});

test("the time asleep is counted, the time of waking and failing is not", async () => {
  const { clock, machines, a } = world();
  machines.resume();
  await clock.run({ ms: 5_000 });
  machines.wake(a, "operator");
  await clock.run({ ms: 3_000 });
  machines.checkFailed(a, "L4TOUT");
  machines.ready(a);
  expect([a.asleepMs(clock.now()), a.lastBootMs]).toEqual([5_000, 3_000]);
  a.change("asleep", "idle", clock.now());
  await clock.run({ ms: 2_000 });
  expect(a.asleepMs(clock.now())).toBe(7_000);
  machines.wake(a, "operator");
  machines.ready(a); // by the first check: it was awake, so this was no boot
  expect([a.lastBootMs, a.wakes]).toEqual([3_000, 2]);
});
