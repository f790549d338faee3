import { expect, test } from "vitest";
import { type Asked, SleepingLab } from "../machines/testing.ts";

// A machine that was switched off, or sleeps by itself, while the board takes it for awake.

const BOOT_MS = 20_000;

/** A board whose machine nas is awake, and whose checks notice late that it is not. */
async function awake(options: object = {}, machine: object = {}) {
  const lab = new SleepingLab();
  const nas = lab.add("nas", { bootMs: BOOT_MS, ...options });
  await lab.begin(machine, { health: { check: "tcp", intervalMs: 60_000 } });
  await answered(lab, lab.get("/first"));
  return { lab, nas };
}

async function answered(lab: SleepingLab, asked: Asked): Promise<number> {
  await lab.clock.run({ until: () => asked.status !== 0, ms: 300_000 });
  return asked.status;
}

test.each([
  { what: "is silent", options: {} },
  { what: "refuses connections", options: { answersArp: true } },
])("the next request is held and answered, not refused: the machine $what", async ({ options }) => {
  const { lab, nas } = await awake(options);
  nas.machine.sleep();
  const sinceMs = lab.clock.now();
  expect(await answered(lab, lab.get("/next"))).toBe(200);
  expect(lab.clock.now() - sinceMs).toBeGreaterThan(BOOT_MS);
  expect(nas.machine).toMatchObject({ state: "awake", boots: 2 });
  expect(lab.states.slice(-3)).toEqual(["asleep unreachable", "waking request", "awake request"]);
});

test("a machine whose service restarts is found ready by the first check, and the request is answered", async () => {
  const { lab, nas } = await awake();
  nas.backend.stop();
  lab.clock.after(3_000, () => nas.backend.start());
  const sinceMs = lab.clock.now();
  expect(await answered(lab, lab.get("/next"))).toBe(200);
  expect(lab.clock.now() - sinceMs).toBeLessThan(6_000);
  expect(nas.machine.boots).toBe(1);
});

test("a client that may not wake it gets its 502, and the machine stays as it was", async () => {
  const { lab, nas } = await awake({ answersArp: true }, { wakeFor: [{ path: "/first" }] });
  nas.machine.sleep();
  expect(await answered(lab, lab.get("/next"))).toBe(502);
  expect(lab.states.slice(-1)).toEqual(["awake request"]);
  expect(nas.machine.boots).toBe(1);
});
