import { deepFreeze } from "../deep-freeze.ts";
import type { RedirectStatus } from "../http1/route.ts";
import { ipv4OrHostName, network } from "../net/address.ts";
import { LISTENERS_MAX } from "../net/connection-budget.ts";
import { KEYWORDS_MAX } from "../net/keywords.ts";
import type { Link } from "../platform.ts";
import { crossCheck, type GivenDocument } from "./cross-check.ts";
import {
  dnsName,
  HOST_WANTED,
  host,
  NAME_WANTED,
  NETWORK_WANTED,
  name,
  PATH_WANTED,
  path,
  SERVER_NAME_WANTED,
  serverName,
  TIMEOUT_MAX_MS,
} from "./forms.ts";
import { machinesCheck } from "./machines-check.ts";
import { readMachines } from "./machines-reader.ts";
import { readNetwork } from "./network-reader.ts";
import { type Complaints, DocumentReader, type Key, NO_ITEMS } from "./reader.ts";
import {
  ADMIN_HOSTS_MAX,
  ADMIN_STATES,
  BACKENDS_MAX,
  type BackendSettings,
  type Config,
  EXPLAIN_MAX,
  type HealthSettings,
  type InspectRule,
  type ListenerConfig,
  type LogSettings,
  ROUTES_MAX,
  type RouteRule,
  SNI_MAX,
  STRATEGY_NAMES,
  WEIGHT_MAX,
} from "./settings.ts";
import { readTime } from "./time.ts";

/** A configuration with the document that it was read from. */
export interface Configuration {
  readonly config: Config;
  readonly document: object;
}

const TRUSTED_MAX = 8;

/** A request line of 8000 bytes, which RFC 9112 section 3 recommends, and a kilobyte of fields. */
const HEAD_BYTES = 9_216;

/** The first line, and 100 fields: HAProxy's default (tune.http.maxhdr). */
const HEAD_LINES = 101;

const ADDRESS_WANTED =
  "an IPv4 address such as 192.168.1.10, or a host name such as nas.home or nas.local, without http:// and port";

/** Longest pause between two connections to a backend, during which its clients are queued. */
const SETTLE_MAX_MS = 10_000;

/** More than any board has connections for. */
const SESSIONS_MAX = 512;

const DEFAULT_HEALTH: HealthSettings = Object.freeze({
  check: "tcp",
  path: "/",
  host: undefined,
  status: "200-399",
  body: undefined,
  intervalMs: 5_000,
  timeoutMs: 2_000,
  rise: 2,
  fall: 3,
  start: "up",
  observe: "layer4",
  ejectAfter: 3,
  slowStartMs: 0,
});

const REDIRECTS: readonly RedirectStatus[] = Object.freeze([301, 308]);

const DEFAULT_RULES = deepFreeze<readonly InspectRule[]>([
  { keyword: "END", from: "client", match: "anywhere", in: "text", action: "close" },
]);

const DEFAULT_LISTENERS = deepFreeze<readonly ListenerConfig[]>([{ port: 80, mode: "auto" }]);

/** Longer than the coldest start that users have measured (112 s), with room. */
export const HOLD_MS = 240_000;
const HOLD_MIN_MS = 1_000;

/** The number that a board with our memory plan carries beside its sessions. */
const HELD_MAX = 6;
const HELD_MAX_MAX = 16;

/** Below 100, so that the next machine has started before the others are full. */
const WAKE_AT_PERCENT = 80;

/**
 * Checks a parsed configuration document as a whole. Returns the configuration, with its defaults, or complaints: each
 * names the key, echoes the value, and says what is expected. `link` is the board's: a cable takes some of its pins.
 */
