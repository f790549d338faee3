/**
 * What a check, or a request that served as one, found out: HAProxy's codes. `L4` is the connection,
 * `L7` the answer; the status stands behind the slash.
 */
export type CheckCode =
  | "L4OK"
  | "L4CON"
  | "L4TOUT"
  | "L7OK"
  | `L7OK/${number}`
  | `L7OKC/${number}`
  | "L7RSP"
  | "L7TOUT"
  | `L7STS/${number}`;

/** How many verdicts it takes. */
export interface HealthRules {
  /** Checks in a row that bring a backend back. */
  readonly rise: number;
  /** Checks in a row that take it out. */
  readonly fall: number;
  readonly start: "up" | "down";
  /** Requests in a row that fail before a backend is ejected; 0 never ejects. */
  readonly ejectAfter: number;
  /** How long its share grows back after it was down. */
  readonly slowStartMs: number;
}

/** What has changed with a verdict, where something has. */
export type HealthChange = "up" | "down" | "ejected" | "drain" | "drain-end" | undefined;

/** The first ejection lasts so long, the second in a row twice as long, and so on: Envoy's rule. */
export const EJECTION_MS = 10_000;
export const EJECTION_MAX_MS = 120_000;

/** Of its weight, a backend begins to serve with so much: with nothing it would never warm up. */
const SLOW_START_FACTOR_MIN = 0.1;

/**
 * Counts what checks and requests found out about one backend, and says whether it may serve. Pure
 * counting: it asks nobody and keeps no alarm.
 *
 * Checks decide over up and down, in a row of `rise` or `fall`; the very first verdict decides alone.
 * Requests can only eject, for a while that grows each time, and that ends by itself: a check that
 * connects does not see what makes requests fail.
 */
export class Health {
  up: boolean;
  /** The last verdict of a check or of a failed request, and since when it is that. */
  code: CheckCode | undefined;
  codeSinceMs = 0;
  /** Since when it is up or down. */
  sinceMs = 0;
  /** Answered its last check with 404: no new sessions, please. */
  wantsDrain = false;
  /** Checks in a row that speak against what it is. */
  contraryChecks = 0;
  /** Requests in a row that failed. */
  failures = 0;
  /** Not picked before then. */
  ejectedUntilMs = 0;
  /** Of the current configuration. */
  rules: HealthRules;
  #checked = false;
  /** Ejections in a row. */
  #ejections = 0;
  /** When it came up after it was down. */
  #slowStartSinceMs = Number.NEGATIVE_INFINITY;

  constructor(rules: HealthRules) {
    this.rules = rules;
    this.up = rules.start === "up";
  }

  /** A check was passed. */
  passed(code: CheckCode, nowMs: number): HealthChange {
    this.#setCode(code, nowMs);
    const wantedDrain = this.wantsDrain;
    this.wantsDrain = code.startsWith("L7OKC");
    if (!this.up && this.#countContrary(this.rules.rise)) {
      if (this.#checked) this.#slowStartSinceMs = nowMs;
      return this.#changeTo("up", nowMs);
    }
    if (this.up) this.#endContrary();
    if (wantedDrain === this.wantsDrain) return undefined;
    return this.wantsDrain ? "drain" : "drain-end";
  }

  /** A check was failed. */
  failed(code: CheckCode, nowMs: number): HealthChange {
    this.#setCode(code, nowMs);
    if (this.up && this.#countContrary(this.rules.fall)) return this.#changeTo("down", nowMs);
    if (!this.up) this.#endContrary();
    return undefined;
  }

  /**
   * A request failed that the backend should have answered. `last`: there is nobody else, so it is
   * not ejected whatever happens.
   */
  requestFailed(code: CheckCode, nowMs: number, last: boolean): HealthChange {
    this.#setCode(code, nowMs);
    this.failures++;
    const { ejectAfter } = this.rules;
    const counts = this.up && nowMs >= this.ejectedUntilMs;
    if (last || !counts || ejectAfter === 0 || this.failures < ejectAfter) return undefined;
    // Who has served as long as he was out has made up for it.
    const pastMs = this.ejectedUntilMs + ejectionMs(this.#ejections);
    this.#ejections = nowMs >= pastMs ? 1 : this.#ejections + 1;
    this.ejectedUntilMs = nowMs + ejectionMs(this.#ejections);
    this.failures = ejectAfter - 1; // when it is back, the first request decides
    return "ejected";
  }

  /** A request was answered as it should be. */
  requestAnswered(): void {
    this.failures = 0;
  }

  /** How much of its weight counts now, up to 1: it grows after the backend was down. */
  slowStartFactor(nowMs: number): number {
    const { slowStartMs } = this.rules;
    const ageMs = nowMs - this.#slowStartSinceMs;
    return ageMs >= slowStartMs ? 1 : Math.max(SLOW_START_FACTOR_MIN, ageMs / slowStartMs);
  }

  #setCode(code: CheckCode, nowMs: number): void {
    if (code === this.code) return;
    this.code = code;
    this.codeSinceMs = nowMs;
  }

  /** Another one that speaks against what it is: is it enough? */
  #countContrary(limit: number): boolean {
    return ++this.contraryChecks >= limit || !this.#checked;
  }

  #changeTo(what: "up" | "down", nowMs: number): HealthChange {
    this.up = what === "up";
    this.sinceMs = nowMs;
    this.failures = 0;
    this.ejectedUntilMs = 0;
    this.#ejections = 0;
    this.#endContrary();
    return what;
  }

  #endContrary(): void {
    this.contraryChecks = 0;
    this.#checked = true;
  }
}

function ejectionMs(ejections: number): number {
  return Math.min(ejections * EJECTION_MS, EJECTION_MAX_MS);
}
