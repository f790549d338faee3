import type { HealthSettings } from "../config/settings.ts";

/**
 * The result of a health check, or of a request that counts as one, in HAProxy's codes: `L4` concerns the connection,
 * `L6` the answer to a TLS hello, `L7` the response, whose status follows the slash. `DNS`: the backend's name was never
 * resolved.
 */
export type CheckCode =
  | "DNS"
  | "L4OK"
  | "L4CON"
  | "L4TOUT"
  | "L6OK"
  | "L6RSP"
  | "L6TOUT"
  | "L7RSP"
  | "L7TOUT"
  | `L7${"OK" | "OKC" | "STS"}/${number}`;

/** The settings of health checking that decide about a backend's state. */
export type HealthRules = Pick<
  HealthSettings,
  "rise" | "fall" | "start" | "ejectAfter" | "slowStartMs"
>;

/** The change that a check or request caused, if any. */
export type HealthChange = "up" | "down" | "ejected" | "drain" | "drain-end" | undefined;

/**
 * Counts the changes of what decides whether a backend can be picked, and with which weight. All backends of a board have the
 * same one, so that a group knows by one number whether it has to look at its backends again.
 */
export interface Changes {
  count: number;
}

/** Duration of the first ejection; the second in a row lasts twice as long, and so on (Envoy). */
export const EJECTION_MS = 10_000;
export const EJECTION_MAX_MS = 120_000;

/** Part of its weight with which a backend begins slow start: with 0 it would get no requests. */
const SLOW_START_FACTOR_MIN = 0.1;

/**
 * The health of one backend, from the results of checks and requests. Only counts; it sends nothing and has no timer.
 *
 * Checks decide between up and down, after `rise` or `fall` results in a row; the first result decides alone. Failed
 * requests can only eject the backend, for a time that grows with each ejection and ends by itself, because a check
 * that merely connects cannot see why requests fail.
 */
export class Health {
  /** Each change of this field, and of the next three, is counted in `changes`. */
  up: boolean;
  /** The last passed check was answered with 404: the backend asks for no new sessions. Only while it is up. */
  wantsDrain = false;
  ejectedUntilMs = 0;
  /** The rules of the current configuration. */
  rules: HealthRules;
  /** The last result of a check or failed request, and since when it has been the same. */
  code: CheckCode | undefined;
  codeSinceMs = 0;
  /** Since when the backend is up or down. */
  sinceMs = 0;
  /** Consecutive check results that contradict `up`. */
  contraryChecks = 0;
  /** Consecutive failed requests. */
  failures = 0;
  readonly changes: Changes;
  /** A check has had a result. */
  #checked = false;
  /** Consecutive ejections. */
  #ejections = 0;
  #slowStartSinceMs = Number.NEGATIVE_INFINITY;

  constructor(rules: HealthRules, changes: Changes) {
    this.rules = rules;
    this.changes = changes;
    this.up = rules.start === "up";
  }

  /** Records a passed check. After "up", `wantsDrain` tells whether a drain has begun as well. */
  passed(code: CheckCode, nowMs: number): HealthChange {
    const wasChecked = this.#checked;
    const cameUp = this.changesTo(true, this.rules.rise, code, nowMs);
    if (!this.up) return undefined;
    const wantedDrain = this.wantsDrain;
    this.wantsDrain = code.startsWith("L7OKC");
    if (cameUp || wantedDrain !== this.wantsDrain) this.changes.count++;
    if (cameUp) {
      if (wasChecked) this.#slowStartSinceMs = nowMs;
      return "up";
    }
    if (wantedDrain === this.wantsDrain) return undefined;
    return this.wantsDrain ? "drain" : "drain-end";
  }

  /** Records a failed check. */
  failed(code: CheckCode, nowMs: number): HealthChange {
    return this.changesTo(false, this.rules.fall, code, nowMs) ? "down" : undefined;
  }

  /** Checks were switched off: none would bring the backend up or end its drain, so that is done now. */
  checksEnded(nowMs: number): HealthChange {
    const { up, wantsDrain } = this;
    this.changes.count++;
    this.wantsDrain = false;
    this.#checked = false;
    this.contraryChecks = 0;
    if (up && !wantsDrain) return undefined;
    this.code = undefined;
    if (up) return "drain-end";
    this.up = true;
    this.sinceMs = nowMs;
    return "up";
  }

