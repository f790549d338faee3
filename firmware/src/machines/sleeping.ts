import { type Backend, FULL } from "../backend/backend.ts";
import type { Machine, MachineReason } from "../backend/machine.ts";
import type { HealthChecks } from "../checks/health-checks.ts";
import { offsetAt, zoneOf } from "../config/time-zone.ts";
import type { Resolver } from "../dns/resolver.ts";
import type { Report } from "../log/event.ts";
import type { Cancel, Platform } from "../platform.ts";
import type { Group } from "../pool/group.ts";
import type { Pool } from "../pool/pool.ts";
import { isAwakeTime, localMoment } from "./awake-times.ts";
import { isAccepted, SLEEP_REQUEST_MS, SleepRequest, type SleepResult } from "./sleep-request.ts";

/** How often use, load and the time of day are looked at, in ms. */
const TICK_MS = 1_000;

/** How long a machine that was asked to sleep may still answer, and lose what would wake it, in ms. */
const SETTLE_MS = 10_000;

/** The outcome of the operator's wish that a machine sleeps. */
export type SleepOutcome = "sleeping" | "not-awake" | "busy" | "no-request";

/** The machines, and the parts that know their use. */
export interface SleepingParts {
  readonly platform: Platform;
  readonly report: Report;
  readonly scratch: Uint8Array;
  readonly machines: readonly Machine[];
  readonly pool: Pool;
  readonly checks: HealthChecks;
  /** Load of the awake backends of a group, in percent of their `maxSessions`, at which the next machine is woken. */
  readonly wakeAtPercent: number;
  /** The time zone, in POSIX's form. */
  readonly zone: string;
  /** The time at which the board's clock was 0, in ms since 1970; `undefined`: not known. */
  startedMs(): number | undefined;
  resolver(): Resolver;
  change(machine: Machine, state: "asleep" | "awake", why: MachineReason): void;
  wake(machine: Machine, why: "schedule" | "load"): void;
}

/**
 * Lets machines sleep that are not used, and wakes them by the time of day and by the load of the others. Use is sampled once a second, so that
 * sessions do not have to report it.
 */
export class Sleeping {
  #parts: SleepingParts;
  #alarm: Cancel | undefined;
  #requests = new Map<Machine, SleepRequest>();
  #paused = true;
  /** The minute since 1970 in which the time of day was looked at last. */
  #minute = -1;

  constructor(parts: SleepingParts) {
    this.#parts = parts;
  }

  /** The network is up. */
  resume(): void {
    this.#paused = false;
    this.schedule();
  }

  /** The network is down, or another configuration is in force. */
  pause(): void {
    this.#paused = true;
    this.#alarm?.();
    this.#alarm = undefined;
    for (const request of [...this.#requests.values()]) request.cancel();
  }

  /** Sets the timer, unless there is nothing to look at. Called whenever a machine has changed its state. */
  schedule(): void {
    if (this.#paused || this.#alarm !== undefined || !this.isNeeded) return;
    this.#alarm = this.#parts.platform.clock.after(TICK_MS, () => {
      this.#alarm = undefined;
      try {
        this.tick();
      } finally {
        this.schedule();
      }
    });
  }

  /** Asks a machine to sleep. The backends on it get no more sessions from this moment on, so that none is lost. */
  sleep(machine: Machine): SleepOutcome {
    if (machine.state !== "awake") return "not-awake";
    if (machine.settings.sleep === undefined) return "no-request";
    if (this.sessionsOf(machine) > 0) return "busy";
    machine.stayAwakeUntilMs = 0;
    this.begin(machine, "operator");
    return "sleeping";
  }

  /** A machine may be idle for long enough, or has times of day, or peers that share its load. */
  private get isNeeded(): boolean {
    const { machines, pool } = this.#parts;
    return (
      machines.some(({ state, settings: { idleMs, awakeTimes } }) => {
        return awakeTimes.length > 0 || (state === "awake" && idleMs !== undefined);
      }) || pool.groups.some(mayNeedMore)
    );
  }

  private tick(): void {
    const { machines, pool, platform } = this.#parts;
    const nowMs = platform.clock.now();
    for (const machine of machines) if (this.isUsed(machine)) machine.lastUsedMs = nowMs;
    this.followTime(nowMs);
    for (const machine of machines) {
      // One request at a time: each takes a socket.
      if (this.#requests.size === 0 && this.maySleep(machine, nowMs)) this.begin(machine, "idle");
    }
    for (const group of pool.groups) this.wakeByLoad(group, nowMs);
  }

  /** The number of clients that use a backend of the machine, or wait for one. */
  private sessionsOf(machine: Machine): number {
    const { pool, checks } = this.#parts;
    let count = machine.held;
    for (const { sessions } of machine.former ?? []) count += sessions;
    for (const backend of pool.backends) {
      if (backend.machine !== machine) continue;
      count += backend.counters.sessions;
      if (checks.occupies(backend)) count--;
    }
    return count;
  }

  /** True if a client has a backend of it, waits for one, or has had one since the last call. */
  private isUsed(machine: Machine): boolean {
    let total = 0;
    for (const backend of this.#parts.pool.backends) {
      if (backend.machine === machine) total += backend.counters.sessionsTotal;
    }
    const isNew = total !== machine.sessionsSeen;
    machine.sessionsSeen = total;
    return isNew || this.sessionsOf(machine) > 0;
  }

  private maySleep(machine: Machine, nowMs: number): boolean {
    const { state, settings, lastUsedMs, stayAwakeUntilMs } = machine;
    const { idleMs, awakeTimes } = settings;
    if (state !== "awake" || idleMs === undefined) return false;
    if (machine.isAwakeTime && awakeTimes.length > 0) return false;
    if (nowMs < lastUsedMs + idleMs || nowMs < stayAwakeUntilMs) return false;
    if (this.isInMaintenance(machine)) return false;
    return !this.#parts.pool.groups.some(group => this.isNeededFor(machine, group, nowMs));
  }

  /** All its backends are in maintenance: only the operator wakes the machine or lets it sleep. */
  private isInMaintenance(machine: Machine): boolean {
    return this.#parts.pool.backends.every(({ machine: own, state }) => {
      return own !== machine || state === "maint";
    });
  }

