import {
  ASLEEP,
  BACKUP,
  type Backend,
  DOWN,
  EJECTED,
  FULL,
  MAINT,
  nameOfExclusions,
  TRIED,
} from "../backend/backend.ts";
import type { Changes } from "../backend/health.ts";
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
const ENDS_STICKINESS = MAINT | ASLEEP | DOWN | TRIED;

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
  /** The backends that can be picked, unless they are full or were tried. */
  #available: Backend[] = [];
  /** One of them has `maxSessions`. */
  #isLimited = false;
  #changes: Changes;
  /** `#available` is right while `#changes` has this count, and until this time. */
  #changesSeen = -1;
  #changesAtMs = 0;
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
    this.#changes = backends[0]?.health.changes ?? { count: 0 };
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
    const sticky = input.sticky;
    if (sticky !== undefined && this.backends.includes(sticky)) {
      const reasons = sticky.exclusions(input.tried, nowMs);
      if ((reasons & ENDS_STICKINESS) === 0) return (reasons & FULL) === 0 ? sticky : "full";
    }
    if (this.#changes.count !== this.#changesSeen || nowMs >= this.#changesAtMs) {
      this.findAvailable(nowMs);
    }
    if (this.#available.length > 0 && !this.#isLimited && input.tried === 0) {
      return this.choose(this.#available, input, nowMs);
    }
    return (
      this.pickAmong(this.#available, input, nowMs, 0) ??
      this.firstBackup(input.tried, nowMs) ??
      this.pickAmong(this.backends, input, nowMs, BACKUP | EJECTED)
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

  /**
   * Finds the backends that nothing excludes but `TRIED` and `FULL`, which each pick has to look at. The others change
   * seldom: so a pick costs as much among 32 backends as among two.
   */
  private findAvailable(nowMs: number): void {
    const available = this.#available;
    const backends = this.backends;
    available.length = 0;
    this.#changesSeen = this.#changes.count;
    this.#changesAtMs = Number.POSITIVE_INFINITY;
    this.#isLimited = false;
    for (let at = 0; at < backends.length; at++) {
      const backend = backends[at];
      this.#changesAtMs = Math.min(this.#changesAtMs, backend.health.changesAtMs(nowMs));
      if ((backend.exclusions(0, nowMs) & ~FULL) !== 0) continue;
      if (backend.maxSessions < Number.POSITIVE_INFINITY) this.#isLimited = true;
      backend.updateEffectiveWeight(nowMs);
      available.push(backend);
    }
  }

  /** The strategy's choice among those of `backends` that nothing but `ignored` reasons excludes. */
  private pickAmong(
    backends: readonly Backend[],
    input: PickInput,
    nowMs: number,
    ignored: number,
  ): Backend | "full" | undefined {
    const candidates = this.#candidates;
    const tried = input.tried;
    let count = 0;
    let full = false;
    for (let at = 0; at < backends.length; ++at) {
      const backend = backends[at];
      const reasons = backend.exclusions(tried, nowMs) & ~ignored;
      if (reasons !== 0) {
        if (reasons === FULL) full = true;
        continue;
      }
      if (ignored !== 0) backend.updateEffectiveWeight(nowMs);
      candidates[count] = backend;
      ++count;
    }
    candidates.length = count;
    if (count === 0) return full ? "full" : undefined;
    return this.choose(candidates, input, nowMs);
  }

  private choose(
    candidates: readonly Backend[],
    input: PickInput,
    nowMs: number,
  ): Backend | undefined {
    const strategy = this.strategy;
    return strategy.pick(candidates, strategy.usesClient ? input.client : 0, nowMs);
  }

  private firstBackup(tried: number, nowMs: number): Backend | "full" | undefined {
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