  /** The backend's name is asked for, and has no address yet: it is down meanwhile. */
  awaitsAddress(nowMs: number): void {
    if (!this.up) return;
    this.changes.count++;
    this.up = false;
    this.sinceMs = nowMs;
  }

  /** Nothing is known about it any more: it is down until a check passes, and the first one decides alone. */
  forget(nowMs: number): void {
    this.changes.count++;
    this.up = this.wantsDrain = this.#checked = false;
    this.contraryChecks = 0;
    this.code = undefined;
    this.sinceMs = nowMs;
  }

  /** The name could not be resolved, and never was. */
  unresolved(nowMs: number): HealthChange {
    if (this.code === "DNS") return undefined;
    this.awaitsAddress(nowMs);
    this.setCode("DNS", nowMs);
    return "down";
  }

  /**
   * The name has its first addresses. The first check decides alone whether the backend is up; until then, and without
   * checks, it is what `start` says, as if it had just been configured. After a failure it stays down for the check.
   */
  resolved(isChecked: boolean, nowMs: number): HealthChange {
    const isUp = !isChecked || (this.rules.start === "up" && this.code !== "DNS");
    this.code = undefined;
    this.#checked = false;
    if (!isUp || this.up) return undefined;
    this.changes.count++;
    this.up = true;
    this.sinceMs = nowMs;
    return "up";
  }

  /** Records a failed request. `last`: no other backend is available, so this one is not ejected. */
  requestFailed(code: CheckCode, nowMs: number, last: boolean): HealthChange {
    this.setCode(code, nowMs);
    this.failures++;
    const { ejectAfter } = this.rules;
    const counts = this.up && nowMs >= this.ejectedUntilMs;
    if (last || !counts || ejectAfter === 0 || this.failures < ejectAfter) return undefined;
    // A backend that served for as long as its last ejection starts at the shortest ejection again (Envoy).
    const pastMs = this.ejectedUntilMs + ejectionMs(this.#ejections);
    this.#ejections = nowMs >= pastMs ? 1 : this.#ejections + 1;
    this.ejectedUntilMs = nowMs + ejectionMs(this.#ejections);
    this.changes.count++;
    this.failures = ejectAfter - 1; // after the ejection a single failed request ejects it again
    return "ejected";
  }

  /** Records a request that was answered. */
  requestAnswered(): void {
    this.failures = 0;
  }

  /** The end of the ejection or of the slow start, where one is under way; `Infinity`: no time changes anything. */
  changesAtMs(nowMs: number): number {
    if (this.ejectedUntilMs > nowMs) return this.ejectedUntilMs;
    // The weight grows all the time.
    return this.slowStartFactor(nowMs) < 1 ? nowMs : Number.POSITIVE_INFINITY;
  }

  /** The part of the weight that counts during slow start, up to 1. */
  slowStartFactor(nowMs: number): number {
    const { slowStartMs } = this.rules;
    if (slowStartMs === 0) return 1;
    const ageMs = nowMs - this.#slowStartSinceMs;
    return ageMs >= slowStartMs ? 1 : Math.max(SLOW_START_FACTOR_MIN, ageMs / slowStartMs);
  }

  private setCode(code: CheckCode, nowMs: number): void {
    if (code === this.code) return;
    this.code = code;
    this.codeSinceMs = nowMs;
  }

  /** Records a check's result; true if `limit` of them in a row, or the very first, change `up`. */
  private changesTo(up: boolean, limit: number, code: CheckCode, nowMs: number): boolean {
    this.setCode(code, nowMs);
    const isContrary = up !== this.up;
    const isEnough = isContrary && (++this.contraryChecks >= limit || !this.#checked);
    this.#checked = true;
    if (isContrary && !isEnough) return false;
    this.contraryChecks = 0;
    if (!isContrary) return false;
    this.changes.count++;
    this.up = up;
    this.wantsDrain = false;
    this.sinceMs = nowMs;
    this.failures = 0;
    this.ejectedUntilMs = 0;
    this.#ejections = 0;
    return true;
  }
}

function ejectionMs(ejections: number): number {
  return Math.min(ejections * EJECTION_MS, EJECTION_MAX_MS);
}
