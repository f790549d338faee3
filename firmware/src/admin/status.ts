import type { Backend } from "../backend/backend.ts";
import type { HostName } from "../backend/host-name.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import type { Link, NetworkSettings } from "../platform.ts";
import type { TlsRoute } from "../proxy/tls-routes.ts";
import { VERSION } from "../version.ts";
import { type MachineStatus, machineStatuses } from "./machine-status.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { changeText, runTimeChanges } from "./runtime-changes.ts";

export type BoardStatus = ReturnType<typeof boardStatus>;

export type BackendStatus = ReturnType<typeof backendStatus>;

/** The answer to GET `/api/status`. */
export interface Status extends BoardStatus {
  /** The server names of `routes[].sni`, with the connections since the configuration is in force. */
  readonly tlsRoutes: readonly TlsRoute[];
  readonly machines: readonly MachineStatus[];
  readonly backends: readonly BackendStatus[];
}

export function statusOf(runtime: RuntimeApi): Status {
  return {
    ...boardStatus(runtime),
    tlsRoutes: [...tlsRoutes(runtime)],
    machines: [...machineStatuses(runtime)],
    backends: [...backendStatuses(runtime)],
  };
}

/** The state of the board, without its backends. */
export function boardStatus({ parts, proxy, running, token }: RuntimeApi) {
  const { platform, log, build, name, time } = parts;
  const { clock, link, vitals } = platform;
  return {
    version: VERSION,
    /** Which build of the version, if the build was given a name. */
    build: build ?? null,
    uptimeMs: Math.round(clock.now()),
    /** Why the board started. */
    reset: vitals.resetReason ?? null,
    /** Free bytes; `null` where there is no limit. */
    heap: vitals.freeHeapBytes ?? null,
    /** Bytes that are kept free, clients refused and sessions ended to keep them free. */
    memory: {
      reserve: MEMORY_RESERVE_BYTES,
      refused: proxy.admission.refusals.noMemory,
      shed: proxy.admission.memory.shed,
    },
    refusals: proxy.admission.refusals,
    /** Sessions that were ended because clients were queued and they moved the fewest bytes. */
    slowEnded: proxy.admission.slowEnded,
    /** Clients that have connected since the start. */
    clientsTotal: proxy.clientsTotal,
    traffic: proxy.shared.traffic,
    /** Lines that the serial port did not get, because newer ones have overwritten them. */
    logDropped: log.dropped,
    /** The board's name by multicast DNS; `null` while it has none. */
    name: name.value ?? null,
    /** The time of day, and which one the first moment of `uptimeMs` was; `null` where no server is configured. */
    time: time.status,
    ip: link.address ?? null,
    rssi: link.rssi ?? null,
    network: networkStatus(link, proxy.config.network),
    /**
     * Connections that sessions hold, and that the board has. With `halfClose` they are the firmware's own: each direction ends
     * alone, a reset is not taken for FIN, and listeners can be closed.
     */
    sockets: {
      used: proxy.sessions + proxy.pool.connections,
      max: platform.connectionsMax,
      halfClose: platform.closesListeners === true,
    },
    sessions: proxy.sessions,
    sessionsMax: proxy.budget.sessionsMax,
    /** Clients that wait for a slot, and requests that wait for a backend. */
    queued: proxy.admission.queued + proxy.pool.queue.length - proxy.pool.queue.held,
    /** Clients that are held until a machine is awake. */
    held: proxy.pool.queue.held,
    balance: proxy.config.balance,
    configuration: {
      source: running.source,
      /** Milliseconds until the end of the trial; `null` without one. */
      trialLeftMs: running.trialLeftMs ?? null,
      /** Why the last one was rolled back; `null` if it was not. */
      rolledBack: running.rolledBack ?? null,
      /** Another one is used from the next start on. */
      changesAtNextStart: running.next !== undefined,
      /** Clients get 503 until the operator applies a document. */
      suspended: running.suspended,
      setAtRunTime: runTimeChanges(proxy),
    },
    /** Without a token nothing can be changed. */
    tokenSet: token.value !== undefined,
  };
}

