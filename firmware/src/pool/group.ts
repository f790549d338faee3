import type { Backend, OperationalState } from "../backend/backend.ts";
import { STRATEGIES } from "../balancer/strategies.ts";
import type { Strategy, StrategyParts } from "../balancer/strategy.ts";
import type { StrategyName } from "../config/settings.ts";
import type { RoutePattern } from "../http1/route.ts";
import type { Clock } from "../platform.ts";

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

/** A route with the backends that get its requests. */
export interface Route extends RoutePattern {
  readonly group: Group;
}
