import type { HealthChecks } from "../checks/health-checks.ts";
import type { Config, ListenerConfig } from "../config/settings.ts";
import type { HeadPool } from "../http1/head-pool.ts";
import type { HeadWriter } from "../http1/head-writer.ts";
import type { Routes } from "../http1/route.ts";
import type { Refusals } from "../log/refusals.ts";
import type { Machines } from "../machines/machines.ts";
import type { Keywords } from "../net/keywords.ts";
import type { Explain } from "../pool/explain.ts";
import type { Group, Route } from "../pool/group.ts";
import type { IdleConnections } from "../pool/idle-connections.ts";
import type { Pool } from "../pool/pool.ts";
import type { StickTable } from "../pool/stick-table.ts";
import type { StickyCookie } from "../pool/sticky-cookie.ts";
import type { SharedState } from "./shared-state.ts";
import type { TlsRoutes } from "./tls-routes.ts";

/** Limits of the attempts to connect to a backend. */
export interface ConnectLimits {
  /** Most attempts, each to another backend. */
  readonly attemptsMax: number;
  /** Time after the beginning of the first attempt at which the last one must have ended. */
  readonly withinMs: number;
}

/** A client, for as long as its connection lasts. */
export interface ClientInfo {
  /** The id of the client's session; log lines name it. */
  readonly id: number;
  readonly address: string;
  readonly port: number;
  /** The hash of the address. */
  readonly hash: number;
  /** The listener that it connected to. */
  readonly listener: ListenerConfig;
}

/** Why a client gets no slot. */
export type RefusalReason = "full" | "client-full" | "no-memory" | "queue-timeout" | "suspended";

/** The part of the admission of clients that sessions need. */
export interface AdmissionState {
  readonly refusals: Refusals;
  /** Clients that wait for a slot. */
  readonly queued: number;
  /** Called exactly once, when all sockets of the session are closed and its slot is free. */
  ended(session: { readonly client: ClientInfo }): void;
}

/** Shared by everything that serves the clients of one configuration. */
export interface ProxyContext extends SharedState {
  readonly config: Config;
  readonly admission: AdmissionState;
  /** True when responses must carry `Connection: close`: clients are queued, or this configuration was replaced. */
  shouldClose(): boolean;

  // Backends

  readonly pool: Pool;
  /** Every backend: for listeners in mode `tcp`. */
  readonly group: Group;
  /**
   * The backends for raw TCP that was recognized by its first bytes: those of a request for an unknown host
   * and the path `/`. `undefined` where no route leads there. Whatever a client might smuggle past the
   * sniffer, it reaches no other backend.
   */
  readonly rawGroup: Group | undefined;
  readonly routes: Routes<Route>;
  /** By server name; `undefined` where TLS is raw TCP. */
  readonly tlsRoutes: TlsRoutes | undefined;
  readonly checks: HealthChecks;
  /** Absent where no machine may sleep. */
  machines?: Machines;
  readonly idle: IdleConnections;
  /** Connections to backends at once, idle ones included. */
  readonly backendConnectionsMax: number;
  /** Limits of the connection attempts for one request. */
  readonly retryLimits: ConnectLimits;
  /** The backend that served each client last; `undefined` unless clients stay with theirs by address. */
  readonly stickTable: StickTable | undefined;
  /** `undefined` unless browsers stay with their backend by cookie. */
  readonly stickyCookie: StickyCookie | undefined;
  readonly explain: Explain;

  // Raw TCP

  /** Keywords by the side that they are expected from; `undefined` where there are none. */
  readonly clientKeywords: Keywords | undefined;
  readonly backendKeywords: Keywords | undefined;

  // HTTP

  /** For rewritten heads; a longer one gets a writer of its own. */
  readonly writer: HeadWriter;
  /** For requests and answers that are read. */
  readonly heads: HeadPool;
  readonly originLines: string;
  /** True for the address of a trusted proxy, whose X-Forwarded-... is believed. */
  trusts(address: string): boolean;
}
