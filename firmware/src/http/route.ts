import type { Group } from "../backend/pool.ts";

/** Which requests a group of backends gets. */
export interface Route {
  /** In lower case: a name, `*.` and the end of names, or `undefined` for every host. */
  readonly host: string | undefined;
  /** The beginning of paths, whole segments only. */
  readonly path: string;
  /** The backend shall not see `path`. */
  readonly strip: boolean;
  readonly group: Group;
}

/**
 * The route for a request: an exact host before the longest matching end of one before any; among
 * those the longest path. `undefined` where none matches.
 *
 * `host` is the value of Host with or without a port and a dot at the name's end, `path` a target without
 * its query.
 */
export function route(routes: readonly Route[], host: string, path: string): Route | undefined {
  let name: string | undefined;
  let best: Route | undefined;
  let bestRank = -1;
  for (const candidate of routes) {
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

function rankOfHost(pattern: string, name: string): number {
  if (!pattern.startsWith("*.")) return pattern === name ? EXACT : -1;
  return name.length > pattern.length - 1 && name.endsWith(pattern.slice(1)) ? pattern.length : -1;
}

/** In lower case, without the port, and without the dot that ends a full name (RFC 3986 section 3.2.2). */
function nameOf(host: string): string {
  let end = host.startsWith("[") ? host.indexOf("]") + 1 : host.indexOf(":");
  if (end <= 0) end = host.length;
  if (end > 1 && host[end - 1] === ".") end--;
  return host.slice(0, end).toLowerCase();
}

function holds(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return prefix === `${path}/`;
  return prefix.endsWith("/") || path.length === prefix.length || path[prefix.length] === "/";
}

/** The target without the route's path. */
export function strip({ path }: Route, target: string): string {
  let start = path.endsWith("/") ? path.length - 1 : path.length;
  // Two slashes at the beginning would be the beginning of a host to some.
  while (target[start] === "/") start++;
  return `/${target.slice(start)}`;
}

/**
 * Would the path leave the route's part of the server, once a backend has resolved its dots and
 * decoded its slashes? Then another route's backends, or none, should have had it.
 */
export function escapes({ path: prefix }: Route, path: string): boolean {
  if (prefix === "/" || !(path.includes(".") || path.includes("%"))) return false;
  let depth = 0;
  const decoded = path
    .slice(prefix.length)
    .replace(/%2e/gi, ".")
    .replace(/%2f|%5c|\\/gi, "/");
  // One by one: an array of them all could be more than the chip's memory.
  for (let start = 0, end = 0; start <= decoded.length; start = end + 1) {
    end = decoded.indexOf("/", start);
    if (end < 0) end = decoded.length;
    const segment = decoded.slice(start, end);
    if (segment === ".." || segment.startsWith("..;"))
      depth--; // parameters hide nothing
    else if (segment !== "" && segment !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}
