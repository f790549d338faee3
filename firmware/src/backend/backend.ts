import type { AdminState, BackendSettings } from "../config/settings.ts";
import { type Answers, noAnswers } from "../log/traffic.ts";
import { type Changes, Health } from "./health.ts";
import type { HostName } from "./host-name.ts";
import { Latency } from "./latency.ts";
import type { Machine } from "./machine.ts";

/** Counters of a backend since the start. */
interface BackendCounters extends Answers {
  /** Current sessions or requests, including those that are still connecting. */
  sessions: number;
  /** Number of picks. */
  sessionsTotal: number;
  /** Requests and sessions that were refused or not answered. */
  failures: number;
  /** Ejections by failed requests. */
  ejections: number;
}

/** HAProxy's operational state: whether a backend takes sessions, and if not, why. */
type OperationalState = "up" | "maint" | "asleep" | "down" | "ejected" | "drain";

/** Why a backend cannot be picked. */
type Exclusion = Exclude<OperationalState, "up"> | "tried" | "full" | "backup";

/** Bits of `Backend.exclusions`; of several, the lowest one is the reason that is shown. */
export const MAINT = 1;
/** The machine of the backend is not awake. */
export const ASLEEP = 2;
export const DOWN = 4;
const DRAIN = 8;
export const EJECTED = 16;
export const TRIED = 32;
export const FULL = 64;
/** Used only when no other backend is available. */
export const BACKUP = 128;

/** The bits of the operational state. */
const STATES = MAINT | ASLEEP | DOWN | DRAIN | EJECTED;

/** By bit, the lowest first. */
const EXCLUSIONS: readonly Exclusion[] = Object.freeze([
  "maint",
  "asleep",
  "down",
  "drain",
  "ejected",
  "tried",
  "full",
  "backup",
]);

/** The reason of the lowest bit of `reasons`, of which one is set. */
export function nameOfExclusions(reasons: number): Exclusion {
  return EXCLUSIONS[31 - Math.clz32(reasons & -reasons)];
}

/** One server behind the proxy: its settings, health, latency and counters. */
export class Backend {
  /** Position in the configuration; also its bit in a session's set of tried backends. */
  readonly index: number;
  readonly settings: BackendSettings;
  readonly name: string;
  readonly backup: boolean;
  readonly maxSessions: number;
  /** Connections may be kept for the next request. */
  readonly keepsConnections: boolean;
  readonly health: Health;
  readonly latency: Latency;
  readonly counters: BackendCounters;
  /** Absent where the address is an IPv4 address. */
  declare host: HostName | undefined;
  /** Absent where the computer that it runs on does not sleep. */
  declare machine: Machine | undefined;
  /** The address of `host` that is tried first; absent while that is the first one. */
  declare preferredAddress: string | undefined;
  /** The weight in the current pick: less than `weight` during slow start. */
  effectiveWeight: number;
  /** The administrative state, as configured or set by the operator; see `operationalState` for the effect. Set by `setState` only. */
  state: AdminState;
  /** Set by `setWeight` only. */
  weight: number;

  /**
   * `before`: the same backend in the previous configuration, whose sessions it still serves. `moved`: that backend, or
   * the one that has a new address or a new name now.
   */
  constructor(
    index: number,
    settings: BackendSettings,
    changes: Changes,
    before?: Backend,
    moved = before,
  ) {
    this.index = index;
    this.settings = settings;
    this.name = settings.name;
    this.backup = settings.backup;
    this.maxSessions = settings.maxSessions ?? Number.POSITIVE_INFINITY;
    // A kept connection would occupy the only slot. With the PROXY protocol it belongs to one client.
    this.keepsConnections =
      settings.keepAlive !== false && !this.servesOneAtATime && settings.proxyProtocol === "none";
    // A state that was set at run time stays unless the configuration changes it; a weight does not.
    this.state = moved?.settings.state === settings.state ? moved.state : settings.state;
    this.weight = settings.weight;
    this.effectiveWeight = settings.weight;
    this.health = before?.health ?? new Health(settings.health, changes);
    this.health.rules = settings.health;
    changes.count++;
    if (before?.preferredAddress !== undefined) this.preferredAddress = before.preferredAddress;
    this.latency = before?.latency ?? new Latency();
    this.counters = before?.counters ?? {
      ...noAnswers(),
      sessions: 0,
      sessionsTotal: 0,
      failures: 0,
      ejections: 0,
    };
  }

  setState(state: AdminState): void {
    this.state = state;
    this.health.changes.count++;
  }

  setWeight(weight: number): void {
    this.weight = weight;
    this.health.changes.count++;
  }

  /** Serves one connection at a time, so that health checks need the slot, too. */
  get servesOneAtATime(): boolean {
    return this.maxSessions === 1;
  }

  /** The host name has no address yet, so that no connection can be made. */
  get isUnresolved(): boolean {
    return this.host?.isUnresolved === true;
  }

  /** The machine of the backend is not awake. Then the backend is not up either. */
  get isAsleep(): boolean {
    return this.machine !== undefined && this.machine.state !== "awake";
  }

  /** The machine of the backend has been awake for a short time, and the backend has not been ready since. */
  isStarting(nowMs: number): boolean {
    const { machine, health } = this;
    if (machine?.state !== "awake" || nowMs >= machine.startedByMs) return false;
    return !health.up && health.sinceMs <= machine.sinceMs;
  }

  /** Sessions per unit of weight; infinite for weight 0. */
  get loadFactor(): number {
    const weight = this.effectiveWeight;
    return weight > 0 ? this.counters.sessions / weight : Number.POSITIVE_INFINITY;
  }

  updateEffectiveWeight(nowMs: number): void {
    this.effectiveWeight = this.weight * this.health.slowStartFactor(nowMs);
  }

  /**
   * Why the backend cannot be picked now, as bits; 0 when it can. `tried` has one bit for each backend that was
   * tried already, by its index.
   */
  exclusions(tried: number, nowMs: number): number {
    const health = this.health;
    let reasons = 0;
    if (this.state !== "ready") reasons = this.state === "maint" ? MAINT : DRAIN;
    if (!health.up) reasons |= this.isAsleep ? ASLEEP : DOWN;
    if (this.weight === 0 || health.wantsDrain) reasons |= DRAIN;
    if (health.ejectedUntilMs > nowMs) reasons |= EJECTED;
    if ((tried & (1 << this.index)) !== 0) reasons |= TRIED;
    if (this.counters.sessions >= this.maxSessions) reasons |= FULL;
    if (this.backup) reasons |= BACKUP;
    return reasons;
  }

  operationalState(nowMs: number): OperationalState {
    const reasons = this.exclusions(0, nowMs) & STATES;
    return reasons === 0 ? "up" : (nameOfExclusions(reasons) as OperationalState);
  }
}
