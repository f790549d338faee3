import type { AnswerStatus } from "./answer.ts";
import { type Framing, requestFraming } from "./body.ts";
import type { Field, Head } from "./head.ts";
import { escapes, type Route, route, strip } from "./route.ts";

/** What a request asks for. */
export interface Request {
  readonly method: string;
  /** The target without its query. */
  readonly path: string;
  readonly framing: Framing;
  readonly route: Route;
  /** The target for the backend, when it is not the one that came. */
  readonly target: string | undefined;
  /** The protocol that the client would rather speak. */
  readonly upgrade: Field | undefined;
}

/** What a target begins with that is a whole URL. */
const SCHEME = "http://";

/** Its port where it names none, with and without a number (RFC 9110 section 4.2.1). */
const DEFAULT_PORTS = Object.freeze([":80", ":"]);

/** Characters of Host: names have 253 at most, and a port may follow (RFC 1035). */
const HOST_BYTES_MAX = 260;

/** Reads a complete head; gives the request, or the status that refuses it. Sets `head.authority`. */
export function understand(
  head: Head,
  rules: {
    readonly routes: readonly Route[];
    readonly pseudonym: string;
    readonly config: { readonly bodyBytesMax: number };
  },
): Request | AnswerStatus {
  const method = head.text(head.start, head.methodEnd);
  const framing = requestFraming(head, method);
  if (typeof framing === "number") return framing;
  let host = hostOf(head);
  if (host === undefined) return 400;
  if (method === "CONNECT" || method === "TRACE") return 405;
  const came = head.text(head.targetStart, head.targetEnd);
  let target = came;
  if (!came.startsWith("/")) {
    const named = authorityOf(head, came);
    if (named === undefined) {
      if (came !== "*" || method !== "OPTIONS") return 400;
    } else {
      // Stricter than RFC 9112, which has the target's host win over any other.
      if (!isSameHost(named, host) && !(host === "" && head.all("host").length === 0)) return 400;
      target = originForm(came.slice(SCHEME.length + named.length), method);
      if (named !== host) head.authority = named;
      host = named;
    }
  }
  if (framing.kind === "length" && framing.length > rules.config.bodyBytesMax) return 413;
  if (head.all("via").some(via => head.value(via).includes(rules.pseudonym))) return 508;
  const query = target.indexOf("?");
  const path = query < 0 ? target : target.slice(0, query);
  const chosen = route(rules.routes, host, path === "*" ? "/" : path);
  if (chosen === undefined) return 404;
  if (path.includes("%00") || escapes(chosen, path)) return 400;
  const rewritten = chosen.strip && path !== "*" ? strip(chosen, target) : target;
  return {
    method,
    path,
    framing,
    route: chosen,
    target: rewritten === came ? undefined : rewritten,
    upgrade: upgradeOf(head),
  };
}

/** Does the client want the connection kept after this request? */
export function persists(head: Head): boolean {
  if (head.minor === 0) return head.lists("connection", "keep-alive");
  return !head.lists("connection", "close");
}

/** The value of Host, empty where HTTP/1.0 has none; `undefined` when it is missing or wrong. */
function hostOf(head: Head): string | undefined {
  const hosts = head.all("host");
  if (hosts.length === 0) return head.minor === 0 ? "" : undefined;
  const [host] = hosts;
  const fits = host.valueEnd - host.valueStart <= HOST_BYTES_MAX;
  if (hosts.length > 1 || !fits || !head.isHost(host.valueStart, host.valueEnd)) return undefined;
  const value = head.value(host);
  return isHostAndPort(value) ? value : undefined;
}

/** A name or an IPv4 address, or an IPv6 address in brackets, and perhaps a port. */
function isHostAndPort(text: string): boolean {
  let end: number;
  if (text.startsWith("[")) {
    end = text.indexOf("]") + 1;
    if (!/^[0-9a-f:.]+$/i.test(text.slice(1, end - 1))) return false;
  } else {
    if (text.includes("[") || text.includes("]")) return false;
    end = text.indexOf(":");
    if (end < 0) return true;
  }
  return end === text.length || /^:\d{0,5}$/.test(text.slice(end));
}

/** The host, and perhaps port, of a target that is a whole URL; `undefined` when it is none. */
function authorityOf(head: Head, target: string): string | undefined {
  if (target.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  const start = SCHEME.length;
  // No pattern: XS takes 50 bytes of the board's memory for each character that one repeats.
  let end = target.indexOf("/", start);
  if (end < 0) end = target.length;
  const query = target.indexOf("?", start);
  if (query >= 0 && query < end) end = query;
  const authority = target.slice(start, end);
  const at = head.targetStart;
  const isHost = end - start <= HOST_BYTES_MAX && head.isHost(at + start, at + end);
  return authority !== "" && isHost && isHostAndPort(authority) ? authority : undefined;
}

/** In any case, with or without the default port. */
function isSameHost(one: string, other: string): boolean {
  return withoutDefaultPort(one) === withoutDefaultPort(other);
}

function withoutDefaultPort(host: string): string {
  const port = DEFAULT_PORTS.find(end => host.endsWith(end));
  return (port === undefined ? host : host.slice(0, -port.length)).toLowerCase();
}

/** What stands behind a whole URL's host, as servers expect it. */
function originForm(rest: string, method: string): string {
  if (rest === "") return method === "OPTIONS" ? "*" : "/"; // RFC 9112 section 3.2.4
  return rest.startsWith("?") ? `/${rest}` : rest;
}

/** HTTP/2 in the clear is no upgrade: we could not look through it. */
function upgradeOf(head: Head): Field | undefined {
  const field = head.agreed("upgrade");
  if (field === undefined || head.minor === 0 || !head.lists("connection", "upgrade")) {
    return undefined;
  }
  return head.lists("upgrade", "h2c") ? undefined : field;
}