export function readConfig(document: unknown, link?: Link["kind"]): Configuration | Complaints {
  const check = new DocumentReader();
  const root = { path: "", value: document };
  /** Read before the backends, which inherit it. */
  let health = DEFAULT_HEALTH;
  /** The health of single backends, read last: within the list of backends it would take more of the stack. */
  const own: { readonly index: number; readonly key: Key }[] = [];
  const config = check.object<Config>(root, {
    listeners: key =>
      check.list(key, DEFAULT_LISTENERS, 1, LISTENERS_MAX, listener =>
        check.object<ListenerConfig>(listener, {
          port: k => check.integer(k, undefined, 1, 65535),
          mode: k => check.word(k, "auto", ["auto", "http", "tcp", "tls"]),
        }),
      ),
    adminPort: key => check.integer(key, 8404, 0, 65535),
    adminHosts: key =>
      check.list(key, NO_ITEMS, 0, ADMIN_HOSTS_MAX, name =>
        check.text(name, undefined, dnsName, "a name such as potato.home"),
      ),
    health: key => {
      health = readHealth(check, key, DEFAULT_HEALTH);
      return health;
    },
    network: key => readNetwork(check, key),
    time: key => readTime(check, key),
    backends: key =>
      check.list(key, undefined, 1, BACKENDS_MAX, (backend, index) =>
        check.object<BackendSettings>(backend, {
          name: k => check.text(k, backendName(index), name, NAME_WANTED),
          address: k => check.text(k, undefined, ipv4OrHostName, ADDRESS_WANTED),
          port: k => check.integer(k, undefined, 1, 65535),
          weight: k => check.integer(k, 1, 0, WEIGHT_MAX),
          backup: k => check.flag(k, false),
          maxSessions: k => check.optional(k, () => check.integer(k, undefined, 1, SESSIONS_MAX)),
          keepAlive: k => check.optional(k, () => check.flag(k, true)),
          settleMs: k => check.integer(k, 0, 0, SETTLE_MAX_MS),
          state: k => check.word(k, "ready", ADMIN_STATES),
          proxyProtocol: k => check.word(k, "none", ["none", "v1", "v2"]),
          machine: k => check.optional(k, () => check.text(k, undefined, () => /^/, "a name")),
          health: k => {
            if (k.value !== undefined) own.push({ index, key: k });
            return health;
          },
        }),
      ),
    balance: key => check.word(key, "round-robin", STRATEGY_NAMES),
    sticky: key => check.word(key, "none", ["none", "cookie", "source"]),
    stickyKey: key =>
      check.optional(key, () =>
        check.secret(
          key,
          () => /^(?!\*{8}$)[!-~]{8,64}$/,
          "8 to 64 printable characters without blanks, other than ********",
        ),
      ),
    explain: key => check.integer(key, 0, 0, EXPLAIN_MAX),
    log: ({ path, value = {} }) =>
      check.object<LogSettings>(
        { path, value },
        { requests: k => check.word(k, "all", ["all", "errors", "none"]) },
      ),
    inspect: key =>
      check.list(key, DEFAULT_RULES, 0, KEYWORDS_MAX, rule =>
        check.object<InspectRule>(rule, {
          keyword: k =>
            check.text(k, undefined, () => /^[ -~]{1,64}$/, "1 to 64 printable ASCII characters"),
          from: k => check.word(k, "client", ["client", "backend", "both"]),
          match: k => check.word(k, "anywhere", ["anywhere", "line"]),
          in: k => check.word(k, "text", ["text", "any"]),
          action: k => check.word(k, "close", ["close"]),
        }),
      ),
    routes: key =>
      check.list(key, NO_ITEMS, 0, ROUTES_MAX, rule =>
        check.object<RouteRule>(rule, {
          host: k => check.optional(k, () => check.text(k, undefined, host, HOST_WANTED)),
          path: k => check.text(k, "/", path, PATH_WANTED),
          strip: k => check.flag(k, false),
          redirect: k => check.optional(k, () => check.oneOf<RedirectStatus>(k, REDIRECTS)),
          sni: k =>
            check.optional(k, () =>
              check.list(k, undefined, 1, SNI_MAX, name =>
                check.text(name, undefined, serverName, SERVER_NAME_WANTED),
              ),
            ),
          backends: k =>
            check.optional(k, () =>
              check.list(k, undefined, 1, BACKENDS_MAX, name =>
                check.text(name, undefined, () => /^/, "a name"),
              ),
            ),
        }),
      ),
    trustedProxies: key =>
      check.list(key, NO_ITEMS, 0, TRUSTED_MAX, proxy =>
        check.text(proxy, undefined, network, NETWORK_WANTED),
      ),
    machines: () => NO_ITEMS, // read last, for the same reason
    holdMs: key => check.integer(key, HOLD_MS, HOLD_MIN_MS, TIMEOUT_MAX_MS),
    heldMax: key => check.integer(key, HELD_MAX, 0, HELD_MAX_MAX),
    wakeAtPercent: key => check.integer(key, WAKE_AT_PERCENT, 10, 100),
    connectTimeoutMs: key => check.integer(key, 3_000, 100, TIMEOUT_MAX_MS),
    idleTimeoutMs: key => check.integer(key, 30_000, 100, TIMEOUT_MAX_MS),
    tunnelTimeoutMs: key => check.integer(key, 600_000, 100, TIMEOUT_MAX_MS),
    queueTimeoutMs: key => check.integer(key, 3_000, 100, TIMEOUT_MAX_MS),
    headTimeoutMs: key => check.integer(key, 5_000, 100, TIMEOUT_MAX_MS),
    keepAliveTimeoutMs: key => check.integer(key, 5_000, 100, TIMEOUT_MAX_MS),
    responseTimeoutMs: key => check.integer(key, 30_000, 100, TIMEOUT_MAX_MS),
    retries: key => check.integer(key, 2, 0, BACKENDS_MAX),
    headBytesMax: key => check.integer(key, HEAD_BYTES, 512, 16_384),
    headLinesMax: key => check.integer(key, HEAD_LINES, 8, 256),
    bodyBytesMax: key => check.integer(key, Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER),
    queueMax: key => check.integer(key, 4, 0, 64),
    sessionsMax: key => check.optional(key, k => check.integer(k, undefined, 1, SESSIONS_MAX)),
    clientSessionsMax: key =>
      check.optional(key, k => check.integer(k, undefined, 1, SESSIONS_MAX)),
    bytesPerSecondMin: key => check.integer(key, 500, 0, 1_000_000),
  });
  for (const { index, key } of own) {
    (config.backends[index] as { health: HealthSettings }).health = readHealth(check, key, health);
  }
  const { machines } = (document ?? {}) as GivenDocument;
  if (machines !== undefined) {
    const key = { path: "machines", value: machines };
    (config as { machines: Config["machines"] }).machines = readMachines(check, key);
  }
  const { complaints } = check;
  if (complaints.length === 0) {
    crossCheck(check, config, document as GivenDocument);
    machinesCheck(check, config, link);
  }
  return complaints.length > 0 ? { complaints } : { config, document: document as object };
}

