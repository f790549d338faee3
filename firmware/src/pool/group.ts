import {
  BACKUP,
  type Backend,
  DOWN,
  EJECTED,
  FULL,
  MAINT,
  nameOfExclusions,
  TRIED,
} from "../backend/backend.ts";
import { STRATEGIES } from "../balancer/strategies.ts";
import type { Strategy } from "../balancer/strategy.ts";
import type { StrategyName } from "../config/settings.ts";
import type { RoutePattern } from "../http1/route.ts";
import type { Clock } from "../platform.ts";

/** The parts of the platform that a group needs. */
interface GroupParts {
  readonly clock: Pick<Clock, "now">;
  /** From 0 to less than 1. */
  random(): number;
}

/** The input of a pick besides the backends. */
export interface PickInput {
  /** One bit for each backend tried, by its index. */
  readonly tried: number;
  /** A hash of the client's address. */
  readonly client: number;
  /** The backend that served this client before, where that matters. */
  readonly sticky: Backend | undefined;
}

/** A client stays with its sticky backend unless one of these holds: it may be draining, ejected or a backup. */
const ENDS_STICKINESS = MAINT | DOWN | TRIED;

/** Backends that serve the same requests, and the strategy that chooses among them. */
export class Group {
  /** Position among the groups of its pool. */
  readonly index: number;
  /** Unique in its pool, and the same in the next configuration. */
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly balance: StrategyName;
  readonly strategy: Strategy;
  #clock: Pick<Clock, "now">;
  /** Reused by each pick, so that a pick allocates nothing. */
  #candidates: Backend[] = [];

  constructor(
    backends: readonly Backend[],
    balance: StrategyName,
    parts: GroupParts,
    { index = 0, name = "" } = {},
  ) {
    this.index = index;
    this.name = name;
    this.backends = backends;
    this.balance = balance;
    this.strategy = STRATEGIES[balance](parts.random);
    this.#clock = parts.clock;
  }

  /**
   * The next backend; `"full"` when all that are available have `maxSessions` sessions; `undefined` when none is
   * available.
   *
   * The client's sticky backend comes first. A backup is used only when no other backend is available, and only
   * the first of them. If none is available at all, ejected ones are used as a last resort.
   */
  pick(input: PickInput): Backend | "full" | undefined {
    const nowMs = this.#clock.now();
    const { sticky, tried } = input;
    if (sticky !== undefined && this.backends.includes(sticky)) {
      const reasons = sticky.exclusions(tried, nowMs);
      if ((reasons & ENDS_STICKINESS) === 0) return (reasons & FULL) === 0 ? sticky : "full";
    }
    return (
      this.#choose(input, nowMs, 0) ??
      this.#firstBackup(tried, nowMs) ??
      this.#choose(input, nowMs, BACKUP | EJECTED)
    );
  }

  /** True when no other backend of the group is up, so that none could take over from `backend`. */
  isLastAvailable(backend: Backend, nowMs: number): boolean {
    const { backends } = this;
    const isOtherUp = (one: Backend) => one !== backend && one.operationalState(nowMs) === "up";
    return backends.includes(backend) && !backends.some(isOtherUp);
  }

  /** For the log: the backend's score in a pick now, or why it cannot be picked. */
  explain(backend: Backend, { tried, client }: PickInput): string {
    const nowMs = this.#clock.now();
    const reasons = backend.exclusions(tried, nowMs);
    if (reasons !== 0) {
      const name = nameOfExclusions(reasons);
      return name === "down" ? `down/${backend.health.code ?? "unchecked"}` : name;
    }
    backend.updateEffectiveWeight(nowMs);
    return String(Math.round(this.strategy.score(backend, client, nowMs) * 1000) / 1000);
  }

  /** The strategy's choice among the backends that nothing but `ignored` reasons excludes. */
  #choose(input: PickInput, nowMs: number, ignored: number): Backend | "full" | undefined {
    const candidates = this.#candidates;
    const tried = input.tried;
    const backends = this.backends;
    let count = 0;
    let full = false;
    for (let at = 0; at < backends.length; ++at) {
      const backend = backends[at];
      const reasons = backend.exclusions(tried, nowMs) & ~ignored;
      if (reasons !== 0) {
        if (reasons === FULL) full = true;
        continue;
      }
      backend.updateEffectiveWeight(nowMs);
      candidates[count] = backend;
      ++count;
    }
    candidates.length = count;
    if (count === 0) return full ? "full" : undefined;
    return this.strategy.pick(candidates, input.client, nowMs);
  }

  #firstBackup(tried: number, nowMs: number): Backend | "full" | undefined {
    for (const backend of this.backends) {
      const reasons = backend.exclusions(tried, nowMs);
      if ((reasons & ~FULL) === BACKUP) return reasons === BACKUP ? backend : "full";
    }
    return undefined;
  }
}

/** A route with the backends that get its requests. */
export interface Route extends RoutePattern {
  readonly group: Group;
}