/** The network interface; `null` for what the board does not choose or know. */
export function networkStatus(link: Link, { hostname, address }: NetworkSettings) {
  const state = link.interfaceState;
  return {
    kind: link.kind ?? null,
    mac: link.mac ?? null,
    hostname,
    by: link.configure === undefined ? null : addressSource(address),
    netmask: state?.netmask ?? null,
    gateway: state?.gateway ?? null,
    dns: link.dnsServers ?? [],
  };
}

/** Where the board's address comes from, by the static one of its configuration. */
export function addressSource(address: string | undefined): "dhcp" | "static" {
  return address === undefined ? "dhcp" : "static";
}

export function tlsRoutes({ proxy }: RuntimeApi): Iterable<TlsRoute> {
  return proxy.tlsRoutes?.all() ?? [];
}

/** One after the other, for an answer that is sent in pieces. */
export function* backendStatuses({ parts, proxy }: RuntimeApi): Generator<BackendStatus, void> {
  const { clock } = parts.platform;
  for (const backend of proxy.pool.backends) yield backendStatus(backend, clock.now());
}

Object.freeze(backendStatuses.prototype);

export function backendStatus(backend: Backend, nowMs: number) {
  const { health, latency, counters } = backend;
  return {
    name: backend.name,
    address: `${backend.settings.address}:${backend.settings.port}`,
    /** The state of its host name; `null` where the address is an IPv4 address. */
    dns: backend.host === undefined ? null : dnsStatus(backend.host, backend, nowMs),
    /** The machine that it runs on; `null` where none is configured that may sleep. */
    machine: backend.machine?.name ?? null,
    /** The administrative state: `ready`, `drain`, `maint`. */
    state: backend.state,
    /** The effect: `up`, `down`, `asleep`, `ejected`, `drain`, `maint`. */
    operationalState: backend.operationalState(nowMs),
    backup: backend.backup,
    weight: backend.weight,
    ...counters,
    /** Time to the first byte of a response; `null` before the first. */
    latencyMs: latency.lastMs === undefined ? null : Math.round(latency.lastMs * 10) / 10,
    /** HAProxy's code of the last check or request that counted, and for how long it has been that. */
    check: health.code ?? null,
    checkSinceMs: Math.round(nowMs - health.codeSinceMs),
    /** For how long it has been up or down. */
    sinceMs: Math.round(nowMs - health.sinceMs),
  };
}

function dnsStatus(host: HostName, { preferredAddress }: Backend, nowMs: number) {
  return {
    /** Empty until it is resolved for the first time; then the last good ones. */
    addresses: host.addresses,
    /** The one that is tried first: the last that has not failed. */
    preferred: host.addresses.find(one => one === preferredAddress) ?? host.addresses[0] ?? null,
    /** The time since the last good answer; `null` before the first. */
    ageMs: host.isUnresolved ? null : Math.round(nowMs - host.resolvedAtMs),
    /** The time until it is asked for again. */
    nextMs: Math.max(0, Math.round(host.dueMs - nowMs)),
    /** Why the last question failed; `null` if it did not. */
    failure: host.failure ?? null,
  };
}

/** `flash`, `trial, 25 s left`, `built-in, rolled back: no-backend`, … */
export function configurationText(status: BoardStatus["configuration"]): string {
  const { source, trialLeftMs, rolledBack, changesAtNextStart, suspended, setAtRunTime } = status;
  const texts: string[] = [source];
  if (trialLeftMs !== null) texts.push(`${Math.ceil(trialLeftMs / 1000)} s left`);
  if (rolledBack !== null) texts.push(`rolled back: ${rolledBack}`);
  if (suspended) texts.push("clients get 503 until another configuration is applied");
  if (changesAtNextStart) texts.push("another one after the next start");
  return [...texts, ...setAtRunTime.map(changeText)].join(", ");
}