  /** Without the machine the others of the group would have so much load that it would soon be woken again. */
  private isNeededFor(machine: Machine, group: Group, nowMs: number): boolean {
    let isPart = false;
    const others = group.backends.filter(backend => {
      if (backend.machine === machine) isPart = true;
      return backend.machine !== machine && takesSessions(backend, nowMs);
    });
    return isPart && others.length > 0 && loadOf(others) >= this.#parts.wakeAtPercent / 2;
  }

  private wakeByLoad(group: Group, nowMs: number): void {
    const { wakeAtPercent, wake } = this.#parts;
    if (!mayNeedMore(group)) return;
    const awake = group.backends.filter(backend => takesSessions(backend, nowMs));
    if (awake.length === 0 || loadOf(awake) < wakeAtPercent) return;
    const next = group.backends.find(({ machine, state, weight, backup }) => {
      const isAsleep = machine?.state === "asleep" || machine?.state === "failed";
      return isAsleep && state === "ready" && weight > 0 && !backup && machine.pauseMs(nowMs) === 0;
    });
    if (next !== undefined) wake(next.machine!, "load");
  }

  /** Wakes machines at the beginnings of their times; once a minute, as soon as the time is known. */
  private followTime(nowMs: number): void {
    const { machines, zone, wake, startedMs } = this.#parts;
    const started = startedMs();
    if (started === undefined || machines.every(hasNoTimes)) return;
    const minute = Math.floor((started + nowMs) / 60_000);
    if (minute === this.#minute) return;
    this.#minute = minute;
    const moment = momentIn(zone, started + nowMs);
    for (const machine of machines) {
      const wasAwakeTime = machine.isAwakeTime;
      machine.isAwakeTime = isAwakeTime(machine.settings.awakeTimes, moment);
      const begins = machine.isAwakeTime && !wasAwakeTime;
      if (begins && !this.isInMaintenance(machine)) wake(machine, "schedule");
    }
  }

  private begin(machine: Machine, why: "idle" | "operator"): void {
    const { platform, report, scratch, resolver, change } = this.#parts;
    const { sleep } = machine.settings;
    const nowMs = platform.clock.now();
    if (sleep !== undefined) machine.settledAtMs = nowMs + SLEEP_REQUEST_MS + SETTLE_MS;
    change(machine, "asleep", why);
    if (sleep === undefined) return;
    const request = new SleepRequest({ platform, report, scratch, resolver }, sleep, result =>
      this.ended(machine, result, nowMs),
    );
    this.#requests.set(machine, request);
  }

  private ended(machine: Machine, result: SleepResult, sinceMs: number): void {
    const { platform, report, checks, change } = this.#parts;
    const nowMs = platform.clock.now();
    this.#requests.delete(machine);
    const isOver = isAccepted(result);
    const level = isOver ? "I" : "W";
    const ms = Math.round(nowMs - sinceMs);
    const { name, state } = machine;
    report({ level, on: "machine", what: "sleep-request", name, result: String(result), ms });
    machine.settledAtMs = isOver ? nowMs + SETTLE_MS : nowMs;
    if (!isOver && state === "asleep") change(machine, "awake", "sleep-failed");
    else if (state === "waking") checks.machineChanged(machine);
  }
}

function hasNoTimes({ settings }: Machine): boolean {
  return settings.awakeTimes.length === 0;
}

/** True if a backend of the group sleeps, none is waking, and one that is awake has a limit of sessions. */
function mayNeedMore({ backends }: Group): boolean {
  return (
    backends.some(({ machine }) => machine?.state === "asleep" || machine?.state === "failed") &&
    !backends.some(({ machine }) => machine?.state === "waking") &&
    backends.some(({ isAsleep, maxSessions }) => !isAsleep && Number.isFinite(maxSessions))
  );
}

function takesSessions(backend: Backend, nowMs: number): boolean {
  return (backend.exclusions(0, nowMs) & ~FULL) === 0;
}

/** Sessions in percent of those that the backends may have; 0 where one of them has no limit. */
function loadOf(backends: readonly Backend[]): number {
  let sessions = 0;
  let sessionsMax = 0;
  for (const { counters, maxSessions } of backends) {
    sessions += counters.sessions;
    sessionsMax += maxSessions;
  }
  return (100 * sessions) / sessionsMax;
}

function momentIn(zone: string, unixMs: number) {
  const parsed = zoneOf(zone);
  return localMoment(unixMs + offsetAt(parsed, unixMs / 1000).seconds * 1000);
}
