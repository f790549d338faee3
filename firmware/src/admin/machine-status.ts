import type { Backend } from "../backend/backend.ts";
import type { Machine } from "../backend/machine.ts";
import type { RuntimeApi } from "./runtime-api.ts";

export type MachineStatus = ReturnType<typeof machineStatus>;

/** One after the other, for an answer that is sent in pieces; none where no machine is configured. */
export function* machineStatuses({ parts, proxy }: RuntimeApi): Generator<MachineStatus, void> {
  const { clock } = parts.platform;
  const { machines, backends } = proxy.pool;
  if (machines === undefined) return;
  for (const machine of machines) yield machineStatus(machine, backends, clock.now());
}

Object.freeze(machineStatuses.prototype);

/** The state of a machine. Times are of the board's clock, in ms. */
export function machineStatus(machine: Machine, backends: readonly Backend[], nowMs: number) {
  const { name, state, why, settings, lastBootMs } = machine;
  return {
    name,
    mac: settings.mac ?? null,
    /** The backends that run on it. */
    backends: backends.filter(one => one.machine === machine).map(one => one.name),
    /** `asleep`, `waking`, `awake`, `failed`; why, and for how long. */
    state,
    why,
    sinceMs: Math.round(nowMs - machine.sinceMs),
    /** How long the last wake took until a backend was ready; `null` before the first. */
    lastBootMs: lastBootMs === undefined ? null : Math.round(lastBootMs),
    /** How long it has been asleep since the board's start. */
    asleepMs: Math.round(machine.asleepMs(nowMs)),
    /** The board can ask it to sleep. */
    canSleep: settings.sleep !== undefined,
    /** For how long the operator still wants it awake; 0 if not. */
    stayAwakeMs: Math.max(0, Math.round(machine.stayAwakeUntilMs - nowMs)),
    wakes: machine.wakes,
    failedWakes: machine.failedWakes,
    /** Clients that are held until it is awake. */
    held: machine.held,
  };
}

/** `nas asleep why=idle forMs=60000 …`: a line of the console. */
export function machineLine(status: MachineStatus): string {
  const { name, state, why, sinceMs, lastBootMs, asleepMs, stayAwakeMs } = status;
  const { wakes, failedWakes, held, backends } = status;
  const stays = stayAwakeMs === 0 ? "" : ` stayAwakeMs=${stayAwakeMs}`;
  return `${name} ${state} why=${why} forMs=${sinceMs} bootMs=${lastBootMs ?? "-"} asleepMs=${asleepMs} wakes=${wakes} failed=${failedWakes} held=${held} backends=${backends.join()}${stays}`;
}
