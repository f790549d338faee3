import { Backend, type BackendSettings, type OperationalState } from "../backend/backend.ts";
import type { HealthRules } from "../backend/health.ts";
import {
  STRATEGIES,
  type Strategy,
  type StrategyName,
  type StrategyParts,
} from "../balancer/strategy.ts";
import type { Clock } from "../platform.ts";

/** Backends that a pool may hold: a session remembers those it tried in the bits of one integer. */
export const BACKENDS_MAX = 32;

/** Who asks for a backend. */
export interface Asker {
  /** One bit for each backend tried, by its index. */
  readonly tried: number;
  /** A hash of the client's address. */
  readonly client: number;
  /** The backend that served this client before, where that matters. */
  readonly sticky: Backend | undefined;
}

/** Why a backend is left out of a pick. */
export type LeftOut = Exclude<OperationalState, "up"> | "tried" | "full" | "backup";

/** Backends that serve the same, and who of them is next. */
export class Group {
  /** Its place among the groups of its pool. */
  readonly index: number;
  /** Tells it from the others of its pool, in the next configuration as in this one. */
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly balance: StrategyName;
  readonly strategy: Strategy;
  #clock: Pick<Clock, "now">;
  /** Filled anew by each pick, so that a pick allocates nothing. */
  #candidates: Backend[] = [];

  constructor(
    backends: readonly Backend[],
    balance: StrategyName,
    parts: StrategyParts,
    { index = 0, name = "" } = {},
  ) {
    this.index = index;
    this.name = name;
    this.backends = backends;
    this.balance = balance;
    this.strategy = STRATEGIES[balance](parts);
    this.#clock = parts.clock;
  }

  /**
   * The next backend. `"full"`: there are some, and all of them serve as many as they may; `undefined`
   * when there is none.
   *
   * The backend that served the client before comes first, where it is one of the group.
   *
   * A backup comes in when no other backend is available, and only the first of them. One that was
   * ejected comes in before nobody does.
   */
  pick(asker: Asker): Backend | "full" | undefined {
    const nowMs = this.#clock.now();
    const { sticky } = asker;
    if (sticky !== undefined && this.backends.includes(sticky) && keeps(sticky, asker, nowMs)) {
      return sticky.full ? "full" : sticky;
    }
    return (
      this.#choose(asker, nowMs, false) ??
      this.#firstBackup(asker, nowMs) ??
      this.#choose(asker, nowMs, true)
    );
  }

  /** Nobody else could take over from `backend`. */
  onlyHas(backend: Backend, nowMs: number): boolean {
    const { backends } = this;
    if (!backends.includes(backend)) return false;
    return !backends.some(other => other !== backend && other.operationalState(nowMs) === "up");
  }

  /** What a pick would think of `backend` now: its score, or why it is left out. */
  explain(backend: Backend, asker: Asker): string {
    const nowMs = this.#clock.now();
    const leftOut = whyNot(backend, asker, nowMs);
    if (leftOut === "down") return `down/${backend.health.code ?? "unchecked"}`;
    if (leftOut !== undefined) return leftOut;
    backend.warm(nowMs);
    return String(Math.round(this.strategy.score(backend, asker.client) * 1000) / 1000);
  }

  #choose(asker: Asker, nowMs: number, ejectedToo: boolean): Backend | "full" | undefined {
    const candidates = this.#candidates;
    const tried = asker.tried;
    const backends = this.backends;
    let count = 0;
    let full = false;
    for (let at = 0; at < backends.length; ++at) {
      const backend = backends[at];
      if ((tried & (1 << backend.index)) !== 0 || (backend.backup && !ejectedToo)) continue;
      const operationalState = backend.operationalState(nowMs);
      if (operationalState !== "up" && !(ejectedToo && operationalState === "ejected")) continue;
      if (backend.load.sessions >= backend.maxSessions) {
        full = true;
        continue;
      }
      backend.warm(nowMs);
      candidates[count] = backend;
      ++count;
    }
    candidates.length = count;
    if (count === 0) return full ? "full" : undefined;
    return this.strategy.pick(candidates, asker.client);
  }

  #firstBackup(asker: Asker, nowMs: number): Backend | "full" | undefined {
    for (const backend of this.backends) {
      if (!backend.backup || backend.operationalState(nowMs) !== "up" || wasTried(asker, backend))
        continue;
      return backend.full ? "full" : backend;
    }
    return undefined;
  }
}

function whyNot(backend: Backend, asker: Asker, nowMs: number): LeftOut | undefined {
  const operationalState = backend.operationalState(nowMs);
  if (operationalState !== "up") return operationalState;
  if (wasTried(asker, backend)) return "tried";
  if (backend.full) return "full";
  return backend.backup ? "backup" : undefined;
}

function wasTried({ tried }: Asker, { index }: Backend): boolean {
  return (tried & (1 << index)) !== 0;
}

/** A client stays with its backend while that may serve at all, draining included. */
function keeps(sticky: Backend, asker: Asker, nowMs: number): boolean {
  if (wasTried(asker, sticky)) return false;
  const operationalState = sticky.operationalState(nowMs);
  return (
    operationalState === "up" || operationalState === "drain" || operationalState === "ejected"
  );
}

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
interface Held {
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
  #held: Held;

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
    this.#held =
      before === undefined ? { connections: 0, waiting: [], waking: false } : before.#held;
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
  last(backend: Backend, nowMs: number): boolean {
    return this.groups.some(group => group.onlyHas(backend, nowMs));
  }

  /** How many wait for a backend with room. */
  get waiting(): number {
    return this.#held.waiting.length;
  }

  /** Who waits is about to look again: whoever comes now stands behind him. */
  get waking(): boolean {
    return this.#held.waking;
  }

  /** Connections that sessions hold to backends, those still being made included. */
  get connections(): number {
    return this.#held.connections;
  }

  /** A session has picked `backend` and goes to connect to it. */
  acquire(backend: Backend): void {
    const { load } = backend;
    load.sessions++;
    load.sessionsTotal++;
    this.#held.connections++;
  }

  /** The session has left it: its connection is closed, or kept. */
  release(backend: Backend): void {
    this.#held.connections--;
    if (backend.maxSessions === 1) {
      this.vacate(backend);
      return;
    }
    backend.load.sessions--;
    this.changed();
  }

  /** A check takes the only slot of `backend`, as a session does; `vacate` gives it back. */
  occupy(backend: Backend): void {
    backend.load.sessions++;
  }

  /** The only slot of `backend` is free again, after the pause that it needs between two connections. */
  vacate(backend: Backend): void {
    const free = () => {
      backend.load.sessions--;
      this.changed();
    };
    if (backend.settleMs === 0) free();
    else this.#parts.clock.after(backend.settleMs, free);
  }

  wait(waiter: Waiter): void {
    this.#held.waiting.push(waiter);
  }

  leave(waiter: Waiter): void {
    const { waiting } = this.#held;
    const place = waiting.indexOf(waiter);
    if (place >= 0) waiting.splice(place, 1);
  }

  /**
   * A backend may have room, or be available again: who waits looks again, the longest waiting first.
   * A turn later, because whoever says so is amid his own work.
   */
  changed(): void {
    const held = this.#held;
    if (held.waking || held.waiting.length === 0) return;
    held.waking = true;
    this.#parts.clock.after(0, () => {
      held.waking = false;
      for (const waiter of [...held.waiting]) waiter.wake();
    });
  }
}
