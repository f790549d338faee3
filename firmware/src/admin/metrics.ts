import type { Backend } from "../backend/backend.ts";
import { MACHINE_STATES, type Machine } from "../backend/machine.ts";
import { deepFreeze } from "../deep-freeze.ts";
import { EVENT_KINDS } from "../log/log.ts";
import { REFUSAL_COUNTERS } from "../log/refusals.ts";
import type { Answers } from "../log/traffic.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { type BoardStatus, boardStatus } from "./status.ts";

/** The name of a metric without the common prefix; one that ends in `_total` is a counter. */
type Name = string;

/** A value of the board. */
type BoardMetric = readonly [name: Name, help: string, value: (of: BoardStatus) => number | null];

/** A value of each backend. */
type BackendMetric = readonly [
  name: Name,
  help: string,
  value: (of: Backend, nowMs: number) => number | undefined,
];

const PREFIX = "hot_potato_";

const BOARD: readonly BoardMetric[] = deepFreeze<BoardMetric[]>([
  ["uptime_seconds", "Since the start.", of => of.uptimeMs / 1000],
  ["heap_free_bytes", "Free memory.", of => of.heap],
  ["heap_reserve_bytes", "With less, clients are refused.", of => of.memory.reserve],
  ["memory_shed_total", "Sessions ended for lack of memory.", of => of.memory.shed],
  ["slow_sessions_ended_total", "Sessions ended for slow bodies.", of => of.slowEnded],
  ["wifi_signal_dbm", "Strength of the Wi-Fi signal.", of => of.rssi],
  ["current_connections", "Connections that sessions hold.", of => of.sockets.used],
  ["limit_connections", "Connections that the board has.", of => of.sockets.max],
  ["current_sessions", "Clients, including queued ones.", of => of.sessions],
  ["limit_sessions", "Maximum of concurrent sessions.", of => of.sessionsMax],
  ["current_queue", "Queued clients and requests.", of => of.queued],
  ["clients_total", "Clients that have connected.", of => of.clientsTotal],
  ["bytes_in_total", "Bytes from clients, over HTTP and raw TCP.", of => of.traffic.bytesIn],
  ["bytes_out_total", "Bytes to clients, over HTTP and raw TCP.", of => of.traffic.bytesOut],
  ["retries_total", "Requests sent to another backend, or again.", of => of.traffic.retries],
  [
    "tls_sessions_total",
    "TLS connections that had a route for their server name.",
    of => of.traffic.tlsSessions,
  ],
  [
    "refusals_unanswered_total",
    "Refused clients that were closed without an answer.",
    of => of.refusals.unanswered,
  ],
]);

const BACKEND: readonly BackendMetric[] = deepFreeze<BackendMetric[]>([
  [
    "server_status",
    "1 if the backend can be picked, else 0.",
    (of, nowMs) => (of.operationalState(nowMs) === "up" ? 1 : 0),
  ],
  ["server_weight", "Share of the traffic relative to the others.", of => of.weight],
  ["server_current_sessions", "Current sessions or requests.", of => of.counters.sessions],
  ["server_sessions_total", "Times that it was picked.", of => of.counters.sessionsTotal],
  [
    "server_connection_errors_total",
    "Sessions and requests that it refused or did not answer.",
    of => of.counters.failures,
  ],
  ["server_ejections_total", "Ejections by failed requests.", of => of.counters.ejections],
  [
    "server_response_time_seconds",
    "Time to the first byte of the last responses.",
    of => (of.latency.lastMs === undefined ? undefined : of.latency.lastMs / 1000),
  ],
  [
    "server_addresses",
    "Addresses of its host name; 0 if it was never resolved.",
    of => of.host?.addresses.length,
  ],
  [
    "server_resolution_age_seconds",
    "Time since its host name was resolved.",
    ({ host }, nowMs) =>
      host === undefined || host.isUnresolved ? undefined : (nowMs - host.resolvedAtMs) / 1000,
  ],
  [
    "server_resolution_failures_total",
    "Failures to resolve its host name.",
    of => of.host?.failuresTotal,
  ],
  [
    "server_check_last_change_seconds",
    "For how long it has been up or down.",
    (of, nowMs) => (nowMs - of.health.sinceMs) / 1000,
  ],
]);

/** A value of each machine that may sleep. */
type MachineMetric = readonly [
  name: Name,
  help: string,
  value: (of: Machine, nowMs: number) => number | undefined,
];

