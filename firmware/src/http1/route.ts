import { SLASH } from "../net/ascii-codes.ts";
/** Statuses of a redirect to HTTPS. */
export type RedirectStatus = 301 | 308;

/** True if the status of an answer of the proxy, or what a route changes, is a redirect. */
export function isRedirect(status: number | string | undefined): status is RedirectStatus {
  return status === 301 || status === 308;
}

/** Which requests a route is for, and what happens to them. */
export interface RoutePattern {
  /** In lower case: a name, `*.` and the end of names, or `undefined` for every host. */
  readonly host: string | undefined;
  /** The beginning of paths, whole segments only. */
  readonly path: string;
  /** `strip`: the backend shall not see `path`; a status: no backend gets the request, which is redirected. */
  readonly change: "strip" | RedirectStatus | undefined;
}

/** The routes of a configuration, and what of a request they compare. */
export interface Routes<R extends RoutePattern> {
  readonly all: readonly R[];
  readonly comparePaths: boolean;
  readonly compareHosts: boolean;
  /** The route of every request, where nothing is compared. */
  readonly sole: R | undefined;
}

export function routesOf<R extends RoutePattern>(all: readonly R[]): Routes<R> {
  const comparePaths = all.some(({ path }) => path !== "/");
  const compareHosts = all.some(({ host }) => host !== undefined);
  return {
    all,
    comparePaths,
    compareHosts,
    sole: comparePaths || compareHosts ? undefined : all[0],
  };
}

/**
 * The route for a request: an exact host before the longest matching end of one before any; among
 * those the longest path. `undefined` where none matches.
 *
 * `host` is the value of Host with or without a port and a dot at the name's end, `path` a normal path without
 * its query, or what `comparedPath` leaves of it.
 */
export function route<R extends RoutePattern>(
  { all }: Routes<R>,
  host: string,
  path: string,
): R | undefined {
  let name: string | undefined;
  let best: R | undefined;
  let bestRank = -1;
  for (let i = 0; i < all.length; i++) {
    const candidate = all[i];
    let hostRank = 0;
    if (candidate.host !== undefined) {
      name ??= nameOf(host);
      hostRank = rankOfHost(candidate.host, name);
    }
    if (hostRank < 0 || !holds(candidate.path, path)) continue;
    const rank = hostRank * PATH_RANKS + candidate.path.length;
    if (rank <= bestRank) continue;
    best = candidate;
    bestRank = rank;
  }
  return best;
}

/** More than the longest path of a route. */
const PATH_RANKS = 4096;

/** More than the longest name. */
const EXACT = 256;

/** How well a pattern matches a name in lower case: 0 for `*`, the more the better; -1 if it does not. */
export function rankOfServerName(pattern: string, name: string): number {
  return pattern === "*" ? 0 : rankOfHost(pattern, name);
}

function rankOfHost(pattern: string, name: string): number {
  if (!pattern.startsWith("*.")) return pattern === name ? EXACT : -1;
  return name.length > pattern.length - 1 && name.endsWith(pattern.slice(1)) ? pattern.length : -1;
}

/** In lower case, without the port, and without the dot that ends a full name (RFC 3986 section 3.2.2). */
function nameOf(host: string): string {
  const end = nameEnd(host);
  return host.slice(0, endsInDot(host, end) ? end - 1 : end).toLowerCase();
}

/** A Host without the dot that ends a full name. */
export function withoutDot(host: string): string {
  const end = nameEnd(host);
  return endsInDot(host, end) ? host.slice(0, end - 1) + host.slice(end) : host;
}

/** A Host without its port. */
export function withoutPort(host: string): string {
  return host.slice(0, nameEnd(host));
}

function nameEnd(host: string): number {
  const end = host.startsWith("[") ? host.indexOf("]") + 1 : host.indexOf(":");
  return end <= 0 ? host.length : end;
}

function endsInDot(host: string, end: number): boolean {
  return end > 1 && host[end - 1] === ".";
}

function holds(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return prefix === `${path}/`;
  return prefix.endsWith("/") || path.length === prefix.length || path[prefix.length] === "/";
}

/** Where a normal path begins that is left without the route's: at a slash, or at the end where nothing is left. */
export function strippedStart(
  { path: prefix }: RoutePattern,
  path: Uint8Array,
  start: number,
  end: number,
): number {
  let at = start;
  for (let i = 0; i >= 0; i = prefix.indexOf("/", i + 1)) {
    if (i + 1 === prefix.length) break; // a slash at the end begins no segment
    at = path.indexOf(SLASH, at + 1);
    if (at < 0 || at >= end) return end;
  }
  return at;
}
