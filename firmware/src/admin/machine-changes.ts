import type { Machine } from "../backend/machine.ts";
import { brief, DocumentReader, suggestion } from "../config/reader.ts";
import type { SleepOutcome } from "../machines/sleeping.ts";
import type { ReverseProxy } from "../proxy/reverse-proxy.ts";
import { type Outcome, refusal } from "./outcome.ts";
import type { RuntimeApi } from "./runtime-api.ts";

const ACTIONS = Object.freeze(["wake", "sleep", "stay-awake"] as const);

/** Longest time that an operator keeps a machine awake: a week. */
export const STAY_AWAKE_MINUTES_MAX = 10_080;

interface MachineChange {
  readonly action?: (typeof ACTIONS)[number];
  /** Only with `stay-awake`: how long; 0: no longer. */
  readonly minutes?: number;
}

export function machineOf({ pool }: ReverseProxy, name: string): Machine | undefined {
  return pool.machines?.find(machine => machine.name === name);
}

/** The complaint that there is no machine of this name. */
export function noMachine({ pool }: ReverseProxy, name: string): string {
  const known = (pool.machines ?? []).map(machine => machine.name);
  if (known.length === 0) return `no machine ${brief(name)}; the configuration has none`;
  return `no machine ${brief(name)}; ${suggestion(name, known, `there are ${known.join(", ")}`)}`;
}

/** Wakes a machine, keeps it awake for a time, or asks it to sleep; `wish` is checked as a whole. */
export function changeMachine({ proxy, parts }: RuntimeApi, name: string, wish: object): Outcome {
  const machine = machineOf(proxy, name);
  const { machines } = proxy;
  if (machine === undefined || machines === undefined) return refusal(noMachine(proxy, name));
  const check = new DocumentReader();
  const { action, minutes } = check.object<MachineChange>(
    { path: "", value: wish },
    {
      action: key => check.optional(key, () => check.word(key, "wake", ACTIONS)),
      minutes: key =>
        check.optional(key, () => check.integer(key, undefined, 0, STAY_AWAKE_MINUTES_MAX)),
    },
  );
  if (action !== "stay-awake" && minutes !== undefined) {
    check.complain('minutes: goes with the action "stay-awake" only');
  } else if (action === "stay-awake" && minutes === undefined) {
    check.complain(`minutes: is missing; wanted 0 to ${STAY_AWAKE_MINUTES_MAX}`);
  }
  if (check.complaints.length > 0) return check;
  if (action === undefined) return { done: "nothing to change" };
  if (action === "sleep") return sleepOutcome(machine, machines.sleep(machine));
  const nowMs = parts.platform.clock.now();
  const before = machine.state;
  if (minutes === undefined) machines.wake(machine, "operator");
  else machines.stayAwake(machine, minutes === 0 ? undefined : nowMs + minutes * 60_000);
  const state = machine.state === before ? `${before} already` : `${machine.state} (was ${before})`;
  if (minutes === undefined) return { done: `${name}: ${state}` };
  if (minutes === 0) return { done: `${name}: may sleep again` };
  return { done: `${name}: stays awake for ${minutes} min, ${state}` };
}

function sleepOutcome({ name, state }: Machine, outcome: SleepOutcome): Outcome {
  switch (outcome) {
    case "sleeping":
      return { done: `${name}: asked to sleep` };
    case "not-awake":
      return refusal(`${name}: is ${state}; only a machine that is awake can be asked to sleep`);
    case "busy":
      return refusal(`${name}: has sessions or clients that wait; drain its backends first`);
    case "no-request":
      return refusal(`${name}: has no "sleep" in the configuration, so the board cannot ask it to`);
  }
}
