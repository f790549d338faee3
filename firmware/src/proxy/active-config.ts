import type { HostName } from "../backend/host-name.ts";
import type { Machine } from "../backend/machine.ts";
import { BackendNames } from "../checks/backend-names.ts";
import { HealthChecks } from "../checks/health-checks.ts";
import type { Config } from "../config/settings.ts";
import { HeadPool } from "../http1/head-pool.ts";
import { HeadWriter } from "../http1/head-writer.ts";
import { originLines, REWRITE_BYTES } from "../http1/rewrite.ts";
import { isRedirect, route, routesOf } from "../http1/route.ts";
import { Machines } from "../machines/machines.ts";
import { trustedBy } from "../net/address.ts";
import { type Budget, budget } from "../net/connection-budget.ts";
import { Keywords } from "../net/keywords.ts";
import { sipKeyOf } from "../net/sip-hash.ts";
import type { Platform } from "../platform.ts";
import { Explain } from "../pool/explain.ts";
import type { Group, Route } from "../pool/group.ts";
import { IdleConnections } from "../pool/idle-connections.ts";
import { Pool } from "../pool/pool.ts";
import { StickTable } from "../pool/stick-table.ts";
import { StickyCookie } from "../pool/sticky-cookie.ts";
import type { AdmissionState } from "./context.ts";
import { ExchangePool, type HttpContext } from "./exchange-pool.ts";
import { RETRY_DEADLINE_MS } from "./exchange-state.ts";
import { powerButtonsOf, resolverOf, type SharedState } from "./shared-state.ts";
import { TlsRoutes } from "./tls-routes.ts";

/** Heads up to here, which nearly all are, are rewritten by one writer, whose buffer is always there. */
const ORDINARY_HEAD_BYTES = 4_096;

/**
 * Everything that is built from one configuration: backends, their checks, routes, and what its sessions share.
 * Each new configuration builds another one; sessions finish with the one that they began with.
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
  readonly context: HttpContext;
  /** Absent where all backends have IPv4 addresses. */
  declare readonly names: BackendNames | undefined;
  /** Absent where no machine may sleep. */
  declare readonly machines: Machines | undefined;
  #replaced = false;

  constructor(
    shared: SharedState,
    config: Config,
    admission: AdmissionState,
    previous?: ActiveConfig,
  ) {
    const { clock, report } = shared;
    const { stickyKey: secret } = config;
    const stickyKey = secret === undefined ? shared.stickyKey : () => sipKeyOf(secret);
    this.config = config;
    this.budget = budget(shared.platform.connectionsMax, config);

    this.pool = new Pool(config.backends, shared.platform, previous?.pool, config.machines);
    const group = this.pool.group(config.balance);
    const routes = routesOf(routesIn(config, this.pool, group));
    const rawRoute = route(routes, "", "/");
    const heads = new HeadPool(config, shared.longHeadMemory);
    const { platform, scratch } = shared;
    this.checks = new HealthChecks({ platform, scratch, heads, report }, this.pool);
    this.explain = previous?.explain ?? new Explain(report);
    // Another configuration with the same number goes on with what is left, also of the command `explain N`.
    if (config.explain !== previous?.config.explain) this.explain.picksLeft = config.explain;

    this.context = {
      ...shared,
      config,
      admission,
      shouldClose: () => this.#replaced || admission.queued > 0,

      pool: this.pool,
      group,
      rawGroup: isRedirect(rawRoute?.change) ? undefined : rawRoute?.group,
      routes,
      tlsRoutes: tlsRoutesIn(config, this.pool, group),
      checks: this.checks,
      idle: new IdleConnections(clock, report, this.pool.hosts !== undefined),
      backendConnectionsMax: this.budget.sessionsMax,
      retryLimits: { attemptsMax: config.retries + 1, withinMs: RETRY_DEADLINE_MS },
      stickTable: config.sticky === "source" ? new StickTable(clock) : undefined,
      stickyCookie: config.sticky === "cookie" ? new StickyCookie(stickyKey) : undefined,
      explain: this.explain,

      clientKeywords: keywords(shared.platform, config, "client"),
      backendKeywords: keywords(shared.platform, config, "backend"),

      heads,
      exchanges: new ExchangePool(shared.platform),
      writer: new HeadWriter(
        shared.platform,
        Math.min(config.headBytesMax, ORDINARY_HEAD_BYTES) + REWRITE_BYTES,
      ),
      originLines: originLines(shared.pseudonym),
      trusts: trustedBy(config.trustedProxies),
    };
    if (this.pool.machines !== undefined) {
      this.machines = machinesOf(shared, this, this.pool.machines);
      this.context.machines = this.machines;
    }
    if (this.pool.hosts !== undefined) this.names = backendNames(shared, this, this.pool.hosts);
  }

  /**
   * Another configuration is active: no new session comes. Idle connections to backends are closed, those of
   * clients with the next response.
   */
  retire(): void {
    this.#replaced = true;
    this.names?.stop();
    this.checks.pause();
    this.machines?.stop();
    this.context.idle.retire();
  }
}

function routesIn(config: Config, pool: Pool, everything: Group): Route[] {
  const { routes, balance } = config;
  if (routes.length === 0) {
    return [{ host: undefined, path: "/", change: undefined, group: everything }];
  }
  const made: Route[] = [];
  // No `map`: its frame and its function's would lie on the stack below all that makes a group.
  for (const { host: name, path, strip, redirect, sni, backends } of routes) {
    if (sni !== undefined) continue;
    const host = name?.toLowerCase();
    let group = everything;
    if (backends !== undefined) group = pool.group(balance, backends, `${host ?? ""}${path}`);
    made.push({ host, path, change: strip ? "strip" : redirect, group });
  }
  return made;
}

/** `undefined` where no route is for TLS: then it is raw TCP. */
function tlsRoutesIn(config: Config, pool: Pool, everything: Group): TlsRoutes | undefined {
  let made: TlsRoutes | undefined;
  for (const { sni, backends } of config.routes) {
    if (sni === undefined) continue;
    let group = everything;
    if (backends !== undefined) group = pool.group(config.balance, backends, `tls ${sni[0]}`);
    made ??= new TlsRoutes();
    made.add(sni, group);
  }
  return made;
}

/** A function of its own: its variables would lie on the stack below all that makes a configuration. */
function backendNames(
  shared: SharedState,
  { pool, checks, context }: ActiveConfig,
  hosts: readonly HostName[],
): BackendNames {
  const { clock, report } = shared;
  const resolver = resolverOf(shared);
  return new BackendNames({ clock, report, resolver, pool, checks, idle: context.idle }, hosts);
}

/** A function of its own, as `backendNames`. */
function machinesOf(
  shared: SharedState,
  { config, pool, checks, context: { idle } }: ActiveConfig,
  machines: readonly Machine[],
): Machines {
  const { platform, report, scratch } = shared;
  const buttons = powerButtonsOf(shared);
  const startedMs = () => shared.timeOfDay?.startedMs;
  const resolver = () => resolverOf(shared);
  const parts = { platform, report, scratch, pool, checks, idle, buttons, config };
  return new Machines({ ...parts, startedMs, resolver }, machines);
}

/** The keywords of one side. */
function keywords(
  platform: Platform,
  { inspect }: Config,
  side: "client" | "backend",
): Keywords | undefined {
  const rules = inspect.filter(({ from }) => from === side || from === "both");
  return rules.length > 0 ? new Keywords(rules, platform) : undefined;
}
