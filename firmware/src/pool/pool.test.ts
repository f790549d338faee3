import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import fc from "../../../hil/kit/properties.ts";
import type { Backend } from "../backend/backend.ts";
import { EJECTION_MS } from "../backend/health.ts";
import { RULES, settingsAt } from "../backend/testing.ts";
import type { BackendSettings, StrategyName } from "../config/settings.ts";
import { Group, type PickInput } from "./group.ts";
import { Pool } from "./pool.ts";

function bench(given: Partial<BackendSettings>[], balance: StrategyName = "round-robin") {
  const clock = new VirtualClock();
  const pool = new Pool(
    given.map((settings, index) =>
      settingsAt(index, { health: { ...RULES, fall: 1, rise: 1 }, ...settings }),
    ),
    { clock, random: () => 0.5 },
  );
  const group = pool.group(balance);
  const pick = (input: Partial<PickInput> = {}) => {
    const choice = group.pick({ tried: 0, client: 0, sticky: undefined, ...input });
    return typeof choice === "object" ? choice.name : choice;
  };
  const [a, b, c] = pool.backends;
  return { clock, pool, group, pick, a, b, c };
}

const picks = (pick: () => string | undefined, count: number) =>
  Array.from({ length: count }, () => pick()).join(" ");

describe("candidates", () => {
  test.each([
    ["in maintenance", { state: "maint" }],
    ["draining", { state: "drain" }],
    ["of weight 0", { weight: 0 }],
  ] as const)("a backend %s gets no new sessions", (_, settings) => {
    const { pick } = bench([{}, settings, {}]);
    expect(picks(pick, 4)).toBe("a c a c");
  });

  test("a backend that is down is not picked; when all are down, none is", () => {
    const { pick, a, b } = bench([{}, {}]);
    a.health.failed("L4CON", 0);
    expect(picks(pick, 3)).toBe("b b b");
    b.health.failed("L4CON", 0);
    expect(pick()).toBeUndefined();
  });

  test("a backend that was tried is not picked, up to the 32nd", () => {
    const { pick } = bench(Array.from({ length: 32 }, () => ({})));
    const all = Array.from({ length: 32 }, (_, index) => 2 ** index).reduce((x, y) => x | y);
    expect(pick({ tried: all })).toBeUndefined();
    expect(pick({ tried: all & ~(1 << 31) })).toBe("b32");
  });

  test("a backend that is full is not picked; when all are, the result says so", () => {
    const { pool, pick, a, b } = bench([{ maxSessions: 1 }, { maxSessions: 2 }]);
    pool.acquire(a);
    expect(picks(pick, 2)).toBe("b b");
    pool.acquire(b);
    pool.acquire(b);
    expect(pick()).toBe("full");
    pool.release(a);
    expect(pick()).toBe("a");
  });

  test("only the first backup is used, and only when no other backend is available", () => {
    const { pick, pool, a, b } = bench([{ maxSessions: 1 }, { backup: true }, { backup: true }]);
    pool.acquire(a);
    expect(pick()).toBe("full"); // full, but available
    a.health.failed("L4CON", 0);
    expect(picks(pick, 3)).toBe("b b b");
    b.health.failed("L4CON", 0);
    expect(pick()).toBe("c");
  });

  test("ejected backends are used as a last resort", async () => {
    const { clock, pick, a, b } = bench([{}, {}]);
    for (let i = 0; i < 3; i++) a.health.requestFailed("L4CON", clock.now(), false);
    expect(picks(pick, 2)).toBe("b b");
    b.health.failed("L4CON", 0);
    expect(pick()).toBe("a");
  });

  test("an ejected backend is picked again from the millisecond on in which its time has passed", async () => {
    const { clock, pick, a } = bench([{}, {}]);
    for (let i = 0; i < 3; i++) a.health.requestFailed("L4CON", clock.now(), false);
    expect(picks(pick, 2)).toBe("b b");
    await clock.run({ ms: EJECTION_MS - 1 });
    expect(picks(pick, 2)).toBe("b b");
    await clock.run({ ms: 1 });
    expect(picks(pick, 2)).toBe("a b");
  });

  test("a draining backend gets no new sessions, ejected or not", () => {
    const { clock, pick, a, b } = bench([{}, { state: "maint" }]);
    for (let i = 0; i < 3; i++) a.health.requestFailed("L4CON", clock.now(), false);
    expect(pick()).toBe("a");
    a.setState("drain");
    expect([pick(), b.operationalState(0)]).toEqual([undefined, "maint"]);
  });

  test("a backend is the last available one if it is so in any group", () => {
    const { pool, clock, a, b } = bench([{}, {}, { state: "maint" }]);
    const only = pool.group("round-robin", ["b"]);
    expect(only.backends).toEqual([b]);
    expect(pool.isLastAvailable(a, clock.now())).toBe(false);
    expect(pool.isLastAvailable(b, clock.now())).toBe(true); // in the group of its own
  });
});

