import type { WakeProtocol, WakeRule } from "../config/settings.ts";
import { comparedPath, normalPath, ROUTE_PATH_MAX } from "../http1/path.ts";
import {
  type RoutePattern,
  type Routes,
  rankOfServerName,
  route,
  routesOf,
} from "../http1/route.ts";
import { trustedBy } from "../net/address.ts";
import { PERCENT } from "../net/ascii-codes.ts";
import { ascii } from "../text/ascii.ts";

/** A client that a machine would be woken for. What its protocol does not have, or it has not sent, is absent. */
export interface WakeClient {
  readonly protocol: WakeProtocol;
  /** The session of the client; log lines name it. */
  readonly id?: number | undefined;
  /** The IPv4 address of the client. */
  readonly address: string;
  /** HTTP: the value of Host, with or without a port. */
  readonly host?: string | undefined;
  /** HTTP: the path as the client has sent it, without its query; its first `ROUTE_PATH_MAX` + 1 characters are enough. */
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  /** TLS: the server name of the ClientHello, in lower case. */
  readonly serverName?: string | undefined;
  /** Raw TCP: the bytes that wait to be read. */
  firstBytes?(): Uint8Array;
}

/** A rule in the form that clients are compared with. */
interface Pattern {
  readonly protocol: WakeProtocol | undefined;
  readonly requests: Routes<RoutePattern> | undefined;
  readonly methods: readonly string[] | undefined;
  /** In lower case. */
  readonly serverNames: readonly string[] | undefined;
  readonly isOfNetwork: ((address: string) => boolean) | undefined;
  readonly firstBytes: Uint8Array | undefined;
}

/** The key `wakeFor` of a machine. */
export class WakeRules {
  private readonly patterns: readonly Pattern[];

  constructor(rules: readonly WakeRule[]) {
    this.patterns = rules.map(patternOf);
  }

  /** True if the client matches a rule: all keys of it. */
  mayWake(client: WakeClient): boolean {
    return this.patterns.some(pattern => matches(pattern, client));
  }
}

function patternOf({ protocol, host, path, methods, sni, clients, firstLine }: WakeRule): Pattern {
  let only = protocol;
  if (host !== undefined || path !== undefined || methods !== undefined) only = "http";
  if (sni !== undefined) only = "tls";
  if (firstLine !== undefined) only = "raw";
  const hasPlace = host !== undefined || path !== undefined;
  const place = { host: host?.toLowerCase(), path: path ?? "/", change: undefined };
  return {
    protocol: only,
    requests: hasPlace ? routesOf([place]) : undefined,
    methods,
    serverNames: sni?.map(name => name.toLowerCase()),
    isOfNetwork: clients && trustedBy(clients),
    firstBytes: firstLine === undefined ? undefined : ascii(firstLine),
  };
}

function matches(pattern: Pattern, client: WakeClient): boolean {
  const { protocol, requests, methods, serverNames, isOfNetwork, firstBytes } = pattern;
  if (protocol !== undefined && protocol !== client.protocol) return false;
  if (isOfNetwork?.(client.address) === false) return false;
  if (methods !== undefined && !methods.includes(client.method ?? "")) return false;
  if (requests !== undefined && !isFor(requests, client)) return false;
  const { serverName = "" } = client;
  if (serverNames?.some(name => rankOfServerName(name, serverName) >= 0) === false) return false;
  return firstBytes === undefined || beginsWith(client.firstBytes?.(), firstBytes);
}

function beginsWith(bytes: Uint8Array | undefined, wanted: Uint8Array): boolean {
  if (bytes === undefined || bytes.byteLength < wanted.byteLength) return false;
  return wanted.every((byte, at) => bytes[at] === byte);
}

/**
 * True if the request matches as it would match a route: with its path in normal form, however a server reads it. A path that servers read in
 * different ways wakes no machine.
 */
function isFor(requests: Routes<RoutePattern>, { host = "", path = "/" }: WakeClient): boolean {
  if (!requests.comparePaths) return route(requests, host, "/") !== undefined;
  const bytes = ascii(path);
  const normal = normalPath(bytes, 0, wholeEnd(bytes));
  const loose = normal && normalPath(normal, 0, normal.byteLength, true);
  return (
    loose !== undefined &&
    route(requests, host, comparedPath(normal!)) !== undefined &&
    route(requests, host, comparedPath(loose)) !== undefined
  );
}

/** Where a path that may have been cut ends without the cut part of an encoded byte, `%` and two digits. */
function wholeEnd(path: Uint8Array): number {
  const end = path.byteLength;
  if (end <= ROUTE_PATH_MAX) return end;
  const percent = path.lastIndexOf(PERCENT);
  return percent >= 0 && percent > end - 3 ? percent : end;
}
