import type { RedirectStatus } from "../http1/route.ts";
import type { Keyword } from "../net/keywords.ts";
import type { ProxyProtocol } from "../net/proxy-protocol.ts";
import type { NetworkSettings } from "../platform.ts";

/** The protocol that clients of a listener are assumed to speak. */
export type Mode = "auto" | "http" | "tcp" | "tls";

/** A port that clients connect to. */
export interface ListenerConfig {
  readonly port: number;
  readonly mode: Mode;
}

export const ADMIN_STATES = Object.freeze(["ready", "drain", "maint"] as const);

/** The administrative state of a backend, in HAProxy's words. */
export type AdminState = (typeof ADMIN_STATES)[number];

/** The settings of a backend. */
export interface BackendSettings {
  readonly name: string;
  /** An IPv4 address or a host name. */
  readonly address: string;
  readonly port: number;
  /** The backend's share of the traffic relative to the others; 0 is none, like `drain`. */
  readonly weight: number;
  /** Used only when no other is available. */
  readonly backup: boolean;
  /** Maximum concurrent sessions or requests; further ones are queued. No limit if absent. */
  readonly maxSessions: number | undefined;
  /** Connections are kept for the next request; if absent, wherever possible. */
  readonly keepAlive: boolean | undefined;
  /** With `maxSessions` 1: the pause between two connections, in ms. */
  readonly settleMs: number;
  readonly state: AdminState;
  readonly proxyProtocol: ProxyProtocol;
  /** The global settings of health checks, or a copy with the keys that the backend has of its own. */
  readonly health: HealthSettings;
}

/** Names of the balancing strategies. */
export const STRATEGY_NAMES = Object.freeze([
  "round-robin",
  "weighted-round-robin",
  "least-connections",
  "two-choices",
  "ewma",
  "source-hash",
  "first",
  "q-learning",
] as const);

export type StrategyName = (typeof STRATEGY_NAMES)[number];

/** Strategies that ignore weights: a weight has no effect there. */
export const UNWEIGHTED: readonly StrategyName[] = Object.freeze([
  "round-robin",
  "first",
  "q-learning",
]);

/** Which failures of requests count against a backend, in HAProxy's words. */
export type Observe = "none" | "layer4" | "layer7";

/** A keyword that closes a raw TCP connection. */
export interface InspectRule extends Keyword {
  readonly from: "client" | "backend" | "both";
  readonly action: "close";
}

/**
 * Sends the requests for a host and for paths below a prefix to some of the backends, or redirects them to HTTPS; or, with
 * `sni`, TLS connections by their server name.
 */
export interface RouteRule {
  readonly host: string | undefined;
  readonly path: string;
  readonly strip: boolean;
  /** Requests are answered with this status and their own URL with `https`; with 308 clients keep the method. */
  readonly redirect: RedirectStatus | undefined;
  /** Server names of TLS connections: a name, `*.` and the end of names, or `*`. Such a route is not for HTTP. */
  readonly sni: readonly string[] | undefined;
  /** Names of backends; all if absent. */
  readonly backends: readonly string[] | undefined;
}

/** Settings of the health checks of a backend. */
export interface HealthSettings {
  /** `tcp`: a connection is accepted; `tls`: a ServerHello comes; `http`: the response is as expected; `none`: no checks. */
  readonly check: "tcp" | "tls" | "http" | "none";
  /** Path of HTTP checks. */
  readonly path: string;
  /** Host field of HTTP checks, and server name of TLS checks; the backend's address if absent. */
  readonly host: string | undefined;
  /** Expected statuses and ranges: `200-399` or `200,204`. */
  readonly status: string;
  /** Text that the response body must contain. */
  readonly body: string | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Consecutive passed checks that bring a backend up, and failed ones that take it down. */
  readonly rise: number;
  readonly fall: number;
  /** The state of a backend before its first check. */
  readonly start: "up" | "down";
  /** Failed requests that count: `layer4` refused or unanswered ones, `layer7` also responses with 5xx. */
  readonly observe: Observe;
  /** Consecutive failed requests that eject a backend for a while; 0 never does. */
  readonly ejectAfter: number;
  /** Duration of slow start after a backend was down, in ms. */
  readonly slowStartMs: number;
}