test("a pick and its explanation agree in every state of the backends", () => {
  const one = fc.record({
    state: fc.constantFrom("ready", "drain", "maint"),
    backup: fc.boolean(),
    down: fc.boolean(),
    ejected: fc.boolean(),
    full: fc.boolean(),
    tried: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), all => {
      const { pool, group } = bench(
        all.map(({ state, backup }) => ({ state, backup, maxSessions: 1 }) as const),
      );
      for (const [index, { down, ejected, full }] of all.entries()) {
        const { health, counters } = pool.backends[index];
        for (let i = 0; ejected && i < 3; i++) health.requestFailed("L4CON", 0, false);
        if (down) health.up = false;
        if (full) counters.sessions = 1;
      }
      const tried = all.reduce((bits, { tried }, index) => bits | (tried ? 1 << index : 0), 0);
      const input = { tried, client: 0, sticky: undefined };
      const reasons = pool.backends.map(backend => group.explain(backend, input));
      const isScore = (reason: string) => !Number.isNaN(Number(reason));
      const picked = group.pick(input);
      if (reasons.some(isScore)) {
        expect(isScore(reasons[pool.backends.indexOf(picked as Backend)])).toBe(true);
      } else if (typeof picked === "object") {
        expect(reasons[picked.index]).toMatch(/^(backup|ejected)$/);
      } else {
        // The explanation has only one of several reasons, such as ejected and full.
        const mayBeFull = reasons.some(reason => /^(full|ejected)$/.test(reason));
        expect([picked === "full", mayBeFull]).not.toEqual([true, false]);
        expect([picked, reasons.includes("full")]).not.toEqual([undefined, true]);
      }
    }),
  );
});

/** Changes of a backend between two picks. */
const CHANGES: Record<string, (backend: Backend, pool: Pool, nowMs: number) => void> = {
  nothing: () => {},
  drain: backend => backend.setState("drain"),
  maint: backend => backend.setState("maint"),
  ready: backend => backend.setState("ready"),
  "no weight": backend => backend.setWeight(0),
  "weight 3": backend => backend.setWeight(3),
  "check passed": ({ health }, _, nowMs) => void health.passed("L4OK", nowMs),
  "check passed, wants drain": ({ health }, _, nowMs) => void health.passed("L7OKC/404", nowMs),
  "check failed": ({ health }, _, nowMs) => void health.failed("L4CON", nowMs),
  "checks ended": ({ health }, _, nowMs) => void health.checksEnded(nowMs),
  "request failed": ({ health }, _, nowMs) => void health.requestFailed("L4CON", nowMs, false),
  acquire: (backend, pool) => pool.acquire(backend),
  release: (backend, pool) => backend.counters.sessions > 0 && pool.release(backend),
};

test("whatever happens between picks, a group picks as one does that has just been made, and with its weights", async () => {
  const step = fc.record({
    change: fc.constantFrom(...Object.keys(CHANGES), "nothing", "nothing", "nothing"),
    of: fc.nat(2),
    pauseMs: fc.constantFrom(0, 1, 400, 10_000),
  });
  const settings = fc.record({
    backup: fc.boolean(),
    maxSessions: fc.constantFrom(undefined, undefined, 1, 2),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(settings, { minLength: 3, maxLength: 3 }),
      fc.array(step, { maxLength: 30 }),
      fc.boolean(),
      async (all, steps, isReplaced) => {
        const clock = new VirtualClock();
        const parts = { clock, random: () => 0.5 };
        const health = { ...RULES, rise: 1, fall: 1, ejectAfter: 1, slowStartMs: 1_000 };
        const given = all.map((own, index) => settingsAt(index, { health, ...own }));
        const pool = new Pool(given, parts);
        const group = pool.group("first");
        // Sessions of a replaced configuration go on with its backends, whose health is that of the new ones.
        const other = isReplaced ? new Pool(given, parts, pool) : pool;
        for (const { change, of, pauseMs } of steps) {
          CHANGES[change](other.backends[of], other, clock.now());
          await clock.run({ ms: pauseMs });
          for (let tried = 0; tried < 7; tried++) {
            const input = { tried, client: 0, sticky: undefined };
            const picked = group.pick(input);
            const weight = typeof picked === "object" ? picked.effectiveWeight : undefined;
            const fresh = new Group(pool.backends, "first", parts).pick(input);
            expect(picked).toBe(fresh);
            expect(weight).toBe(typeof fresh === "object" ? fresh.effectiveWeight : undefined);
          }
        }
      },
    ),
  );
});

