import type { Backend, OperationalState } from "../backend/backend.ts";
import { STRATEGIES } from "../balancer/strategies.ts";
import type { Strategy, StrategyParts } from "../balancer/strategy.ts";
import type { StrategyName } from "../config/settings.ts";
import type { RoutePattern } from "../http1/route.ts";
import type { Clock } from "../platform.ts";

/** Who asks for a backend. */
export interface PickInput {
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
  pick(input: PickInput): Backend | "full" | undefined {
    const nowMs = this.#clock.now();
    const { sticky } = input;
    if (sticky !== undefined && this.backends.includes(sticky) && keeps(sticky, input, nowMs)) {
      return sticky.full ? "full" : sticky;
    }
    return (
      this.#choose(input, nowMs, false) ??
      this.#firstBackup(input, nowMs) ??
      this.#choose(input, nowMs, true)
    );
  }

  /** Nobody else could take over from `backend`. */
  isLastAvailable(backend: Backend, nowMs: number): boolean {
    const { backends } = this;
    if (!backends.includes(backend)) return false;
    return !backends.some(other => other !== backend && other.operationalState(nowMs) === "up");
  }

  /** What a pick would think of `backend` now: its score, or why it is left out. */
  explain(backend: Backend, input: PickInput): string {
    const nowMs = this.#clock.now();
    const leftOut = whyNot(backend, input, nowMs);
    if (leftOut === "down") return `down/${backend.health.code ?? "unchecked"}`;
    if (leftOut !== undefined) return leftOut;
    backend.updateEffectiveWeight(nowMs);
    return String(Math.round(this.strategy.score(backend, input.client) * 1000) / 1000);
  }

  #choose(input: PickInput, nowMs: number, ejectedToo: boolean): Backend | "full" | undefined {
    const candidates = this.#candidates;
    const tried = input.tried;
    const backends = this.backends;
    let count = 0;
    let full = false;
    for (let at = 0; at < backends.length; ++at) {
      const backend = backends[at];
      if ((tried & (1 << backend.index)) !== 0 || (backend.backup && !ejectedToo)) continue;
      const operationalState = backend.operationalState(nowMs);
      if (operationalState !== "up" && !(ejectedToo && operationalState === "ejected")) continue;
      if (backend.counters.sessions >= backend.maxSessions) {
        full = true;
        continue;
      }
      backend.updateEffectiveWeight(nowMs);
      candidates[count] = backend;
      ++count;
    }
    candidates.length = count;
    if (count === 0) return full ? "full" : undefined;
    return this.strategy.pick(candidates, input.client);
  }

  #firstBackup(input: PickInput, nowMs: number): Backend | "full" | undefined {
    for (const backend of this.backends) {
      if (!backend.backup || backend.operationalState(nowMs) !== "up" || wasTried(input, backend))
        continue;
      return backend.full ? "full" : backend;
    }
    return undefined;
  }
}

function whyNot(backend: Backend, input: PickInput, nowMs: number): LeftOut | undefined {
  const operationalState = backend.operationalState(nowMs);
  if (operationalState !== "up") return operationalState;
  if (wasTried(input, backend)) return "tried";
  if (backend.full) return "full";
  return backend.backup ? "backup" : undefined;
}

function wasTried({ tried }: PickInput, { index }: Backend): boolean {
  return (tried & (1 << index)) !== 0;
}

/** A client stays with its backend while that may serve at all, draining included. */
function keeps(sticky: Backend, input: PickInput, nowMs: number): boolean {
  if (wasTried(input, sticky)) return false;
  const operationalState = sticky.operationalState(nowMs);
  return (
    operationalState === "up" || operationalState === "drain" || operationalState === "ejected"
  );
}

/** A route with the backends that get its requests. */
export interface Route extends RoutePattern {
  readonly group: Group;
}
