import { Backend } from "../backend/backend.ts";
import type { HealthRules } from "../backend/health.ts";
import type { StrategyParts } from "../balancer/strategy.ts";
import type { BackendSettings, StrategyName } from "../config/settings.ts";
import type { Clock } from "../platform.ts";
import { Group } from "./group.ts";
import { BackendQueue } from "./queue.ts";

function isSame(backend: Backend, { name, address, port }: BackendSettings): boolean {
  return backend.name === name && backend.address === address && backend.port === port;
}

/**
 * What `settings`, which are among `all`, had been `before`: the same server by another name, or else the same
 * name at another address, where the new configuration does not have that elsewhere.
 */
function movedFrom(
  before: readonly Backend[],
  settings: BackendSettings,
  all: readonly BackendSettings[],
): Backend | undefined {
  const isAt = (backend: Backend, { address, port }: BackendSettings) =>
    backend.address === address && backend.port === port;
  const renamed = before.find(
    backend => isAt(backend, settings) && !all.some(other => isSame(backend, other)),
  );
  return (
    renamed ??
    before.find(
      backend => backend.name === settings.name && !all.some(other => isAt(backend, other)),
    )
  );
}

/** All backends, the groups that they serve in, and the queue for one with room. */
export class Pool {
  readonly backends: readonly Backend[];
  readonly groups: Group[] = [];
  readonly queue: BackendQueue;
  #parts: StrategyParts & { readonly clock: Clock };
  /** Counted for all configurations together, whose sessions live side by side. */
  #shared: { connections: number };

  constructor(
    settings: readonly BackendSettings[],
    rules: HealthRules,
    parts: StrategyParts & { readonly clock: Clock },
    before?: Pool,
  ) {
    this.backends = settings.map((backend, index) => {
      const same = before?.backends.find(other => isSame(other, backend));
      const moved = same ?? (before && movedFrom(before.backends, backend, settings));
      return new Backend(index, backend, rules, same, moved);
    });
    this.queue = before?.queue ?? new BackendQueue(parts.clock);
    this.#shared = before === undefined ? { connections: 0 } : before.#shared;
    this.#parts = parts;
  }

  /** The backends of these names, or all, with a strategy of their own. `name` is the group's. */
  group(balance: StrategyName, names?: readonly string[], name = ""): Group {
    const backends = this.backends.filter(({ name }) => names?.includes(name) ?? true);
    const group = new Group(backends, balance, this.#parts, { index: this.groups.length, name });
    this.groups.push(group);
    return group;
  }

  /** In some group no other backend is available to take over from `backend`. */
  isLastAvailable(backend: Backend, nowMs: number): boolean {
    return this.groups.some(group => group.isLastAvailable(backend, nowMs));
  }

  /** Connections that sessions hold to backends, those still being made included. */
  get connections(): number {
    return this.#shared.connections;
  }

  /** A session has picked `backend` and goes to connect to it. */
  acquire(backend: Backend): void {
    const { counters } = backend;
    counters.sessions++;
    counters.sessionsTotal++;
    this.#shared.connections++;
  }

  /** The session has left it: its connection is closed, or kept. */
  release(backend: Backend): void {
    this.#shared.connections--;
    if (backend.maxSessions === 1) {
      this.vacate(backend);
      return;
    }
    backend.counters.sessions--;
    this.wakeWaiters();
  }

  /** A check takes the only slot of `backend`, as a session does; `vacate` gives it back. */
  occupy(backend: Backend): void {
    backend.counters.sessions++;
  }

  /** The only slot of `backend` is free again, after the pause that it needs between two connections. */
  vacate(backend: Backend): void {
    const free = () => {
      backend.counters.sessions--;
      this.wakeWaiters();
    };
    if (backend.settleMs === 0) free();
    else this.#parts.clock.after(backend.settleMs, free);
  }

  /** A backend may have room, or be available again. */
  wakeWaiters(): void {
    this.queue.wake();
  }
}
