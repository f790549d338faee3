import { ScriptedMachine } from "../../backends/src/machine.ts";
import type { Machine } from "../../firmware/src/backend/machine.ts";
import { HOLD_MS } from "../../firmware/src/config/config.ts";
import type { LogLine } from "../../firmware/tools/log-line.ts";
import type { CampaignBackend, CampaignLab } from "./lab.ts";
import {
  type MachinePart,
  NO_CLIENT,
  only,
  type PowerPart,
  type RunPlan,
  setting,
} from "./plan.ts";

/** First bytes of the MAC addresses of machines. */
const MAC_START = "24:0a:c4:00:00:";

/** Pins of power buttons; the first six that a board may use for one. */
const BUTTON_PINS = [4, 13, 14, 16, 17, 18];

/** How long a connection that was begun before the board took a machine for asleep may go on to try. */
const LAST_SYN_MS = 4_000;

/** Latest end of a hold behind its time: the deadlines of the board are so exact. */
const LATE_MS = 1_500;

/** The run that the machines are part of. */
interface Run {
  readonly plan: RunPlan;
  readonly lab: CampaignLab;
  /** Records an invariant that does not hold. */
  expect(holds: boolean, invariant: string): void;
}

/** A machine of the run. */
interface Sleeper {
  readonly part: MachinePart;
  readonly machine: ScriptedMachine;
  /** Since when the board takes it for asleep and leaves it alone; `undefined`: it does not. */
  restMs: number | undefined;
}

/** The machines of a run, by the backends that they are the hosts of. */
export class RunMachines {
  #seen: Run;
  #sleepers = new Map<string, Sleeper>();
  /** The largest limit of all configurations. */
  #heldMax = 0;

  constructor(seen: Run) {
    this.#seen = seen;
  }

  /** The host of the backend sleeps until it is woken. */
  add(part: MachinePart, backend: CampaignBackend): void {
    const { lab } = this.#seen;
    const index = this.#sleepers.size;
    const mac = MAC_START + index.toString(16).padStart(2, "0");
    const host = lab.machineHost!(part.backend);
    backend.stop();
    const machine = new ScriptedMachine({
      ...part,
      name: nameOf(part),
      mac,
      host,
      clock: lab.clock,
    });
    machine.services.push({ start: async () => backend.start(), stop: () => backend.stop() });
    if (part.hasButton) lab.board.pins.connect(BUTTON_PINS[index], level => machine.button(level));
    const sleeper: Sleeper = { part, machine, restMs: undefined };
    this.#sleepers.set(part.backend, sleeper);
    lab.onSyn!(part.backend, () => {
      this.#look(sleeper);
      const restedMs = lab.clock.now() - (sleeper.restMs ?? lab.clock.now());
      this.#seen.expect(restedMs <= LAST_SYN_MS, "a connection to a machine that sleeps was tried");
    });
  }

  has(backend: string): boolean {
    return this.#sleepers.has(backend);
  }

