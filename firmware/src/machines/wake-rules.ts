import type { WakeProtocol, WakeRule } from "../config/settings.ts";
import { comparedPath, normalPath, ROUTE_PATH_MAX } from "../http1/path.ts";
import { rankOfServerName, route, routesOf } from "../http1/route.ts";
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

/**
 * True if the client matches a rule of `wakeFor`: all keys of it. Nothing is prepared and kept: rules are compared only with clients that find no backend
 * awake, and would take more memory than all else of a machine.
 */
export function mayWake(rules: readonly WakeRule[], client: WakeClient): boolean {
  return rules.some(rule => matches(rule, client));
}

function matches(rule: WakeRule, client: WakeClient): boolean {
  const { protocol, sni, clients, firstLine } = rule;
  if (protocol !== undefined && protocol !== client.protocol) return false;
  if (clients !== undefined && !trustedBy(clients)(client.address)) return false;
  return (
    isForRequest(rule, client) &&
    (sni === undefined || isForName(sni, client)) &&
    (firstLine === undefined || beginsWith(client.firstBytes?.(), firstLine))
  );
}

/**
 * True if the rule is not for requests alone, or the request matches as it would match a route: with its path in normal form, however a server reads it. A
 * path that servers read in different ways wakes no machine.
 */
function isForRequest({ host, path, methods }: WakeRule, client: WakeClient): boolean {
  if (host === undefined && path === undefined && methods === undefined) return true;
  if (client.protocol !== "http") return false;
  if (methods !== undefined && !methods.includes(client.method ?? "")) return false;
  const routes = routesOf([{ host: host?.toLowerCase(), path: path ?? "/", change: undefined }]);
  const { host: asked = "", path: target = "/" } = client;
  if (!routes.comparePaths) return route(routes, asked, "/") !== undefined;
  const bytes = ascii(target);
  const normal = normalPath(bytes, 0, wholeEnd(bytes));
  const loose = normal && normalPath(normal, 0, normal.byteLength, true);
  return (
    loose !== undefined &&
    route(routes, asked, comparedPath(normal!)) !== undefined &&
    route(routes, asked, comparedPath(loose)) !== undefined
  );
}

/** Where a path that may have been cut ends without the cut part of an encoded byte, `%` and two digits. */
function wholeEnd(path: Uint8Array): number {
  const end = path.byteLength;
  if (end <= ROUTE_PATH_MAX) return end;
  const percent = path.lastIndexOf(PERCENT);
  return percent >= 0 && percent > end - 3 ? percent : end;
}

function isForName(sni: readonly string[], { protocol, serverName = "" }: WakeClient): boolean {
  if (protocol !== "tls") return false;
  return sni.some(name => rankOfServerName(name.toLowerCase(), serverName) >= 0);
}

function beginsWith(bytes: Uint8Array | undefined, text: string): boolean {
  if (bytes === undefined || bytes.byteLength < text.length) return false;
  for (let at = 0; at < text.length; at++) if (bytes[at] !== text.charCodeAt(at)) return false;
  return true;
}
