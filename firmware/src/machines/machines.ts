import type { Backend } from "../backend/backend.ts";
import type { CheckCode } from "../backend/health.ts";
import type { Machine, MachineKeeper, MachineReason, WakeReason } from "../backend/machine.ts";
import type { HealthChecks } from "../checks/health-checks.ts";
import type { Config } from "../config/settings.ts";
import type { Resolver } from "../dns/resolver.ts";
import type { Report } from "../log/event.ts";
import type { Platform } from "../platform.ts";
import type { Group } from "../pool/group.ts";
import type { IdleConnections } from "../pool/idle-connections.ts";
import type { Pool } from "../pool/pool.ts";
import type { PowerButtons } from "./power-buttons.ts";
import { Sleeping, type SleepOutcome } from "./sleeping.ts";
import { mayWake, type WakeClient } from "./wake-rules.ts";
import { Waking } from "./waking.ts";

/**
 * How long a power button is not pressed after the board's own power has come back, in ms: the machine's has, too, and it
 * may be booting. Until it has its network, no check can tell.
 */
export const POWER_RETURN_MS = 90_000;

/** Reset reasons of a board whose power has failed. */
const POWER_FAILURES: readonly (string | undefined)[] = Object.freeze(["power-on", "brownout"]);

/** The parts of a configuration that work with machines. */
export interface MachinesParts {
  readonly platform: Platform;
  readonly report: Report;
  readonly pool: Pool;
  readonly checks: HealthChecks;
  readonly idle: IdleConnections;
  readonly buttons: PowerButtons;
  readonly config: Pick<Config, "holdMs" | "wakeAtPercent" | "time">;
  readonly scratch: Uint8Array;
  /** The time at which the board's clock was 0, in ms since 1970; `undefined`: not known. */
  startedMs(): number | undefined;
  resolver(): Resolver;
}

/**
 * Wakes the machines of one configuration and lets them sleep. Each change of a machine's state is made here, or in the next
 * configuration, which takes the machines over.
 */
export class Machines implements MachineKeeper {
  readonly list: readonly Machine[];
  #parts: MachinesParts;
  #waking: Waking;
  #sleeping: Sleeping;