/** `base` with the keys that the document has; `base` itself if it has none: most backends share one object. */
function readHealth(check: DocumentReader, key: Key, base: HealthSettings): HealthSettings {
  if (key.value === undefined) return base;
  return check.object<HealthSettings>(key, {
    check: k => check.word(k, base.check, ["tcp", "tls", "http", "none"]),
    path: k => check.text(k, base.path, () => /^\/[!-~]{0,127}$/, "a path such as /health"),
    host: k =>
      k.value === undefined
        ? base.host
        : check.text(k, undefined, hostName, "a name such as api.home"),
    status: k => check.text(k, base.status, statuses, STATUSES_WANTED),
    body: k =>
      k.value === undefined
        ? base.body
        : check.text(k, undefined, () => /^[ -~]{1,64}$/, "1 to 64 printable ASCII characters"),
    intervalMs: k => check.integer(k, base.intervalMs, 100, TIMEOUT_MAX_MS),
    timeoutMs: k => check.integer(k, base.timeoutMs, 100, TIMEOUT_MAX_MS),
    rise: k => check.integer(k, base.rise, 1, 100),
    fall: k => check.integer(k, base.fall, 1, 100),
    start: k => check.word(k, base.start, ["up", "down"]),
    observe: k => check.word(k, base.observe, ["none", "layer4", "layer7"]),
    ejectAfter: k => check.integer(k, base.ejectAfter, 0, 100),
    slowStartMs: k => check.integer(k, base.slowStartMs, 0, TIMEOUT_MAX_MS),
  });
}

const hostName = () => /^[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?$/i;
/** A check waits for the final response, so no 1xx. */
const statuses = () => /^[2-5]\d\d(-[2-5]\d\d)?(,[2-5]\d\d(-[2-5]\d\d)?)*$/;
const STATUSES_WANTED = "statuses from 200 to 599, such as 200-399 or 200,204";

/** The default name of a backend: a, b, … z, then b27 and so on. */
function backendName(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
}