  /** The machines in the configuration. */
  get settings(): object {
    if (this.#sleepers.size === 0) return {};
    const machines = [...this.#sleepers.values()].map(({ part, machine: { mac } }, index) => ({
      name: nameOf(part),
      mac,
      ...(part.hasButton && { wakeBy: { gpio: BUTTON_PINS[index] } }),
      ...(part.wakeFor && { wakeFor: part.wakeFor }),
    }));
    return { machines, health: { check: "tcp", intervalMs: 2_000, timeoutMs: 1_000 } };
  }

  happens({ backend, what }: PowerPart): void {
    const machine = this.#sleepers.get(backend)?.machine;
    if (machine === undefined) return;
    if (what === "sleeps") machine.sleep();
    else if (what === "is woken") machine.wake();
    else if (what === "loses its power") machine.cutPower();
    else if (what === "has its power") machine.restorePower();
    else if (what === "has its power and boots") machine.restorePower({ boots: true });
    else if (what === "ignores wakes") machine.fault = "ignores-wake";
    else if (what === "hangs") machine.fault = "hangs";
    else machine.fault = undefined;
  }

  /** The active phase is over: all machines work, and are awake or boot. */
  endAll(): void {
    this.checkWakes();
    for (const { machine } of this.#sleepers.values()) {
      const hung = machine.fault === "hangs";
      machine.fault = undefined;
      machine.restorePower();
      if (hung) machine.sleep();
      machine.wake();
    }
  }

  checkAlways(): void {
    const { lab } = this.#seen;
    const { proxy } = lab.app!;
    const held = proxy.pool.queue.held;
    this.#heldMax = Math.max(this.#heldMax, proxy.config.heldMax);
    this.#seen.expect(held <= this.#heldMax, "more clients are held than may be");
    const known = this.#known;
    const ofMachines = known.reduce((sum, machine) => sum + machine.held, 0);
    this.#seen.expect(ofMachines <= held, "machines count more held clients than there are");
    for (const sleeper of this.#sleepers.values()) this.#look(sleeper);
  }

  /** The machines as the board knows them. */
  get #known(): readonly Machine[] {
    return this.#seen.lab.app?.proxy.pool.machines ?? [];
  }

  #look(sleeper: Sleeper): void {
    const of = this.#known.find(({ name }) => name === nameOf(sleeper.part));
    const rests = of?.state === "asleep" && of.checked;
    if (!rests) sleeper.restMs = undefined;
    else sleeper.restMs ??= this.#seen.lab.clock.now();
  }

  /** Clients that match no rule of `wakeFor` have woken no machine, and no press has switched one off. */
  checkWakes(): void {
    const { plan } = this.#seen;
    const shaky =
      only(plan, "link").some(({ settings }) => settings.loss || settings.bytesPerSecond) ||
      only(plan, "change").length > 0;
    for (const { part, machine } of this.#sleepers.values()) {
      if (part.wakeFor === NO_CLIENT) {
        const { lab } = this.#seen;
        const wakes = lab.events("machine", "waking").filter(e => e.values.name === nameOf(part));
        const byLoad = wakes.length > 0 && wakes.every(({ values }) => values.why === "load");
        const untouched = machine.magicPackets === 0 && machine.presses === 0;
        this.#seen.expect(byLoad || untouched, "a client woke a machine that it may not");
      }
      const alone = !only(plan, "power").some(({ backend }) => backend === part.backend);
      const calm = only(plan, "fault").length === 0 && !shaky && alone;
      if (calm) this.#seen.expect(machine.wrongPresses === 0, "a press has switched a machine off");
    }
  }

  checkFinally(lines: readonly LogLine[]): void {
    if (this.#sleepers.size === 0) return;
    const { queue, machines = [] } = this.#seen.lab.app!.proxy.pool;
    this.#seen.expect(queue.length === 0, "a client still waits");
    this.#seen.expect(
      machines.every(({ held, state }) => held === 0 && state !== "waking"),
      "a machine is still waking, or counts held clients",
    );
    // A client may be held again, for another machine, or after one that was ready has failed it.
    const holdMs = Number(setting(this.#seen.plan, "holdMs") ?? HOLD_MS);
    for (const { values } of lines) {
      const late = Number(values.held ?? 0) > holdMs * this.#sleepers.size + LATE_MS;
      this.#seen.expect(!late, "a client was held for too long");
    }
  }

  leave(): void {
    for (const { machine } of this.#sleepers.values()) machine.leave();
  }
}

/** The name of a machine in the configuration. */
export function nameOf({ backend }: MachinePart): string {
  return `machine-${backend}`;
}

/** Clients may find that no machine is ready for them, beside those that find the board full. */
export function machinesMayFail(plan: RunPlan): boolean {
  const machines = only(plan, "machine");
  const holdMs = Number(setting(plan, "holdMs") ?? HOLD_MS);
  return (
    only(plan, "power").length > 0 ||
    machines.some(
      ({ wakeFor, bootMs, hasButton }) =>
        wakeFor !== undefined || hasButton || bootMs + 5_000 > holdMs,
    )
  );
}