  constructor(parts: MachinesParts, machines: readonly Machine[]) {
    const { platform, report, config } = parts;
    const { holdMs, wakeAtPercent } = config;
    this.#parts = parts;
    this.list = machines;
    const failed = (machine: Machine) => this.change(machine, "failed", "not-ready");
    this.#waking = new Waking({ platform, report, machines, holdMs, failed });
    this.#sleeping = new Sleeping({
      ...{ platform, report, machines, wakeAtPercent, zone: config.time.zone },
      ...{ pool: parts.pool, checks: parts.checks, scratch: parts.scratch },
      ...{ startedMs: () => parts.startedMs(), resolver: () => parts.resolver() },
      change: (machine, state, why) => this.change(machine, state, why),
      wake: (machine, why) => this.wake(machine, why),
    });
    for (const machine of machines) {
      machine.keeper = this;
      const { wakeBy } = machine.settings;
      if (wakeBy !== "packet") this.try(machine, () => parts.buttons.open(wakeBy.gpio));
    }
  }

  /** The network is up. */
  resume(): void {
    this.#waking.resume();
    this.#sleeping.resume();
  }

  /** The network is down. */
  pause(): void {
    this.#waking.pause();
    this.#sleeping.pause();
  }

  /** Another configuration is in force, which keeps the machines that it has, too. */
  stop(): void {
    this.pause();
    for (const machine of this.list) {
      if (machine.keeper !== this) continue;
      if (machine.state === "waking") this.change(machine, "asleep", "removed");
      machine.keeper = undefined;
    }
  }

  /**
   * A client finds no backend in `group`: wakes a machine that backends of it run on, if this client may wake it, unless one is
   * waking already, or is awake and its backend may be starting. Returns that machine: the client may wait for it. `undefined`: there is none,
   * or it may not be woken now.
   */
  wakeFor(group: Group, tried: number, client: WakeClient): Machine | undefined {
    const nowMs = this.now();
    let best: Machine | undefined;
    for (const backend of group.backends) {
      const { machine, state, weight, index } = backend;
      if (machine === undefined || machine.keeper === undefined) continue;
      if (state !== "ready" || weight === 0 || (tried & (1 << index)) !== 0) continue;
      const isStarting = backend.isStarting(nowMs);
      if ((machine.state === "awake" && !isStarting) || machine.pauseMs(nowMs) > 0) continue;
      if (!isAllowed(machine, client)) continue;
      if (machine.state === "waking" || isStarting) return machine;
      // One that has failed comes last.
      if (best === undefined || (best.state === "failed" && machine.state === "asleep"))
        best = machine;
    }
    if (best !== undefined) this.wake(best, "request", client.id);
    return best;
  }

  /** How long no request wakes a machine of `group`, because waking has failed, in ms; 0: no wake of them failed within the last minute. */
  pauseMs(group: Group): number {
    const nowMs = this.now();
    let ms = 0;
    for (const { machine } of group.backends) {
      const pauseMs = machine?.pauseMs(nowMs) ?? 0;
      if (pauseMs > 0 && (ms === 0 || pauseMs < ms)) ms = pauseMs;
    }
    return ms;
  }

  /** Begins to wake a machine, unless it is waking or awake. `id`: the session of the client that wakes it. */
  wake(machine: Machine, why: WakeReason, id?: number): void {
    if (machine.state === "waking" || machine.state === "awake") return;
    this.change(machine, "waking", why, id);
  }

  /** The operator wants the machine awake until `untilMs`, of the board's clock; `undefined`: no longer. */
  stayAwake(machine: Machine, untilMs: number | undefined): void {
    machine.stayAwakeUntilMs = untilMs ?? 0;
    if (untilMs !== undefined) this.wake(machine, "operator");
  }

  /** The operator wants the machine to sleep now. */
  sleep(machine: Machine): SleepOutcome {
    return this.#sleeping.sleep(machine);
  }

  ready(machine: Machine): void {
    const isWaking = machine.state === "waking";
    const nowMs = this.now();
    if (isWaking && machine.failedChecks > 0) machine.lastBootMs = nowMs - machine.sinceMs;
    this.change(machine, "awake", isWaking ? machine.why : "check");
  }

  checkFailed(machine: Machine, code: CheckCode): void {
    machine.answers = code !== "L4TOUT";
    if (machine.state === "waking") {
      machine.failedChecks++;
      if (!machine.answers) this.press(machine);
    }
    const isUp = (one: Backend) => one.machine === machine && one.health.up;
    if (machine.state === "awake" && !this.#parts.pool.backends.some(isUp)) {
      this.change(machine, "asleep", "unreachable");
    }
  }

  /**
   * A client could connect to no backend of `group`; `unconnected` is the mask of those that accepted no connection. A machine of these that this
   * client may wake, and of which no other backend is up, was switched off or sleeps by itself: it is asleep. Returns the backends on such machines. If that
   * was wrong, their first check tells it. A machine with a button stays awake until checks have failed: a press would switch it off.
   */
  lost(group: Group, unconnected: number, client: WakeClient): number {
    const { pool } = this.#parts;
    let lost = 0;
    for (const backend of group.backends) {
      const { machine, index } = backend;
      if (machine?.state !== "awake" || machine.keeper !== this) continue;
      if ((unconnected & (1 << index)) === 0 || machine.settings.wakeBy !== "packet") continue;
      const isUp = (one: Backend) => one !== backend && one.machine === machine && one.health.up;
      if (pool.backends.some(isUp) || !isAllowed(machine, client)) continue;
      this.change(machine, "asleep", "unreachable");
      lost |= 1 << index;
    }
    return lost;
  }

  changed(machine: Machine): void {
    const { pool, checks, idle } = this.#parts;
    const nowMs = this.now();
    for (const backend of pool.backends) {
      if (backend.machine !== machine) continue;
      backend.host?.setUrgent(machine.state === "waking", nowMs);
      if (machine.state !== "asleep") continue;
      backend.health.forget(nowMs);
      idle.shrink(0, backend);
    }
    checks.machineChanged(machine);
    this.#waking.schedule();
    this.#sleeping.schedule();
    pool.queue.wake();
  }

  /**
   * Presses the power button of a machine that does not answer, unless it was pressed or switched on by itself a short time
   * ago: a second press would switch it off again.
   */
  private press(machine: Machine): void {
    const { platform, report, buttons, config } = this.#parts;
    const { name, why, settings } = machine;
    const { wakeBy } = settings;
    const nowMs = this.now();
    if (wakeBy === "packet" || nowMs < machine.pressedAtMs + config.holdMs) return;
    const mayBoot = nowMs < POWER_RETURN_MS && POWER_FAILURES.includes(platform.vitals.resetReason);
    if (mayBoot && why !== "operator") return;
    const { gpio, pressMs } = wakeBy;
    machine.pressedAtMs = nowMs;
    if (!this.try(machine, () => buttons.press(gpio, pressMs))) return;
    report({ level: "I", on: "machine", what: "pressed", name, gpio });
  }

  /** False, with an event, if the pin cannot be used. */
  private try(machine: Machine, use: () => void): boolean {
    try {
      use();
      return true;
    } catch (error) {
      const { name } = machine;
      const { report } = this.#parts;
      report({ level: "W", on: "machine", what: "wake-error", name, error: String(error) });
      return false;
    }
  }

  private now(): number {
    return this.#parts.platform.clock.now();
  }

  private change(machine: Machine, state: Machine["state"], why: MachineReason, id?: number): void {
    const nowMs = this.now();
    const ms = Math.round(nowMs - machine.sinceMs);
    const isTrouble = state === "failed" || why === "unreachable";
    const { name } = machine;
    const level = isTrouble ? "W" : "I";
    this.#parts.report({ level, on: "machine", what: state, name, why, ms, id });
    if (state === "awake") machine.startedByMs = nowMs + this.#parts.config.holdMs;
    machine.change(state, why, nowMs);
  }
}

function isAllowed({ settings: { wakeFor } }: Machine, client: WakeClient): boolean {
  return wakeFor === undefined || mayWake(wakeFor, client);
}
