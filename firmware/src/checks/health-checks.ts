import type { Backend } from "../backend/backend.ts";
import type { CheckCode, HealthChange } from "../backend/health.ts";
import type { Observe } from "../config/settings.ts";
import type { Cancel } from "../platform.ts";
import type { Pool } from "../pool/pool.ts";
import { Probe, type ProbeContext, type ProbeRules } from "./probe.ts";

export interface CheckRules extends Omit<ProbeRules, "check"> {
  readonly check: "none" | ProbeRules["check"];
  /** Between two checks of a backend that is what it was. */
  readonly intervalMs: number;
  readonly observe: Observe;
}

/** Between two checks of a backend that seems about to change: HAProxy's fastinter. */
const FAST_INTERVAL_MS = 1000;

/** Between two checks of one that is down: the time doubles up to the maximum. */
const DOWN_INTERVAL_MIN_MS = 2000;
const DOWN_INTERVAL_MAX_MS = 30_000;

/** Part of an interval that chance adds or takes, so that checks do not march in step. */
const JITTER = 0.1;

/** When one backend is asked next. */
interface Due {
  atMs: number;
  /** Of the last check while it is down; 0 while it is not. */
  downIntervalMs: number;
}

/**
 * Keeps the health of all backends: asks one after the other how it is, never two at once, and hears
 * what requests met. Without a network of our own nothing is asked and nothing counts: that a backend
 * cannot be reached then says nothing about it.
 */
export class HealthChecks {
  #context: ProbeContext;
  #pool: Pool;
  #rules: CheckRules;
  #due: Due[];
  #probe: Probe | undefined;
  /** Whose slot the check has that is under way. */
  #occupied: Backend | undefined;
  #alarm: Cancel | undefined;
  #paused = true;

  constructor(context: ProbeContext, pool: Pool, rules: CheckRules) {
    this.#context = context;
    this.#pool = pool;
    this.#rules = rules;
    const count = pool.backends.length;
    this.#due = pool.backends.map((_, index) => ({
      // The first round is spread over one short interval.
      atMs: context.platform.clock.now() + (FAST_INTERVAL_MS * index) / count,
      downIntervalMs: 0,
    }));
  }

  /** The network is there: go on. What is overdue is asked one after the other. */
  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** The network is gone: the check that is under way is forgotten. */
  pause(): void {
    this.#paused = true;
    this.#alarm?.();
    this.#alarm = undefined;
    this.#probe?.cancel();
    this.#probeEnded();
  }

  /** An operator has put a backend into maintenance, or taken it out. */
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

  /** Evidence against it: ask soon. */
  #checkSoon(backend: Backend): void {
    const due = this.#due[backend.index];
    const soonMs = this.#now() + FAST_INTERVAL_MS;
    if (due.atMs <= soonMs) return;
    due.atMs = soonMs;
    this.#schedule();
  }

  /** One alarm for whoever is asked next. */
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
        // Whoever has the slot will tell how it is; nothing can be asked meanwhile.
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

  /** The check that was under way has closed its connection. */
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

  /** Somebody who waits for a backend may be served now. */
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