describe("sticky", () => {
  test("a client stays with its backend, also while that is draining or full", () => {
    const { pool, pick, b } = bench([{}, { maxSessions: 1 }]);
    expect(pick({ sticky: b })).toBe("b");
    b.setState("drain");
    expect(pick({ sticky: b })).toBe("b");
    pool.acquire(b);
    expect(pick({ sticky: b })).toBe("full");
  });

  test("a client gets another backend when its own is down, in maintenance, or was tried", () => {
    const { pick, b } = bench([{}, {}]);
    expect(pick({ sticky: b, tried: 2 })).toBe("a");
    b.setState("maint");
    expect(pick({ sticky: b })).toBe("a");
    b.setState("ready");
    b.health.failed("L4CON", 0);
    expect(pick({ sticky: b })).toBe("a");
  });

  test("a sticky backend of another group is not picked", () => {
    const { pool, a, b } = bench([{}, {}]);
    const only = pool.group("round-robin", ["a"], "/admin");
    for (const state of ["ready", "drain", "maint"] as const) {
      b.setState(state);
      expect(only.pick({ tried: 0, client: 0, sticky: b })).toBe(a);
    }
    a.setState("maint");
    b.setState("ready");
    expect(only.pick({ tried: 0, client: 0, sticky: b })).toBeUndefined();
  });
});

test("slow start: a backend that was down gets fewer requests at first", () => {
  const clock = new VirtualClock();
  const health = { ...RULES, fall: 1, rise: 1, slowStartMs: 10_000 };
  const given = [0, 1].map(index => settingsAt(index, { health }));
  const pool = new Pool(given, { clock, random: () => 0 });
  const group = pool.group("weighted-round-robin");
  const [a] = pool.backends;
  a.health.passed("L4OK", 0);
  a.health.failed("L4CON", 0);
  a.health.passed("L4OK", 0);
  const shares = { a: 0, b: 0 };
  for (let i = 0; i < 110; i++) {
    const choice = group.pick({ tried: 0, client: 0, sticky: undefined });
    shares[(choice as { name: "a" | "b" }).name]++;
  }
  expect(shares).toEqual({ a: 10, b: 100 });
});

test("queued requests are woken in the order in which they came, on the next turn", async () => {
  const { clock, pool, a } = bench([{ maxSessions: 1 }]);
  pool.acquire(a);
  const woken: string[] = [];
  const waiters = ["first", "second"].map(name => ({
    isHeld: false,
    mayHaveLeft: false,
    wake: () => void woken.push(name),
    refuse: () => {},
  }));
  for (const waiter of waiters) pool.queue.join(waiter);
  pool.release(a);
  expect([woken, pool.queue.waking]).toEqual([[], true]);
  await clock.run({ ms: 1 });
  expect([woken, pool.queue.waking]).toEqual([["first", "second"], false]);
  pool.queue.leave(waiters[0]);
  expect(pool.queue.length).toBe(1);
});

test("each backend's score, or why it is left out, can be explained", () => {
  const { group, pool, a, b, c } = bench([{}, {}, { maxSessions: 1 }], "least-connections");
  pool.acquire(a);
  pool.acquire(c);
  b.health.failed("L7STS/503", 0);
  const input = { tried: 0, client: 0, sticky: undefined };
  expect([a, b, c].map(backend => group.explain(backend, input))).toEqual([
    "1",
    "down/L7STS/503",
    "full",
  ]);
  expect(group.explain(a, { ...input, tried: 1 })).toBe("tried");
});
