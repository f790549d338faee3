import { HealthChecks } from "../checks/health-checks.ts";
import { statusRanges } from "../config/config.ts";
import type { Config } from "../config/settings.ts";
import { HeadPool, type LongHeadMemory } from "../http1/head-pool.ts";
import { REWRITE_BYTES } from "../http1/rewrite.ts";
import { route, routesOf } from "../http1/route.ts";
import type { Report } from "../log/event.ts";
import type { Traffic } from "../log/traffic.ts";
import { trustedBy } from "../net/address.ts";
import { type Budget, budget } from "../net/connection-budget.ts";
import type { Deadlines } from "../net/deadlines.ts";
import { Keywords } from "../net/keywords.ts";
import { type SipKey, sipKeyOf } from "../net/sip-hash.ts";
import type { Platform } from "../platform.ts";
import { Explain } from "../pool/explain.ts";
import type { Group, Route } from "../pool/group.ts";
import { IdleConnections } from "../pool/idle-connections.ts";
import { Pool } from "../pool/pool.ts";
import { StickTable } from "../pool/stick-table.ts";
import { StickyCookie } from "../pool/sticky-cookie.ts";
import { ascii } from "../text/ascii.ts";
import type { Refusals } from "./connector.ts";
import type { Session, SessionContext } from "./session.ts";

/** Heads up to here, which nearly all are, are rewritten in one buffer that is always there. */
const ORDINARY_HEAD_BYTES = 4_096;

/** What outlasts a change of the configuration. */
export interface SharedState {
  readonly platform: Platform;
  readonly report: Report;
  /** One piece of bytes on its way; see `SCRATCH_BYTES`. */
  readonly scratch: Uint8Array;
  readonly deadlines: Deadlines;
  /** 32 bits, different at each start. It is told to everybody, in Via and in X-Request-Id. */
  readonly boot: number;
  readonly refusals: Refusals;
  /** What cookies are hashed with where the configuration has no key: different at each start, told to nobody. */
  readonly stickyKey: () => SipKey;
  readonly traffic: Traffic;
  /** What long heads hold. */
  readonly longHeadMemory: LongHeadMemory;
  /** Clients wait for a slot. */
  clientsQueued(): boolean;
  requestId(): string;
  ended(session: Session): void;
}

/**
 * All that one configuration makes: backends, their checks, routes, and what its sessions share. A new
 * configuration makes a new one; sessions stay with the one that they began with.
 *
 * A backend that is in both, by name, address and port, stays what it is: its health, its latency and
 * the sessions that it has.
 */
export class ActiveConfig {
  readonly config: Config;
  readonly budget: Budget;
  readonly pool: Pool;
  readonly checks: HealthChecks;
  readonly explain: Explain;
  readonly context: SessionContext;
  #shared: SharedState;
  #retired = false;

  constructor(shared: SharedState, config: Config, before?: ActiveConfig) {
    const { platform, report, scratch, deadlines } = shared;
    this.#shared = shared;
    this.config = config;
    this.budget = budget(platform.connectionsMax, config);
    this.pool = new Pool(config.backends, config.health, platform, before?.pool);
    const heads = new HeadPool(config, shared.longHeadMemory);
    this.checks = this.#healthChecks(heads);
    this.explain = new Explain(report);
    this.explain.picksLeft = config.explain;
    const group = this.pool.group(config.balance);
    const routes = routesOf(this.#routes(group));
    const rawGroup = route(routes, "", "/")?.group;
    const pseudonym = `hot-potato-${hexadecimal(shared.boot)}`;
    this.context = {
      platform,
      config,
      pool: this.pool,
      group,
      rawGroup,
      routes,
      checks: this.checks,
      idle: new IdleConnections(platform.clock, report),
      stickTable: config.sticky === "source" ? new StickTable(platform.clock) : undefined,
      stickyCookie: this.#stickyCookie(),
      explain: this.explain,
      backendConnectionsMax: this.budget.sessionsMax,
      scratch,
      deadlines,
      clientsQueued: shared.clientsQueued,
      headBuffer: new Uint8Array(
        Math.min(config.headBytesMax, ORDINARY_HEAD_BYTES) + REWRITE_BYTES,
      ),
      pseudonym,
      heads,
      signature: ascii(`${pseudonym}\r\n`),
      trusts: trustedBy(config.trustedProxies),
      shouldClose: () => this.#retired || shared.clientsQueued(),
      requestId: shared.requestId,
      clientKeywords: this.#keywords("client"),
      backendKeywords: this.#keywords("backend"),
      report,
      refusals: shared.refusals,
      traffic: shared.traffic,
      ended: shared.ended,
    };
  }

  /** No new session comes. Kept connections are let go; clients that keep theirs, at the next answer. */
  retire(): void {
    this.#retired = true;
    this.checks.pause();
    this.context.idle.retire();
  }

  #keywords(side: "client" | "backend"): Keywords | undefined {
    const { inspect } = this.config;
    const rules = inspect.filter(({ from }) => from === side || from === "both");
    return rules.length > 0 ? new Keywords(rules, this.#shared.platform.findKeyword) : undefined;
  }

  #routes(everything: Group): Route[] {
    const { routes, balance } = this.config;
    if (routes.length === 0) {
      return [{ host: undefined, path: "/", strip: false, group: everything }];
    }
    const made: Route[] = [];
    // No `map`: it and its function would stand on the stack below all that makes a group.
    for (const { host: name, path, strip, backends } of routes) {
      const host = name?.toLowerCase();
      let group = everything;
      if (backends !== undefined)
        group = this.pool.group(balance, backends, `${host ?? ""}${path}`);
      made.push({ host, path, strip, group });
    }
    return made;
  }

  #healthChecks(heads: HeadPool): HealthChecks {
    const { health } = this.config;
    const { platform, scratch, report } = this.#shared;
    const { body } = health;
    return new HealthChecks({ platform, scratch, heads, report }, this.pool, {
      ...health,
      status: statusRanges(health.status),
      body:
        body === undefined
          ? undefined
          : new Keywords([{ keyword: body, match: "anywhere", in: "any" }], platform.findKeyword),
    });
  }

  #stickyCookie(): StickyCookie | undefined {
    const { sticky, stickyKey } = this.config;
    if (sticky !== "cookie") return undefined;
    if (stickyKey === undefined) return new StickyCookie(this.#shared.stickyKey);
    return new StickyCookie(() => sipKeyOf(stickyKey));
  }
}

export function hexadecimal(bits: number): string {
  return bits.toString(16).padStart(8, "0");
}
