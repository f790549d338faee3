import { ASTERISK, QUESTION_MARK, SLASH } from "../net/ascii-codes.ts";
import { ascii } from "../text/ascii.ts";
import type { AnswerStatus } from "./answer.ts";
import { HOST, UPGRADE, VIA } from "./field-names.ts";
import { type Framing, requestFraming } from "./framing.ts";
import { HOST_BYTES_MAX, PLAIN_PATH, PORT_DIGITS_MAX, span } from "./grammar.ts";
import type { Head } from "./head.ts";
import {
  FORM,
  HAS_CLOSE,
  HAS_KEEP_ALIVE,
  HAS_NORMAL_PATH,
  HAS_PLAIN_HOST,
  HAS_UPGRADE,
  PATH_END,
  TARGET_END,
  TARGET_START,
} from "./head-layout.ts";
import { comparedPath, hasNul, isNormal, normalPath, ROUTE_PATH_MAX } from "./path.ts";
import {
  isRedirect,
  type RedirectStatus,
  type RoutePattern,
  type Routes,
  route,
  strippedStart,
  withoutDot,
  withoutPort,
} from "./route.ts";

/** A request's method, target and framing, read from its head. */
export interface Request<R extends RoutePattern> {
  method: string;
  /** The beginning of the client's target, without its query: more than the log holds. */
  path: string;
  framing: Framing;
  route: R | undefined;
  /** The target for the backend, when it is not the client's. */
  target: Uint8Array | undefined;
  /** The known field with the protocol that the client would rather speak. */
  upgrade: number | undefined;
}

/** The beginning of a target in absolute form. */
const SCHEME = "http://";

/** The port of a host that names none, with and without a number (RFC 9110 section 4.2.1). */
const DEFAULT_PORTS = Object.freeze([":80", ":"]);

/**
 * Bytes of a path that has to be put into its normal form, and of a target that is redirected: it takes its length three times for a moment, which with the
 * longest heads would be more than a full board has. Browsers' own limit for a whole URL was 2083 characters for long.
 */
const ODD_PATH_BYTES_MAX = 2_048;

const DIGITS = "0123456789";
const IPV6 = "0123456789abcdefABCDEF:.";

/** The target of OPTIONS that means the server itself. */
const SERVER = ascii("*");

/**
 * Reads a complete head into `request`, as far as it is good; gives the status that refuses it. Sets
 * `head.authority`.
 */
export function parseRequest<R extends RoutePattern>(
  head: Head,
  rules: {
    readonly routes: Routes<R>;
    readonly pseudonym: string;
    readonly config: { readonly bodyBytesMax: number };
  },
  request: Request<R>,
): AnswerStatus | undefined {
  const words = head.words;
  const routes = rules.routes;
  const method = head.method;
  request.method = method;
  const framing = requestFraming(head, method);
  if (framing === undefined) return head.error!;
  request.framing = framing;
  if ((words[FORM] & HAS_PLAIN_HOST) === 0 && !hasGoodHost(head)) return 400;
  if (method === "CONNECT" || method === "TRACE") return 405;
  const targetStart = words[TARGET_START];
  const isNormal = (words[FORM] & HAS_NORMAL_PATH) !== 0;
  const start = isNormal ? targetStart : pathStart(head, method);
  if (start < 0) return 400;
  let host = routes.compareHosts || start > targetStart ? hostOf(head) : "";
  if (start > targetStart) {
    const named = head.text(targetStart + SCHEME.length, start);
    // Stricter than RFC 9112, which has the target's host win over any other.
    if (!isSameHost(named, host) && !(host === "" && !head.has(HOST))) return 400;
    if (named !== host) head.authority = named;
    host = named;
  }
  if (typeof framing === "number" && framing > rules.config.bodyBytesMax) return 413;
  if (words[VIA] !== 0 && wasHere(head, rules.pseudonym)) return 508;
  if (routes.compareHosts && host.includes(".")) {
    const undotted = withoutDot(host);
    if (undotted !== host) head.authority = host = undotted;
  }
  if (words[UPGRADE] !== 0) request.upgrade = upgradeOf(head);
  if (!isNormal) return takeOddRoute(head, routes, host, start, request);

  const end = words[PATH_END];
  const path = pathText(head, start, end);
  const chosen = routes.sole ?? route(routes, host, path);
  if (chosen === undefined) return 404;
  const change = chosen.change;
  if (change !== undefined) {
    if (change !== "strip") return redirect(head, host, change);
    const query = head.bytes.subarray(end, words[TARGET_END]);
    request.target = targetFor(chosen, head.bytes, start, end, query);
  }
  request.path = path;
  request.route = chosen;
  return undefined;
}

