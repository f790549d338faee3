import type { Backend } from "../backend/backend.ts";
import type { CheckCode, HealthChange } from "../backend/health.ts";
import type { Machine } from "../backend/machine.ts";
import type { Cancel } from "../platform.ts";
import type { Pool } from "../pool/pool.ts";
import { type ExpectedResponse, expectedResponse, Probe, type ProbeContext } from "./probe.ts";

/** Interval while results contradict the state: HAProxy's fastinter. */
const FAST_INTERVAL_MS = 1000;

/** Interval while a backend is down; doubled each time up to the maximum. */
const DOWN_INTERVAL_MIN_MS = 2000;
const DOWN_INTERVAL_MAX_MS = 30_000;

/** From the beginning of one check to the next while the backend's machine wakes. */
const WAKING_INTERVAL_MS = 1000;

/**
 * How long a machine that has failed to wake is checked as a backend that is down: it may be ready a little later, or
 * have been switched on by hand. Afterwards it is left alone, as one that is asleep.
 */
const FAILED_CHECKS_MS = 600_000;

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
  /** Expected responses of HTTP checks: one for each object of settings. */
  #expected: ExpectedResponse[] = [];
  #due: Due[];
  #probe: Probe | undefined;
  /** The backend whose only slot the current check occupies. */
  #occupied: Backend | undefined;
  #alarm: Cancel | undefined;
  #paused = true;

  constructor(context: ProbeContext, pool: Pool) {
    this.#context = context;
    this.#pool = pool;
    const count = pool.backends.length;
    this.#due = pool.backends.map((backend, index) => ({
      // The first round of checks is spread over one short interval.
      atMs: backend.isUnresolved
        ? Number.POSITIVE_INFINITY
        : context.platform.clock.now() + (FAST_INTERVAL_MS * index) / count,
      downIntervalMs: 0,
    }));
    for (const machine of pool.machines ?? []) {
      if (machine.checked && machine.state !== "awake") this.setDue(machine);
    }
    for (const backend of pool.backends) {
      if (backend.isUnresolved) {
        // The first failure of a name is reported alone: it may have been in a previous configuration.
        if (backend.host!.failures > 0) this.unresolved(backend);
      } else if (backend.settings.health.check === "none") {
        // A backend of a previous configuration may be down.
        this.reportChange(backend, backend.health.checksEnded(this.now()));
      }
    }
  }

  /** The network is up: overdue checks run one at a time. */
  resume(): void {
    this.#paused = false;
    this.schedule();
  }

  /** The network is down: stops checking and drops the current check. */
  pause(): void {
    this.#paused = true;
    this.#alarm?.();
    this.#alarm = undefined;
    this.#probe?.cancel();
    this.probeEnded();
  }

  /** The host name of a backend has its first addresses: it is checked at once. */
  resolved(backend: Backend): void {
    const due = this.#due[backend.index];
    const nowMs = this.now();
    if (backend.isAsleep) {
      backend.health.forget(nowMs);
      due.atMs = this.dueAtMs(backend, backend.machine!);
    } else {
      const isChecked = backend.settings.health.check !== "none";
      this.reportChange(backend, backend.health.resolved(isChecked, nowMs));
      due.atMs = nowMs;
    }
    this.schedule();
  }

  /** The host name of a backend cannot be resolved, and never was. */
  unresolved(backend: Backend): void {
    this.reportChange(backend, backend.health.unresolved(this.now()));
  }

  /** The only slot of the backend is taken by the current check. */
  occupies(backend: Backend): boolean {
    return this.#occupied === backend;
  }

  /** A machine has changed its state: when its backends are checked depends on that. */
  machineChanged(machine: Machine): void {
    // A machine that is going to sleep may still have answered.
    if (machine.state === "asleep" && this.#probe?.backend.machine === machine) {
      this.#probe.cancel();
      this.probeEnded();
    }
    this.setDue(machine);
    this.schedule();
  }

  private setDue(machine: Machine): void {
    for (const backend of this.#pool.backends) {
      if (backend.machine !== machine || backend.isUnresolved) continue;
      const due = this.#due[backend.index];
      due.downIntervalMs = 0;
      due.atMs = this.dueAtMs(backend, machine);
    }
  }

  /** The time of the first check of a backend after its machine has changed its state. */
  private dueAtMs(backend: Backend, machine: Machine): number {
    const { state, checked, settledAtMs } = machine;
    const atMs = Math.max(this.now(), settledAtMs);
    if (state === "awake" || state === "waking" || !checked) return atMs;
    return atMs + this.intervalMs(backend, this.#due[backend.index]);
  }

  /** A request has failed at the backend. */
  requestFailed(backend: Backend, code: CheckCode): void {
    // `#paused` is also true of a replaced configuration, whose sessions go on: their failures are counted.
    if (this.#context.platform.link.address === undefined) return;
    if (code.startsWith("L4")) backend.host?.suspect(this.now());
    const { observe } = backend.settings.health;
    if (!code.startsWith("L7STS")) backend.counters.failures++;
    else if (observe !== "layer7") return;
    if (this.#paused || observe === "none") return;
    const nowMs = this.now();
    const isLast = this.#pool.isLastAvailable(backend, nowMs);
    this.reportChange(backend, backend.health.requestFailed(code, nowMs, isLast));
    if (backend.health.up) this.checkSoon(this.#due[backend.index], nowMs);
  }

  private checkSoon(due: Due, nowMs: number): void {
    if (due.atMs <= nowMs + FAST_INTERVAL_MS) return;
    due.atMs = nowMs + FAST_INTERVAL_MS;
    this.schedule();
  }

  /** Sets the timer for the check that is due next; also called when an administrative state has changed. */
  schedule(): void {
    if (this.#paused || this.#probe !== undefined) return;
    let next: Backend | undefined;
    let atMs = Number.POSITIVE_INFINITY;
    for (const backend of this.#pool.backends) {
      const due = this.#due[backend.index];
      if (due.atMs >= atMs) continue;
      // A machine that the operator wakes for maintenance is awake when a backend of it is ready.
      if (backend.state === "maint" && backend.machine?.state !== "waking") continue;
      if (backend.settings.health.check === "none") continue;
      next = backend;
      atMs = due.atMs;
    }
    this.#alarm?.();
    this.#alarm = undefined;
    if (next === undefined) return;
    const backend = next;
    this.#alarm = this.#context.platform.clock.after(Math.max(0, atMs - this.now()), () => {
      this.#alarm = undefined;
      this.check(backend);
    });
  }

  private now(): number {
    return this.#context.platform.clock.now();
  }

  private check(backend: Backend): void {
    const due = this.#due[backend.index];
    if (backend.servesOneAtATime) {
      const { counters } = backend;
      if (counters.sessions > 0) {
        // The session that uses its only slot shows whether it works; no check is possible meanwhile.
        due.atMs = this.now() + FAST_INTERVAL_MS;
        this.schedule();
        return;
      }
      counters.sessions++;
      this.#occupied = backend;
    }
    this.#probe = new Probe(this.#context, backend, this.expectedFrom(backend), code => {
      // Checking goes on even if the result has caused an exception.
      try {
        this.probeEnded();
        if (code !== undefined) this.record(backend, code);
      } finally {
        due.atMs = this.now() + this.intervalMs(backend, due);
        this.schedule();
      }
    });
  }

  /** Created for the first check, where the stack is not deep. */
  private expectedFrom({ settings: { health } }: Backend): ExpectedResponse | undefined {
    if (health.check !== "http") return undefined;
    let expected = this.#expected.find(({ of }) => of === health);
    if (expected === undefined) {
      expected = expectedResponse(health, this.#context.platform);
      this.#expected.push(expected);
    }
    return expected;
  }

  /** Records the result of a check. */
  private record(backend: Backend, code: CheckCode): void {
    const { health } = backend;
    const nowMs = this.now();
    const isPass = code === "L4OK" || code === "L6OK" || code.startsWith("L7OK");
    if (isPass && backend.isAsleep && !this.wakes(backend, backend.machine!)) return;
    const change = isPass ? health.passed(code, nowMs) : health.failed(code, nowMs);
    if (code === "L4CON" || code === "L4TOUT") backend.host?.suspect(nowMs);
    this.reportChange(backend, change);
    if (change === "up" && health.wantsDrain) this.reportChange(backend, "drain");
    const { machine } = backend;
    if (machine === undefined) return;
    machine.checked = true;
    if (!health.up) machine.keeper?.checkFailed(machine, code);
  }

  /** A check of a backend passed whose machine was not awake: that is enough, unless it is just going to sleep. */
  private wakes({ health }: Backend, machine: Machine): boolean {
    const nowMs = this.now();
    if (nowMs < machine.settledAtMs) return false;
    health.forget(nowMs);
    machine.keeper?.ready(machine);
    return true;
  }

  /** The current check has closed its connection. */
  private probeEnded(): void {
    this.#probe = undefined;
    const occupied = this.#occupied;
    this.#occupied = undefined;
    if (occupied !== undefined) this.#pool.vacate(occupied);
  }

  private intervalMs(backend: Backend, due: Due): number {
    const { health, settings } = backend;
    let ms = settings.health.intervalMs;
    if (health.up) due.downIntervalMs = 0;
    if (health.contraryChecks > 0) {
      ms = Math.min(ms, FAST_INTERVAL_MS);
    } else if (!health.up) {
      const { machine } = backend;
      const ofMachine = machine && this.machineIntervalMs(backend, machine, due);
      if (ofMachine !== undefined) return ofMachine;
      ms = Math.min(Math.max(due.downIntervalMs * 2, DOWN_INTERVAL_MIN_MS), DOWN_INTERVAL_MAX_MS);
      due.downIntervalMs = ms;
    }
    return ms * (1 + JITTER * (2 * this.#context.platform.random() - 1));
  }

  /**
   * The pause before the next check of a backend, which is down, of `machine`; `Infinity`: it is not checked; `undefined`: it is checked as any
   * backend that is down.
   */
  private machineIntervalMs(backend: Backend, machine: Machine, due: Due): number | undefined {
    const { state, why, sinceMs, answers, settings } = machine;
    const nowMs = this.now();
    if (state === "waking" || backend.isStarting(nowMs)) {
      return Math.max(0, due.atMs + WAKING_INTERVAL_MS - nowMs);
    }
    if (state === "awake") return undefined;
    // A machine that answers runs without its services: no check wakes it.
    const isChecked =
      state === "failed" ? nowMs - sinceMs < FAILED_CHECKS_MS : why === "unreachable" && answers;
    return isChecked ? undefined : settings.asleepCheckMs || Number.POSITIVE_INFINITY;
  }

  /** Logs a change; queued requests may find a backend now. */
  private reportChange({ name, health, counters }: Backend, change: HealthChange): void {
    if (change === undefined) return;
    const isEjection = change === "ejected";
    if (isEjection) counters.ejections++;
    this.#context.report({
      level: change === "up" || change === "drain-end" ? "I" : "W",
      on: "backend",
      what: change,
      name,
      check: health.code,
      forMs: isEjection ? Math.round(health.ejectedUntilMs - this.now()) : undefined,
    });
    this.#pool.queue.wake();
  }
}
