import type {
  BackendSettings,
  Config,
  ListenerConfig,
  RouteRule,
} from "../../src/config/settings.ts";

/** Backends that serve the same requests or connections: a section of the engine's file. */
export interface ExportedGroup {
  /** Unique; letters, digits and `-`. */
  readonly name: string;
  readonly protocol: "http" | "tcp";
  readonly backends: readonly BackendSettings[];
  /** The route of the group; absent for all backends together. */
  readonly route?: RouteRule | undefined;
}

/** A route with the name of its group, if it has one: one that redirects has none. */
export interface ExportedRoute {
  readonly rule: RouteRule;
  readonly name: string;
  readonly group: ExportedGroup | undefined;
}

/** The document's listeners, routes and backends, as an engine needs them. */
export interface Exported {
  readonly config: Config;
  readonly groups: readonly ExportedGroup[];
  /** Routes for HTTP, the first that matches is right: exact hosts, `*.name` from the longest on, any host; then the longest path. */
  readonly httpRoutes: readonly ExportedRoute[];
  /** Routes for TLS, one for each server name, in the same order. */
  readonly tlsRoutes: readonly { readonly name: string; readonly group: ExportedGroup }[];
  /** Raw TCP in mode `auto`; absent where it has no route. */
  readonly raw: ExportedGroup | undefined;
  /** Listeners in mode `tcp`. */
  readonly everything: ExportedGroup | undefined;
}

const serves = ({ mode }: ListenerConfig, ...modes: readonly string[]) => modes.includes(mode);

export function exportedFrom(config: Config): Exported {
  const { listeners, routes } = config;
  const groups: ExportedGroup[] = [];
  const groupOf = (
    name: string,
    protocol: "http" | "tcp",
    names: readonly string[] | undefined,
    route?: RouteRule,
  ): ExportedGroup => {
    const backends = config.backends.filter(backend => names?.includes(backend.name) ?? true);
    const group = { name, protocol, backends, route };
    groups.push(group);
    return group;
  };
  const hasHttp = listeners.some(listener => serves(listener, "auto", "http"));
  const hasTls = listeners.some(listener => serves(listener, "auto", "tls"));
  const httpRoutes: ExportedRoute[] = [];
  const forHttp = routes.filter(({ sni }) => sni === undefined);
  if (hasHttp && routes.length === 0) {
    const rule = {
      host: undefined,
      path: "/",
      strip: false,
      redirect: undefined,
      sni: undefined,
      backends: undefined,
    };
    httpRoutes.push({ rule, name: "http", group: groupOf("http", "http", undefined, rule) });
  } else if (hasHttp) {
    for (const [index, rule] of [...forHttp].sort(byRank).entries()) {
      const name = `route-${index + 1}`;
      const group =
        rule.redirect === undefined ? groupOf(name, "http", rule.backends, rule) : undefined;
      httpRoutes.push({ rule, name, group });
    }
  }
  const tlsRoutes: { name: string; group: ExportedGroup }[] = [];
  if (hasTls) {
    let count = 0;
    for (const { sni = [], backends } of routes) {
      if (sni.length === 0) continue;
      const group = groupOf(`tls-${++count}`, "tcp", backends);
      for (const name of sni) tlsRoutes.push({ name: name.toLowerCase(), group });
    }
    tlsRoutes.sort((one, other) => rankOfHost(other.name) - rankOfHost(one.name));
  }
  let raw: ExportedGroup | undefined;
  const rawRule = forHttp.find(({ host, path }) => host === undefined && path === "/");
  if (listeners.some(listener => serves(listener, "auto"))) {
    if (routes.length === 0) raw = groupOf("raw", "tcp", undefined);
    else if (rawRule !== undefined && rawRule.redirect === undefined)
      raw = groupOf("raw", "tcp", rawRule.backends);
  }
  const everything = listeners.some(listener => serves(listener, "tcp"))
    ? groupOf("all", "tcp", undefined)
    : undefined;
  return { config, groups, httpRoutes, tlsRoutes, raw, everything };
}

/** More than any path of a route. */
const PATH_RANKS = 4096;

/** More than any name. */
const EXACT = 512;

function byRank(one: RouteRule, other: RouteRule): number {
  return rankOf(other) - rankOf(one);
}

function rankOf({ host, path }: RouteRule): number {
  return (host === undefined ? 0 : rankOfHost(host)) * PATH_RANKS + path.length;
}

/** An exact name before the longest `*.name` before `*`. */
function rankOfHost(pattern: string): number {
  if (pattern === "*") return 0;
  return pattern.startsWith("*.") ? pattern.length : EXACT;
}