/** The status of a redirect; 400 where the request names no host, 414 where the redirect would be too long. */
function redirect(head: Head, host: string, status: RedirectStatus): AnswerStatus {
  if ((host || hostOf(head)) === "") return 400;
  return head.targetEnd - head.targetStart > ODD_PATH_BYTES_MAX ? 414 : status;
}

/** The URL of a request that is redirected: with `https`, and without the port. */
export function secureUrl(head: Head): string {
  const { bytes, targetEnd } = head;
  const start = pathStart(head, head.method);
  let path = head.text(start, targetEnd);
  if (bytes[start] === ASTERISK) path = "";
  else if (bytes[start] !== SLASH) path = `/${path}`; // a whole URL without a path
  return `https://${withoutPort(head.authority ?? hostOf(head))}${path}`;
}

/** The part of a path that routes compare, and the log holds. */
function pathText(head: Head, start: number, end: number): string {
  if (end - start <= 1) return "/";
  const most = start + ROUTE_PATH_MAX + 1;
  return head.text(start, end < most ? end : most);
}

/** Finds the route, and the target that its backends get, for a target with a host, or a path that can be read in several ways. */
function takeOddRoute<R extends RoutePattern>(
  head: Head,
  routes: Routes<R>,
  host: string,
  start: number,
  request: Request<R>,
): AnswerStatus | undefined {
  const { bytes, targetStart, targetEnd } = head;
  const asksServer = start > targetStart ? start === targetEnd : bytes[start] === ASTERISK;
  if (request.method === "OPTIONS" && asksServer) {
    const chosen = route(routes, host, "/");
    if (chosen === undefined) return 404;
    if (isRedirect(chosen.change)) return redirect(head, host, chosen.change);
    request.path = "*";
    request.route = chosen;
    if (start > targetStart) request.target = SERVER;
    return undefined;
  }
  let end = span(bytes, start, PLAIN_PATH);
  const plain = end === targetEnd || bytes[end] === QUESTION_MARK;
  if (!plain) {
    end = bytes.indexOf(QUESTION_MARK, end);
    if (end < 0 || end > targetEnd) end = targetEnd;
    if (!routes.comparePaths && hasNul(bytes, start, end)) return 400;
  }
  const path = pathText(head, start, end);
  let chosen: R | undefined;
  let normal: Uint8Array | undefined;
  if (!routes.comparePaths || start === end || (plain && isNormal(bytes, start, end))) {
    chosen = route(routes, host, path);
  } else {
    if (end - start > ODD_PATH_BYTES_MAX) return 414;
    normal = normalPath(bytes, start, end);
    if (normal === undefined) return 400;
    chosen = route(routes, host, comparedPath(normal));
    if (!plain) {
      const loose = normalPath(normal, 0, normal.byteLength, true);
      if (loose === undefined || route(routes, host, comparedPath(loose)) !== chosen) return 400;
    }
    if (normal.byteLength === end - start) normal = undefined; // it would be shorter
  }
  if (chosen === undefined) return 404;
  if (isRedirect(chosen.change)) return redirect(head, host, chosen.change);
  if (chosen.change === "strip" || normal !== undefined || start > targetStart) {
    const from = normal ?? bytes;
    const pathStart = normal === undefined ? start : 0;
    const pathEnd = normal === undefined ? end : normal.byteLength;
    request.target = targetFor(chosen, from, pathStart, pathEnd, bytes.subarray(end, targetEnd));
  }
  request.path = path;
  request.route = chosen;
  return undefined;
}

/**
 * Where the path of the target begins, and its query: at its end where it is a whole URL without a path. -1 where it
 * is no target of this method (RFC 9112 section 3.2).
 */
export function pathStart(head: Head, method: string): number {
  const { bytes, targetStart, targetEnd } = head;
  if (bytes[targetStart] === SLASH) return targetStart;
  if (bytes[targetStart] !== ASTERISK || targetEnd !== targetStart + 1) return authorityEnd(head);
  return method === "OPTIONS" ? targetStart : -1;
}

