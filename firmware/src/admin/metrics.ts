import { deepFreeze } from "../deep-freeze.ts";
import type { BackendStatus, Status } from "./status.ts";

/** One line of values for each backend. */
interface BackendMetric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  value(backend: BackendStatus): number | null;
}

const BACKEND: readonly BackendMetric[] = deepFreeze([
  {
    name: "server_status",
    help: "1 when the backend may be chosen, else 0.",
    type: "gauge",
    value: ({ standing }) => (standing === "up" ? 1 : 0),
  },
  {
    name: "server_weight",
    help: "Share of the traffic against the others'.",
    type: "gauge",
    value: ({ weight }) => weight,
  },
  {
    name: "server_current_sessions",
    help: "Sessions or requests that it serves now.",
    type: "gauge",
    value: ({ sessions }) => sessions,
  },
  {
    name: "server_sessions_total",
    help: "Sessions or requests that it was picked for.",
    type: "counter",
    value: ({ sessionsTotal }) => sessionsTotal,
  },
  {
    name: "server_connection_errors_total",
    help: "Requests that it did not take or answer.",
    type: "counter",
    value: ({ failures }) => failures,
  },
  {
    name: "server_http_responses_5xx_total",
    help: "Answers of 500 and above.",
    type: "counter",
    value: ({ answers5xx }) => answers5xx,
  },
  {
    name: "server_response_time_seconds",
    help: "Time to the first byte of the last answers.",
    type: "gauge",
    value: ({ latencyMs }) => (latencyMs === null ? null : latencyMs / 1000),
  },
  {
    name: "server_check_last_change_seconds",
    help: "For how long it has been up or down.",
    type: "gauge",
    value: ({ sinceMs }) => sinceMs / 1000,
  },
]);

/** One value for the board; a name that ends in `_total` is a counter. */
const BOARD: readonly (readonly [string, string, (status: Status) => number | null])[] = deepFreeze(
  [
    ["uptime_seconds", "Since the start.", ({ uptimeMs }) => uptimeMs / 1000],
    ["heap_free_bytes", "Memory that is free.", ({ heap }) => heap],
    ["heap_reserve_bytes", "Below it clients are refused.", ({ memory }) => memory.reserve],
    ["memory_refused_total", "Clients refused for want of memory.", ({ memory }) => memory.refused],
    ["memory_shed_total", "Sessions ended for want of memory.", ({ memory }) => memory.shed],
    ["wifi_signal_dbm", "Strength of the Wi-Fi's signal.", ({ rssi }) => rssi],
    ["current_connections", "Connections that sessions hold.", ({ sockets }) => sockets.used],
    ["limit_connections", "Connections that the board carries.", ({ sockets }) => sockets.max],
    ["current_sessions", "Clients, waiting ones included.", ({ sessions }) => sessions],
    ["limit_sessions", "Clients that are served at once.", ({ sessionsMax }) => sessionsMax],
    ["refused_full_total", "Refused, the queue was full.", ({ refusals }) => refusals.full],
    ["refused_queue_timeout_total", "Waited too long.", ({ refusals }) => refusals.queueTimeout],
    ["refused_unanswered_total", "Closed unanswered.", ({ refusals }) => refusals.unanswered],
    ["current_queue", "Clients and requests that wait.", ({ queued }) => queued],
  ],
);

/** The status in Prometheus' text format 0.0.4, named after HAProxy's metrics. */
export function metrics(status: Status): string {
  const lines = [
    "# HELP hot_potato_info The firmware's version, and why the board started.",
    "# TYPE hot_potato_info gauge",
    `hot_potato_info{version="${status.version}",reset="${status.reset ?? ""}"} 1`,
  ];
  for (const [name, help, value] of BOARD) {
    const now = value(status);
    if (now === null) continue;
    const type = name.endsWith("_total") ? "counter" : "gauge";
    lines.push(`# HELP hot_potato_${name} ${help}`, `# TYPE hot_potato_${name} ${type}`);
    lines.push(`hot_potato_${name} ${now}`);
  }
  for (const { name, help, type, value } of BACKEND) {
    lines.push(`# HELP hot_potato_${name} ${help}`, `# TYPE hot_potato_${name} ${type}`);
    for (const backend of status.backends) {
      const now = value(backend);
      if (now !== null) lines.push(`hot_potato_${name}{server="${backend.name}"} ${now}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
