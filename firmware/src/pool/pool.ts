import { Backend } from "../backend/backend.ts";
import type { HealthRules } from "../backend/health.ts";
import type { StrategyParts } from "../balancer/strategy.ts";
import type { BackendSettings, StrategyName } from "../config/settings.ts";
import type { Clock } from "../platform.ts";
import { Group } from "./group.ts";

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

/** Who waits for a backend with room. */
export interface Waiter {
  /** There may be room. */
  wake(): void;
}

/** What sessions hold, and who waits for it. */
interface SharedCounts {
  /** Connections to backends, those still being made included. */
  connections: number;
  /** The longest waiting first. */
  readonly waiting: Waiter[];
  waking: boolean;
}

/** All backends, the groups that they serve in, and those who wait for one. */
export class Pool {
  readonly backends: readonly Backend[];
  readonly groups: Group[] = [];
  #parts: StrategyParts & { readonly clock: Clock };
  /** The same for all configurations: their sessions live side by side. */
  #shared: SharedCounts;

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
    this.#shared =
      before === undefined ? { connections: 0, waiting: [], waking: false } : before.#shared;
    this.#parts = parts;
  }

  /** The backends of these names, or all, with a strategy of their own. `name` is the group's. */
  group(balance: StrategyName, names?: readonly string[], name = ""): Group {
    const backends = this.backends.filter(({ name }) => names?.includes(name) ?? true);
    const group = new Group(backends, balance, this.#parts, { index: this.groups.length, name });
    this.groups.push(group);
    return group;
  }

  /** Somewhere nobody else could take over from `backend`. */
  isLastAvailable(backend: Backend, nowMs: number): boolean {
    return this.groups.some(group => group.isLastAvailable(backend, nowMs));
  }

  /** How many wait for a backend with room. */
  get waiting(): number {
    return this.#shared.waiting.length;
  }

  /** Who waits is about to look again: whoever comes now stands behind him. */
  get waking(): boolean {
    return this.#shared.waking;
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

  wait(waiter: Waiter): void {
    this.#shared.waiting.push(waiter);
  }

  stopWaiting(waiter: Waiter): void {
    const { waiting } = this.#shared;
    const place = waiting.indexOf(waiter);
    if (place >= 0) waiting.splice(place, 1);
  }

  /**
   * A backend may have room, or be available again: who waits looks again, the longest waiting first.
   * A turn later, because whoever says so is amid his own work.
   */
  wakeWaiters(): void {
    const shared = this.#shared;
    if (shared.waking || shared.waiting.length === 0) return;
    shared.waking = true;
    this.#parts.clock.after(0, () => {
      shared.waking = false;
      for (const waiter of [...shared.waiting]) waiter.wake();
    });
  }
}
