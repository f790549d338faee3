import type { AdminState, BackendSettings } from "../config/settings.ts";
import { type Answers, noAnswers } from "../log/traffic.ts";
import type { ProxyProtocol } from "../net/proxy-protocol.ts";
import { Health, type HealthRules } from "./health.ts";
import { Latency } from "./latency.ts";

/** What a backend has, and had since the start. */
export interface BackendCounters extends Answers {
  /** Sessions that it has now, those still dialling included. */
  sessions: number;
  /** Sessions that it was ever picked for. */
  sessionsTotal: number;
  /** Requests that it should have answered and did not. */
  failures: number;
  /** Times that requests ejected it. */
  ejections: number;
}

/** May a backend be picked, and if not, why not. */
export type OperationalState = "up" | "maint" | "down" | "ejected" | "drain";

/** One server behind the proxy, and what is going on with it. */
export class Backend {
  /** Its place in the configuration; a session remembers those it tried as one bit each. */
  readonly index: number;
  readonly name: string;
  readonly backup: boolean;
  readonly maxSessions: number;
  /** Connections to it may wait for the next request. */
  readonly keepsConnections: boolean;
  readonly health: Health;
  readonly latency: Latency;
  readonly counters: BackendCounters;
  #settings: BackendSettings;
  /** The operator's wish; see `operationalState` for what comes of it. */
  state: AdminState;
  weight: number;
  /** The weight as of the current pick: less than `weight` while it starts slowly. */
  effectiveWeight: number;

  /**
   * `before`: the same backend under an earlier configuration, whose sessions it still has. `moved`: what the
   * earlier configuration had in its place, at another address or by another name.
   */
  constructor(
    index: number,
    settings: BackendSettings,
    rules: HealthRules,
    before?: Backend,
    moved = before,
  ) {
    this.index = index;
    this.name = settings.name;
    this.backup = settings.backup;
    this.maxSessions = settings.maxSessions ?? Number.POSITIVE_INFINITY;
    // One that waits would take the only place. With the PROXY protocol it is one client's for ever.
    this.keepsConnections =
      settings.keepAlive !== false && !this.servesOneAtATime && settings.proxyProtocol === "none";
    this.#settings = settings;
    // A state that was set at run time stays, unless the configuration says something new; a weight does not.
    const was = moved === undefined ? undefined : moved.#settings;
    this.state = was?.state === settings.state ? moved!.state : settings.state;
    this.weight = settings.weight;
    this.effectiveWeight = this.weight;
    this.health = before?.health ?? new Health(rules);
    this.health.rules = rules;
    this.latency = before?.latency ?? new Latency();
    this.counters = before?.counters ?? {
      ...noAnswers(),
      sessions: 0,
      sessionsTotal: 0,
      failures: 0,
      ejections: 0,
    };
  }

  get address(): string {
    return this.#settings.address;
  }

  get port(): number {
    return this.#settings.port;
  }

  get proxyProtocol(): ProxyProtocol {
    return this.#settings.proxyProtocol;
  }

  get settleMs(): number {
    return this.#settings.settleMs;
  }

  /** A second connection would have to wait until the first is closed: checks share the slot. */
  get servesOneAtATime(): boolean {
    return this.maxSessions === 1;
  }

  get sessions(): number {
    return this.counters.sessions;
  }

  set sessions(count: number) {
    this.counters.sessions = count;
  }

  get full(): boolean {
    return this.counters.sessions >= this.maxSessions;
  }

  /** Brings `effectiveWeight` up to date. */
  updateEffectiveWeight(nowMs: number): void {
    const weight = this.weight;
    const health = this.health;
    this.effectiveWeight =
      health.rules.slowStartMs === 0 ? weight : weight * health.slowStartFactor(nowMs);
  }

  operationalState(nowMs: number): OperationalState {
    const health = this.health;
    if (this.state === "maint") return "maint";
    if (!health.up) return "down";
    if (this.state === "drain" || this.weight === 0 || health.wantsDrain) return "drain";
    return health.ejectedUntilMs > nowMs ? "ejected" : "up";
  }
}
