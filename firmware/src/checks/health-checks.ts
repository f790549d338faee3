import type { Backend } from "../backend/backend.ts";
import type { CheckCode, HealthChange } from "../backend/health.ts";
import type { Observe } from "../config/settings.ts";
import type { Cancel } from "../platform.ts";
import type { Pool } from "../pool/pool.ts";
import { Probe, type ProbeContext, type ProbeRules } from "./probe.ts";

export interface CheckRules extends Omit<ProbeRules, "check"> {
  readonly check: "none" | ProbeRules["check"];
  /** Between two checks of a backend whose state is stable. */
  readonly intervalMs: number;
  readonly observe: Observe;
}

/** Between two checks while results contradict the state: HAProxy's fastinter. */
const FAST_INTERVAL_MS = 1000;

/** Between two checks of a backend that is down; doubled each time up to the maximum. */
const DOWN_INTERVAL_MIN_MS = 2000;
const DOWN_INTERVAL_MAX_MS = 30_000;

/** Random jitter, ±10 % of the interval, so that checks do not synchronize. */
const JITTER = 0.1;

/** When a backend is checked next. */
interface Due {
  atMs: number;
  /** The last interval while the backend is down; 0 while it is up. */
  downIntervalMs: number;
}

/**
 * Updates the health of all backends: runs one check at a time and records failed requests. While the board itself has
 * no network, checks are paused and failures ignored, because they say nothing about a backend.
 */
export class HealthChecks {
  #context: ProbeContext;
  #pool: Pool;
  #rules: CheckRules;
  #due: Due[];
  #probe: Probe | undefined;
  /** The backend whose only slot the current check occupies. */
  #occupied: Backend | undefined;
  #alarm: Cancel | undefined;
  #paused = true;

  constructor(context: ProbeContext, pool: Pool, rules: CheckRules) {
    this.#context = context;
    this.#pool = pool;
    this.#rules = rules;
    const count = pool.backends.length;
    this.#due = pool.backends.map((_, index) => ({
      // The first round of checks is spread over one short interval.
      atMs: context.platform.clock.now() + (FAST_INTERVAL_MS * index) / count,
      downIntervalMs: 0,
    }));
  }

  /** The network is up: overdue checks run one at a time. */
  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** The network is down: stops checking and drops the current check. */
  pause(): void {
    this.#paused = true;
    this.#alarm?.();
    this.#alarm = undefined;
    this.#probe?.cancel();
    this.#probeEnded();
  }

  /** Called when the administrative state of a backend has changed. */
  reschedule(): void {
    this.#schedule();
  }

  /** A request met something that a sound backend does not do. */
  requestFailed(backend: Backend, code: CheckCode): void {
    const { observe } = this.#rules;
    if (!code.startsWith("L7STS")) backend.counters.failures++;
    if (this.#paused || observe === "none") return;
    if (code.startsWith("L7STS") && observe !== "layer7") return;
    const nowMs = this.#now();
    this.#reportChange(
      backend,
      backend.health.requestFailed(code, nowMs, this.#pool.isLastAvailable(backend, nowMs)),
    );
    if (backend.health.up) this.#checkSoon(backend);
  }

  requestAnswered(backend: Backend): void {
    backend.health.requestAnswered();
  }

  #now(): number {
    return this.#context.platform.clock.now();
  }

  /** Checks a backend soon, because a request failed. */
  #checkSoon(backend: Backend): void {
    const due = this.#due[backend.index];
    const soonMs = this.#now() + FAST_INTERVAL_MS;
    if (due.atMs <= soonMs) return;
    due.atMs = soonMs;
    this.#schedule();
  }

  /** Sets the timer for the check that is due next. */
  #schedule(): void {
    if (this.#paused || this.#probe !== undefined || this.#rules.check === "none") return;
    let first: Backend | undefined;
    for (const backend of this.#pool.backends) {
      if (backend.state === "maint") continue;
      if (first === undefined || this.#due[backend.index].atMs < this.#due[first.index].atMs) {
        first = backend;
      }
    }
    this.#alarm?.();
    this.#alarm = undefined;
    if (first === undefined) return;
    const next = first;
    const waitMs = Math.max(0, this.#due[next.index].atMs - this.#now());
    this.#alarm = this.#context.platform.clock.after(waitMs, () => {
      this.#alarm = undefined;
      this.#check(next);
    });
  }

  #check(backend: Backend): void {
    const { check, ...rules } = this.#rules;
    if (check === "none") return;
    if (backend.servesOneAtATime) {
      if (backend.full) {
        // The session in its only slot will show its health; no check is possible meanwhile.
        this.#due[backend.index].atMs = this.#now() + FAST_INTERVAL_MS;
        this.#schedule();
        return;
      }
      this.#pool.occupy(backend);
      this.#occupied = backend;
    }
    this.#probe = new Probe(this.#context, backend, { ...rules, check }, code => {
      this.#probeEnded();
      if (code !== undefined) this.#judge(backend, code);
      this.#due[backend.index].atMs = this.#now() + this.#intervalMs(backend);
      this.#schedule();
    });
  }

  /** The current check has closed its connection. */
  #probeEnded(): void {
    this.#probe = undefined;
    if (this.#occupied !== undefined) this.#pool.vacate(this.#occupied);
    this.#occupied = undefined;
  }

  #judge(backend: Backend, code: CheckCode): void {
    const { health } = backend;
    const passed = code.startsWith("L4OK") || code.startsWith("L7OK");
    const nowMs = this.#now();
    this.#reportChange(backend, passed ? health.passed(code, nowMs) : health.failed(code, nowMs));
  }

  #intervalMs({ index, health }: Backend): number {
    const due = this.#due[index];
    const { intervalMs } = this.#rules;
    let ms = intervalMs;
    if (health.contraryChecks > 0) {
      ms = Math.min(intervalMs, FAST_INTERVAL_MS);
    } else if (!health.up) {
      due.downIntervalMs = Math.min(
        Math.max(due.downIntervalMs * 2, DOWN_INTERVAL_MIN_MS),
        DOWN_INTERVAL_MAX_MS,
      );
      ms = due.downIntervalMs;
    }
    if (health.up) due.downIntervalMs = 0;
    return ms * (1 + JITTER * (2 * this.#context.platform.random() - 1));
  }

  /** Logs a change; queued requests may find a backend now. */
  #reportChange(backend: Backend, change: HealthChange): void {
    if (change === undefined) return;
    const { health, name } = backend;
    const { code, ejectedUntilMs } = health;
    if (change === "ejected") backend.counters.ejections++;
    const level = change === "up" || change === "drain-end" ? "I" : "W";
    const forMs = change === "ejected" ? Math.round(ejectedUntilMs - this.#now()) : undefined;
    this.#context.report({ level, on: "backend", what: change, name, check: code, forMs });
    this.#pool.wakeWaiters();
  }
}
