import type { Keyword } from "../net/keywords.ts";
import type { ProxyProtocol } from "../net/proxy-protocol.ts";

/** What a listener's clients are taken to speak. */
export type Mode = "auto" | "http" | "tcp";

/** A port that clients connect to. */
export interface ListenerConfig {
  readonly port: number;
  readonly mode: Mode;
}

/** What the operator wants of a backend: HAProxy's words. */
export type AdminState = "ready" | "drain" | "maint";

export const ADMIN_STATES: readonly AdminState[] = Object.freeze(["ready", "drain", "maint"]);

/** A backend as the configuration gives it. */
export interface BackendSettings {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Its share of the traffic against the others'; 0 is none, as `drain` is. */
  readonly weight: number;
  /** Used only when no other is available. */
  readonly backup: boolean;
  /** Sessions or requests that it serves at once; no bound when not given. */
  readonly maxSessions: number | undefined;
  /** Connections to it wait for the next request; when not given, they do where that is possible. */
  readonly keepAlive: boolean | undefined;
  /** With one session at most: the pause between two connections to it. */
  readonly settleMs: number;
  readonly state: AdminState;
  readonly proxyProtocol: ProxyProtocol;
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

/** Strategies that do not look at weights: a weight there would do nothing. */
export const UNWEIGHTED: readonly StrategyName[] = Object.freeze([
  "round-robin",
  "first",
  "q-learning",
]);

/** What of a request speaks against a backend: HAProxy's words. */
export type Observe = "none" | "layer4" | "layer7";

/** What ends a connection by its content. */
export interface InspectRule extends Keyword {
  readonly from: "client" | "backend" | "both";
  readonly action: "close";
}

/** Sends the requests for a host and the paths below one to some of the backends. */
export interface RouteRule {
  readonly host: string | undefined;
  readonly path: string;
  readonly strip: boolean;
  /** Names of backends; all of them when not given. */
  readonly backends: readonly string[] | undefined;
}

/** How the health of backends is watched. */
export interface HealthSettings {
  /** `tcp`: it takes a connection; `http`: it answers as it should; `none`: nobody is asked. */
  readonly check: "tcp" | "http" | "none";
  /** What is asked for over HTTP; the rest up to `body` says what a good answer is. */
  readonly path: string;
  /** The name in Host; the backend's address when not given. */
  readonly host: string | undefined;
  /** Statuses and ranges of them: `200-399` or `200,204`. */
  readonly status: string;
  /** Text in the answer's body. */
  readonly body: string | undefined;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Checks in a row that bring a backend back, and that take it out. */
  readonly rise: number;
  readonly fall: number;
  /** What a backend is before its first check. */
  readonly start: "up" | "down";
  /** Which requests speak against a backend: those it did not take or answer, or 5xx, too. */
  readonly observe: Observe;
  /** So many in a row eject it for a while; 0 ejects nobody. */
  readonly ejectAfter: number;
  /** How long the share of a backend grows back that was down. */
  readonly slowStartMs: number;
}

/** Keeps a client with the backend that served it first. */
export type Sticky = "none" | "cookie" | "source";

/** A checked configuration: every key is there and holds what it may hold. */
export interface Config {
  readonly listeners: readonly ListenerConfig[];
  /** The page, the API and the metrics for operators; 0 for none. */
  readonly adminPort: number;
  /** Names of the board, beside its addresses, under which the admin port answers. */
  readonly adminHosts: readonly string[];
  readonly backends: readonly BackendSettings[];
  readonly balance: StrategyName;
  readonly health: HealthSettings;
  readonly sticky: Sticky;
  /** What the sticky cookie is hashed with: the same key, the same cookies after a restart. */
  readonly stickyKey: string | undefined;
  /** Picks after the start whose reasons are logged. */
  readonly explain: number;
  /** Which requests go to which backends; without any, all to all. */
  readonly routes: readonly RouteRule[];
  /** Addresses and networks of proxies in front of us, whose X-Forwarded-… is believed. */
  readonly trustedProxies: readonly string[];
  readonly inspect: readonly InspectRule[];
  /** How long a backend may take to accept a connection. */
  readonly connectTimeoutMs: number;
  /** How long a connected session may last without one byte. */
  readonly idleTimeoutMs: number;
  /** How long a session may last without another byte, once bytes have moved. */
  readonly tunnelTimeoutMs: number;
  /** How long each of them may wait. */
  readonly queueTimeoutMs: number;
  /** How long a request's head may take from its first byte on. */
  readonly headTimeoutMs: number;
  /** How long a client may keep its connection without a further request. */
  readonly keepAliveTimeoutMs: number;
  /** How long a backend may take to begin its answer. */
  readonly responseTimeoutMs: number;
  /** Other backends that a request may be sent to when one fails. */
  readonly retries: number;
  readonly headBytesMax: number;
  readonly headLinesMax: number;
  /** Bytes of a request's body. */
  readonly bodyBytesMax: number;
  /** Clients that may wait for a slot, and requests that may wait for a backend with room. */
  readonly queueMax: number;
  /** Sessions at once; as many as the board's connections carry when not given. */
  readonly sessionsMax: number | undefined;
  /** Sessions at once of one client address; two thirds of all when not given. */
  readonly clientSessionsMax: number | undefined;
  /** Bytes per second that a body or raw stream has to move while clients wait for a slot; 0: none. */
  readonly bytesPerSecondMin: number;
}

/** Backends that a pool may hold: a session remembers those it tried in the bits of one integer. */
export const BACKENDS_MAX = 32;

/** Routes of a configuration, each a handful of objects on the chip. */
export const ROUTES_MAX = 16;

/** HAProxy's. */
export const WEIGHT_MAX = 256;

/** Names of the board in `adminHosts`. */
export const ADMIN_HOSTS_MAX = 4;

/** Picks that are explained in the log after one request for it. */
export const EXPLAIN_MAX = 1000;