/** `HealthSettings.status`, such as `200-399,404`, as ranges, both ends included. */
export function statusRanges(text: string): (readonly [number, number])[] {
  return text.split(",").map(range => {
    const [from, to = from] = range.split("-").map(Number);
    return [from, to] as const;
  });
}

/** `errors`: what HAProxy logs with `option dontlog-normal`, and nothing else. */
export type LoggedRequests = "all" | "errors" | "none";

/** Where the board gets the time from, and how it shows it. */
export interface TimeSettings {
  /** Address or name of an NTP server; empty: the board has no time. */
  readonly server: string;
  /** The time zone, in POSIX's form (`parseTimeZone`). */
  readonly zone: string;
}

/** Settings of the log. */
export interface LogSettings {
  /** Which requests, and connections over raw TCP, have a line. */
  readonly requests: LoggedRequests;
}

/** Keeps a client with the backend that served it first. */
export type Sticky = "none" | "cookie" | "source";

/** A checked configuration: every key is present and valid. */
export interface Config {
  readonly listeners: readonly ListenerConfig[];
  /** Port of the page, the API and the metrics; 0 for none. */
  readonly adminPort: number;
  /** Host names, besides the board's addresses, that the admin port accepts. */
  readonly adminHosts: readonly string[];
  readonly network: NetworkSettings;
  readonly time: TimeSettings;
  readonly backends: readonly BackendSettings[];
  readonly balance: StrategyName;
  readonly health: HealthSettings;
  readonly sticky: Sticky;
  /** Key of the sticky cookies' hash; with a fixed key cookies stay valid after a restart. */
  readonly stickyKey: string | undefined;
  /** Number of picks after the start, or after a change of this number, whose scores are logged. */
  readonly explain: number;
  readonly log: LogSettings;
  /** Which requests go to which backends; without routes all go to all. */
  readonly routes: readonly RouteRule[];
  /** Addresses and networks of proxies in front of the board whose X-Forwarded-… fields are trusted. */
  readonly trustedProxies: readonly string[];
  readonly inspect: readonly InspectRule[];
  /** How long a backend may take to accept a connection. */
  readonly connectTimeoutMs: number;
  /** Time for the first byte of a connected session, and longest pause within a body. */
  readonly idleTimeoutMs: number;
  /** Longest pause in raw TCP or an upgraded connection, once bytes have moved. */
  readonly tunnelTimeoutMs: number;
  /** Longest time a client may wait for a slot, or a request for a backend with room, before it is answered 503. */
  readonly queueTimeoutMs: number;
  /** Longest time from a request's first byte to the end of its head. */
  readonly headTimeoutMs: number;
  /** Longest time that a client's connection is kept without a further request. */
  readonly keepAliveTimeoutMs: number;
  /** Longest time until the first byte of a backend's response. */
  readonly responseTimeoutMs: number;
  /** How many further backends are tried when one fails. */
  readonly retries: number;
  readonly headBytesMax: number;
  readonly headLinesMax: number;
  /** Longest body of a request, in bytes. */
  readonly bodyBytesMax: number;
  /** How many clients may wait for a slot, and how many requests for a backend with room. */
  readonly queueMax: number;
  /** Maximum concurrent sessions; if absent, as many as the board has connections for. */
  readonly sessionsMax: number | undefined;
  /** Maximum concurrent sessions of one client address; if absent, two thirds of all. */
  readonly clientSessionsMax: number | undefined;
  /** Slowest body or raw stream, in bytes per second, that keeps its slot while clients are queued; 0: no limit. */
  readonly bytesPerSecondMin: number;
}

/** Most backends: a session stores those it tried as the bits of one integer. */
export const BACKENDS_MAX = 32;

/** Most routes: each takes a handful of objects on the chip. */
export const ROUTES_MAX = 16;

/** Most server names of one route. */
export const SNI_MAX = 8;

/** HAProxy's. */
export const WEIGHT_MAX = 256;

/** Names of the board in `adminHosts`. */
export const ADMIN_HOSTS_MAX = 4;

/** Most picks that one request has explained in the log. */
export const EXPLAIN_MAX = 1000;
