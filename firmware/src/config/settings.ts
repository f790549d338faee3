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
  /** Name of the machine that it runs on; absent if that never sleeps. */
  readonly machine?: string | undefined;
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

/** A machine that is woken by a short press of its power button: by a pin of the board, with a transistor or a relay on it. */
export interface ButtonSettings {
  /** Number of the GPIO pin; it is high while the button is pressed. */
  readonly gpio: number;
  /** Duration of the press, in ms. */
  readonly pressMs: number;
}

/** Which clients may wake a machine. All keys that are present must match. */
export interface WakeRule {
  readonly protocol: WakeProtocol | undefined;
  /** As in a route: a name, or `*.` and the end of names. */
  readonly host: string | undefined;
  /** As in a route: the beginning of paths, whole segments only. */
  readonly path: string | undefined;
  /** Methods of HTTP requests. */
  readonly methods: readonly string[] | undefined;
  /** Server names of TLS connections: a name, `*.` and the end of names, or `*`. */
  readonly sni: readonly string[] | undefined;
  /** Addresses and networks of clients. */
  readonly clients: readonly string[] | undefined;
  /** The beginning of what a client sends over raw TCP. */
  readonly firstLine: string | undefined;
}

export const WAKE_PROTOCOLS = Object.freeze(["http", "tls", "raw"] as const);

/** The protocol of a client that may wake a machine. */
export type WakeProtocol = (typeof WAKE_PROTOCOLS)[number];

/** The HTTP request to a machine that makes it sleep. */
export interface SleepRequest {
  /** `http://`, an IPv4 address or a host name, a port if it is not 80, and a path. */
  readonly url: string;
  readonly method: string;
  /** A further field of the request, name and value; a secret. */
  readonly header: string | undefined;
}

/** A computer on which backends run, and which may sleep. */
export interface MachineSettings {
  readonly name: string;
  /** MAC address of the network card that wakes it, in lower case with colons; always present where a packet wakes it. */
  readonly mac: string | undefined;
  /** Password of the network card, 4 or 6 bytes in hexadecimal with colons; a secret. */
  readonly secureOn: string | undefined;
  /** `packet`: a magic packet. */
  readonly wakeBy: "packet" | ButtonSettings;
  /** Address that magic packets are sent to; that of the board's network if absent. */
  readonly broadcast: string | undefined;
  /** The clients that may wake it, each of which matches one rule; absent: every client of its backends; empty: none. */
  readonly wakeFor: readonly WakeRule[] | undefined;
  readonly sleep: SleepRequest | undefined;
  /** How long it is not used before it may sleep; if absent, the board never lets it sleep. */
  readonly idleMs: number | undefined;
  /** Times of day, such as `mon-fri 07:30-22:00`: woken at the beginning, not put to sleep before the end. */
  readonly awakeTimes: readonly string[];
  /** Interval of the health checks while it sleeps; 0: none, nothing is sent to it. */
  readonly asleepCheckMs: number;
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
  /** The machines that may sleep. */
  readonly machines: readonly MachineSettings[];
  /** Longest time that a client is held for a machine that wakes. */
  readonly holdMs: number;
  /** How many clients may be held at a time. */
  readonly heldMax: number;
  /** Load of the awake backends, in percent of their `maxSessions`, at which the next machine is woken. */
  readonly wakeAtPercent: number;
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

/** Keys whose values are secrets: no answer, complaint or line of the log shows them. */
export const SECRET_KEYS = Object.freeze(["stickyKey", "secureOn", "header"] as const);

/** Most backends: a session stores those it tried as the bits of one integer. */
export const BACKENDS_MAX = 32;

/** Most routes: each takes a handful of objects on the chip. */
export const ROUTES_MAX = 16;

/** Most server names of one route. */
export const SNI_MAX = 8;

/** Most machines that may sleep. */
export const MACHINES_MAX = 8;

/** Most rules of `wakeFor` of one machine, and most items of each list in a rule. */
export const WAKE_RULES_MAX = 8;

/** Most times of day of one machine. */
export const AWAKE_TIMES_MAX = 4;

/** HAProxy's. */
export const WEIGHT_MAX = 256;

/** Names of the board in `adminHosts`. */
export const ADMIN_HOSTS_MAX = 4;

/** Most picks that one request has explained in the log. */
export const EXPLAIN_MAX = 1000;