const MACHINE: readonly MachineMetric[] = deepFreeze<MachineMetric[]>([
  ["machine_wakes_total", "Times that it was woken.", of => of.wakes],
  ["machine_failed_wakes_total", "Times that it was not ready in time.", of => of.failedWakes],
  [
    "machine_asleep_seconds_total",
    "Time that it was asleep.",
    (of, nowMs) => of.asleepMs(nowMs) / 1000,
  ],
  [
    "machine_last_boot_seconds",
    "Time that the last wake took.",
    of => (of.lastBootMs === undefined ? undefined : of.lastBootMs / 1000),
  ],
  ["machine_held_clients", "Clients that wait until it is awake.", of => of.held],
]);

/** Classes of statuses, as HAProxy's label `code` has them. */
const CLASSES: readonly (readonly [code: string, key: keyof Answers])[] = deepFreeze([
  ["1xx", "answers1xx"],
  ["2xx", "answers2xx"],
  ["3xx", "answers3xx"],
  ["4xx", "answers4xx"],
  ["5xx", "answers5xx"],
]);

/** All metrics in Prometheus' text format 0.0.4, some lines at a time, named after HAProxy's. */
export function* metrics(runtime: RuntimeApi): Generator<string, void> {
  const { parts, proxy } = runtime;
  const { clock } = parts.platform;
  const status = boardStatus(runtime);
  const { version, build, reset, traffic, refusals, logDropped } = status;
  yield head("build_info", "The firmware's version and build.");
  yield sample("build_info", { version, build: build ?? "" }, 1);
  yield head("reset_info", "Why the board started.");
  yield sample("reset_info", { reason: reset ?? "" }, 1);
  for (const [name, help, value] of BOARD) {
    const now = value(status);
    if (now !== null) yield head(name, help) + sample(name, {}, now);
  }
  yield head("refusals_total", "Clients and requests that were refused.");
  for (const [reason, key] of Object.entries(REFUSAL_COUNTERS)) {
    const count = refusals[key];
    if (count !== undefined) yield sample("refusals_total", { reason }, count);
  }
  yield head("log_dropped_lines_total", "Lines of the log that the serial port did not get.");
  for (const kind of EVENT_KINDS)
    yield sample("log_dropped_lines_total", { kind }, logDropped[kind]);
  yield head("http_responses_total", "Requests by the class of their status.");
  for (const [code, key] of CLASSES) yield sample("http_responses_total", { code }, traffic[key]);
  const { backends, machines } = proxy.pool;
  for (const [name, help, value] of BACKEND) {
    let isFirst = true;
    for (const backend of backends) {
      const now = value(backend, clock.now());
      if (now === undefined) continue;
      if (isFirst) yield head(name, help);
      isFirst = false;
      yield sample(name, { server: backend.name }, now);
    }
  }
  yield head(
    "server_http_responses_total",
    "Responses of the backend by the class of their status.",
  );
  for (const { name: server, counters } of backends) {
    for (const [code, key] of CLASSES) {
      yield sample("server_http_responses_total", { server, code }, counters[key]);
    }
  }
  if (machines !== undefined) yield* machineMetrics(machines, clock.now());
}

Object.freeze(metrics.prototype);

/** Values of the machines; a sample for each state, which is 1 for the one that it has. */
function* machineMetrics(machines: readonly Machine[], nowMs: number): Generator<string, void> {
  yield head("machine_state", "1 for the state of the machine, else 0.");
  for (const { name: machine, state: actual } of machines) {
    for (const state of MACHINE_STATES) {
      yield sample("machine_state", { machine, state }, state === actual ? 1 : 0);
    }
  }
  for (const [name, help, value] of MACHINE) {
    let isFirst = true;
    for (const machine of machines) {
      const now = value(machine, nowMs);
      if (now === undefined) continue;
      if (isFirst) yield head(name, help);
      isFirst = false;
      yield sample(name, { machine: machine.name }, now);
    }
  }
}

Object.freeze(machineMetrics.prototype);

function head(name: Name, help: string): string {
  const type = name.endsWith("_total") ? "counter" : "gauge";
  return `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} ${type}\n`;
}

/** No label needs escapes: names of backends, versions and reasons have neither quotes nor backslashes. */
function sample(name: Name, labels: Readonly<Record<string, string>>, value: number): string {
  const text = Object.entries(labels).map(([key, label]) => `${key}="${label}"`);
  const suffix = text.length === 0 ? "" : `{${text.join()}}`;
  return `${PREFIX}${name}${suffix} ${Math.round(value * 1000) / 1000}\n`;
}
