import type { HostName } from "../backend/host-name.ts";
import type { Resolved, Resolver } from "../dns/resolver.ts";
import type { Report } from "../log/event.ts";
import type { Cancel, Clock } from "../platform.ts";
import type { IdleConnections } from "../pool/idle-connections.ts";
import type { Pool } from "../pool/pool.ts";
import type { HealthChecks } from "./health-checks.ts";

/** Pause after a failed question; doubled with each further one up to the maximum. */
const RETRY_MIN_MS = 2_000;
const RETRY_MAX_MS = 30_000;

/** The resolver, and the users of the addresses. */
interface BackendNamesParts {
  readonly clock: Clock;
  readonly report: Report;
  readonly resolver: Pick<Resolver, "resolve">;
  readonly pool: Pick<Pool, "backends">;
  readonly checks: Pick<HealthChecks, "resolved" | "unresolved">;
  readonly idle: Pick<IdleConnections, "closeGone">;
}

/**
 * Keeps the addresses of backends' host names up to date: asks for each name anew when its time is up, one at a time.
 * While that fails the last addresses stay in use. While the board has no network nothing is asked.
 */
export class BackendNames {
  #parts: BackendNamesParts;
  #hosts: readonly HostName[];
  #alarm: Cancel | undefined;
  #question: Cancel | undefined;
  #paused = true;

  constructor(parts: BackendNamesParts, hosts: readonly HostName[]) {
    this.#parts = parts;
    this.#hosts = hosts;
    const onDue = () => this.schedule();
    for (const host of hosts) host.onDue = onDue;
  }

  /** The network is up. */
  resume(): void {
    this.#paused = false;
    this.schedule();
  }

  /** The network is down: when it is back, all names are asked for first, because it may be another one. */
  pause(): void {
    this.stop();
    for (const host of this.#hosts) host.dueMs = 0;
  }

  /** Another configuration is active. */
  stop(): void {
    this.#paused = true;
    this.#alarm?.();
    this.#question?.();
    this.#alarm = this.#question = undefined;
  }

  /** Sets the timer for the name that is due next. */
  private schedule(): void {
    if (this.#paused || this.#question !== undefined) return;
    const { clock } = this.#parts;
    let next = this.#hosts[0];
    for (const host of this.#hosts) if (host.dueMs < next.dueMs) next = host;
    this.#alarm?.();
    this.#alarm = clock.after(Math.max(0, next.dueMs - clock.now()), () => {
      this.#alarm = undefined;
      this.#question = this.#parts.resolver.resolve(next.name, result => {
        this.#question = undefined;
        try {
          this.answered(next, result);
        } finally {
          this.schedule();
        }
      });
    });
  }

  private answered(host: HostName, result: Resolved): void {
    const nowMs = this.#parts.clock.now();
    if ("failure" in result) {
      const isFirst = host.failures++ === 0;
      host.failuresTotal++;
      host.failure = result.failure;
      const pauseMs = Math.min(RETRY_MIN_MS * 2 ** (host.failures - 1), RETRY_MAX_MS);
      host.dueMs = nowMs + (host.isUrgent ? RETRY_MIN_MS : pauseMs);
      if (isFirst) this.reportFailure(host, result.failure);
      return;
    }
    const { addresses, ttlMs } = result;
    const before = host.addresses;
    const isSame = hasSame(before, addresses);
    const wasFailing = host.failures > 0;
    host.failures = 0;
    host.failure = undefined;
    host.resolvedAtMs = nowMs;
    host.dueMs = nowMs + ttlMs;
    if (!isSame) host.addresses = addresses;
    if (!isSame || wasFailing) this.reportAddresses(host, ttlMs, before.length === 0);
  }

  private reportFailure(host: HostName, why: string): void {
    const { report, pool, checks } = this.#parts;
    const addresses = host.isUnresolved ? undefined : host.addresses.join();
    for (const backend of pool.backends) {
      if (backend.host !== host) continue;
      const { name } = backend;
      report({
        level: "W",
        on: "backend",
        what: "unresolved",
        name,
        host: host.name,
        why,
        addresses,
      });
      if (host.isUnresolved) checks.unresolved(backend);
    }
  }

  private reportAddresses(host: HostName, ttlMs: number, areFirst: boolean): void {
    const { report, pool, checks, idle } = this.#parts;
    const addresses = host.addresses.join();
    const ttl = Math.round(ttlMs / 1000);
    for (const backend of pool.backends) {
      if (backend.host !== host) continue;
      const { name } = backend;
      report({
        level: "I",
        on: "backend",
        what: "resolved",
        name,
        host: host.name,
        addresses,
        ttl,
      });
      if (areFirst) checks.resolved(backend);
      else idle.closeGone(backend);
    }
  }
}

/** The order does not matter: a DNS server that balances changes it with each answer. */
function hasSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every(one => others.includes(one));
}
