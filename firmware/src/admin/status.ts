import type { Backend } from "../backend/backend.ts";
import type { Refusals } from "../log/refusals.ts";
import type { Traffic } from "../log/traffic.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import { VERSION } from "../version.ts";
import type { Source } from "./running-config.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { type RunTimeChange, runTimeChanges } from "./runtime-changes.ts";

/** One backend as `/api/status` tells it. */
export interface BackendStatus {
  readonly name: string;
  readonly address: string;
  /** What an operator wants: `ready`, `drain`, `maint`. */
  readonly state: string;
  /** What comes of it: `up`, `down`, `ejected`, `drain`, `maint`. */
  readonly operationalState: string;
  readonly backup: boolean;
  readonly weight: number;
  readonly sessions: number;
  readonly sessionsTotal: number;
  readonly failures: number;
  readonly ejections: number;
  /** Its final answers by the class of their status. */
  readonly answers1xx: number;
  readonly answers2xx: number;
  readonly answers3xx: number;
  readonly answers4xx: number;
  readonly answers5xx: number;
  /** Time to the first byte of an answer, in ms; `null` before the first. */
  readonly latencyMs: number | null;
  /** HAProxy's code for the last evidence, and since when it is that, in ms. */
  readonly check: string | null;
  readonly checkSinceMs: number;
  /** For how long it has been up or down. */
  readonly sinceMs: number;
}

/** Which configuration runs, and which will. */
export interface ConfigurationStatus {
  readonly source: Source;
  /** Until it is kept or taken back, while it is on trial; else `null`. */
  readonly trialLeftMs: number | null;
  /** Why the last one that failed is not in force; `null` when none has failed, or a later one was kept. */
  readonly rolledBack: string | null;
  /** Another one counts from the next start on. */
  readonly changesAtNextStart: boolean;
  /** Clients get 503 until an operator has decided on a document. */
  readonly suspended: boolean;
  /** What runs otherwise than the document says. */
  readonly setAtRunTime: readonly RunTimeChange[];
}

/** How the board is doing, without its backends. */
export interface BoardStatus {
  readonly version: string;
  /** Which build of it, where the build was given a name. */
  readonly build: string | null;
  readonly uptimeMs: number;
  readonly reset: string | null;
  /** Bytes that are free; `null` where there is no limit. */
  readonly heap: number | null;
  /** Free memory that is kept, clients refused and sessions ended to keep it. */
  readonly memory: {
    readonly reserve: number;
    readonly refused: number;
    readonly shed: number;
  };
  /** Clients and requests that were refused since the start. */
  readonly refusals: Readonly<Refusals>;
  /** Sessions that were ended because others waited and they moved the fewest bytes. */
  readonly slowEnded: number;
  /** Clients that came since the start, and what they asked for and got. */
  readonly clientsTotal: number;
  readonly traffic: Readonly<Traffic>;
  readonly ip: string | null;
  readonly rssi: number | null;
  /** Connections that sessions hold, and that the board carries. */
  readonly sockets: { readonly used: number; readonly max: number };
  readonly sessions: number;
  readonly sessionsMax: number;
  /** Clients that wait for a slot, and requests that wait for a backend. */
  readonly queued: number;
  readonly balance: string;
  readonly configuration: ConfigurationStatus;
  /** Without a token nothing can be changed. */
  readonly tokenSet: boolean;
}

export interface Status extends BoardStatus {
  readonly backends: readonly BackendStatus[];
}

/** How the board is doing. */
export function statusOf(runtime: RuntimeApi): Status {
  return { ...boardStatus(runtime), backends: [...backendStatuses(runtime)] };
}

/** One after the other, for an answer that is sent in pieces. */
export function* backendStatuses({ parts, proxy }: RuntimeApi): Generator<BackendStatus, void> {
  const { clock } = parts.platform;
  for (const backend of proxy.pool.backends) yield backendStatus(backend, clock.now());
}

Object.freeze(backendStatuses.prototype);

export function boardStatus({ parts, proxy, running, token }: RuntimeApi): BoardStatus {
  const { platform } = parts;
  const { clock, link, vitals } = platform;
  return {
    version: VERSION,
    build: parts.build ?? null,
    uptimeMs: Math.round(clock.now()),
    reset: vitals.resetReason ?? null,
    heap: vitals.freeHeapBytes ?? null,
    memory: {
      reserve: MEMORY_RESERVE_BYTES,
      refused: proxy.refusals.noMemory,
      shed: proxy.memory.shed,
    },
    refusals: proxy.refusals,
    slowEnded: proxy.slowEnded,
    clientsTotal: proxy.clientsTotal,
    traffic: proxy.traffic,
    ip: link.address ?? null,
    rssi: link.rssi ?? null,
    sockets: { used: proxy.sessions + proxy.pool.connections, max: platform.connectionsMax },
    sessions: proxy.sessions,
    sessionsMax: proxy.budget.sessionsMax,
    queued: proxy.queued + proxy.pool.queue.length,
    balance: proxy.config.balance,
    configuration: {
      source: running.source,
      trialLeftMs: running.trialLeftMs ?? null,
      rolledBack: running.rolledBack ?? null,
      changesAtNextStart: running.next !== undefined,
      suspended: running.suspended,
      setAtRunTime: runTimeChanges(proxy),
    },
    tokenSet: token !== undefined,
  };
}

/** `flash`, `trial, 25 s left`, `built-in, rolled back: no-backend`, … */
export function configurationText(status: ConfigurationStatus): string {
  const { source, trialLeftMs, rolledBack, changesAtNextStart, suspended, setAtRunTime } = status;
  const texts: string[] = [source];
  if (trialLeftMs !== null) texts.push(`${Math.ceil(trialLeftMs / 1000)} s left`);
  if (rolledBack !== null) texts.push(`rolled back: ${rolledBack}`);
  if (suspended) texts.push("clients get 503 until another configuration is applied");
  if (changesAtNextStart) texts.push("another one after the next start");
  for (const { backend, key, document, now } of setAtRunTime) {
    texts.push(`${backend} has ${key} ${now} instead of ${document}`);
  }
  return texts.join(", ");
}

export function backendStatus(backend: Backend, nowMs: number): BackendStatus {
  const { health, counters } = backend;
  const latencyMs = backend.latency.lastMs;
  return {
    name: backend.name,
    address: `${backend.settings.address}:${backend.settings.port}`,
    state: backend.state,
    operationalState: backend.operationalState(nowMs),
    backup: backend.backup,
    weight: backend.weight,
    ...counters,
    latencyMs: latencyMs === undefined ? null : Math.round(latencyMs * 10) / 10,
    check: health.code ?? null,
    checkSinceMs: Math.round(nowMs - health.codeSinceMs),
    sinceMs: Math.round(nowMs - health.sinceMs),
  };
}