/** The target for the backends of a route: a path without what the route strips, followed by the query. */
function targetFor(
  route: RoutePattern,
  path: Uint8Array,
  start: number,
  end: number,
  query: Uint8Array,
): Uint8Array {
  const kept = route.change === "strip" ? strippedStart(route, path, start, end) : start;
  return joined(path.subarray(kept, end), query);
}

/** A path, `/` if it is empty, followed by the query. */
function joined(path: Uint8Array, query: Uint8Array): Uint8Array {
  const pathBytes = Math.max(1, path.byteLength);
  const target = new Uint8Array(pathBytes + query.byteLength);
  target[0] = SLASH;
  target.set(path);
  target.set(query, pathBytes);
  return target;
}

/** True if the client wants to keep the connection after this request. */
export function persists(head: Head): boolean {
  return head.minor === 0 ? head.hasOption(HAS_KEEP_ALIVE) : !head.hasOption(HAS_CLOSE);
}

/** True if a proxy of this name has forwarded the request before. */
function wasHere(head: Head, pseudonym: string): boolean {
  for (let via = head.find(VIA); via >= 0; via = head.find(VIA, via + 1))
    if (head.value(via).includes(pseudonym)) return true;
  return false;
}

/** The value of Host, empty if HTTP/1.0 has none. */
export function hostOf(head: Head): string {
  const host = head.only(HOST);
  return host < 0 ? "" : head.value(host);
}

/** True if the only Host is valid, or HTTP/1.0 has none. */
function hasGoodHost(head: Head): boolean {
  const host = head.only(HOST);
  if (host < 0) return head.minor === 0 && !head.has(HOST);
  const start = head.valueStart(host);
  const end = head.valueEnd(host);
  return (
    end - start <= HOST_BYTES_MAX && head.isHost(start, end) && isHostAndPort(head.value(host))
  );
}

/** True for a name, an IPv4 address or an IPv6 address in brackets, with an optional port. */
function isHostAndPort(text: string): boolean {
  if (text.includes("..")) return false; // a part of a name is never empty
  let end: number;
  if (text.startsWith("[")) {
    end = text.indexOf("]") + 1;
    if (end < 3) return false;
    for (let i = 1; i < end - 1; i++) if (!IPV6.includes(text[i])) return false;
  } else {
    if (text.includes("[") || text.includes("]")) return false;
    end = text.indexOf(":");
    if (end < 0) return true;
    if (end === 0) return false;
  }
  if (end === text.length) return true;
  if (text[end] !== ":" || text.length - end - 1 > PORT_DIGITS_MAX) return false;
  for (let i = end + 1; i < text.length; i++) if (!DIGITS.includes(text[i])) return false;
  return true;
}

/** Where the host, and perhaps port, ends of a target that is a whole URL; -1 when it is none. */
function authorityEnd(head: Head): number {
  const { bytes, targetStart, targetEnd } = head;
  const start = targetStart + SCHEME.length;
  if (start >= targetEnd || head.text(targetStart, start).toLowerCase() !== SCHEME) return -1;
  let end = start;
  while (end < targetEnd && bytes[end] !== SLASH && bytes[end] !== QUESTION_MARK) end++;
  if (end === start || end - start > HOST_BYTES_MAX || !head.isHost(start, end)) return -1;
  return isHostAndPort(head.text(start, end)) ? end : -1;
}

/** True if a target whose authority ends at `end` names `host`. */
export function namesHost(head: Head, end: number, host: string): boolean {
  return isSameHost(head.text(head.targetStart + SCHEME.length, end), host);
}

/** Compares hosts without letter case and without the default port. */
function isSameHost(one: string, other: string): boolean {
  return withoutDefaultPort(one) === withoutDefaultPort(other);
}

function withoutDefaultPort(host: string): string {
  const port = DEFAULT_PORTS.find(end => host.endsWith(end));
  return (port === undefined ? host : host.slice(0, -port.length)).toLowerCase();
}

/** The field of a valid upgrade, of those that there are. Upgrades to cleartext HTTP/2 are ignored, because the proxy could not parse it. */
function upgradeOf(head: Head): number | undefined {
  const field = head.agreed(UPGRADE);
  if (field < 0 || head.minor === 0 || !head.hasOption(HAS_UPGRADE)) return undefined;
  return head.lists(UPGRADE, "h2c") ? undefined : field;
}
