import { IPV4, NETWORK } from "./address.ts";
import type { BackendAddress } from "./backend/backend.ts";
import { BACKENDS_MAX } from "./backend/pool.ts";
import { STRATEGIES, type StrategyName } from "./balancer/strategy.ts";
import { KEYWORD_BYTES_MAX, KEYWORDS_MAX, type Keyword } from "./inspect/keywords.ts";
import type { Mode } from "./session.ts";

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

/** A checked configuration: every key is there and holds what it may hold. */
export interface Config {
  readonly listeners: readonly { readonly port: number; readonly mode: Mode }[];
  readonly backends: readonly BackendAddress[];
  readonly balance: StrategyName;
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
  /** How long a client may wait for a slot. */
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
  /** Clients that may wait for a slot. */
  readonly queueMax: number;
  /** Sessions at once; as many as the board's connections carry when not given. */
  readonly sessionsMax: number | undefined;
}

/** Longest time that a timeout may be: a day. */
const TIMEOUT_MAX_MS = 86_400_000;

/** Listeners that lwIP gives us (`LWIP_MAX_LISTENING_TCP` is 4), less one for the admin page. */
const LISTENERS_MAX = 3;

/** Routes of a configuration, each a handful of objects on the chip. */
const ROUTES_MAX = 16;

const TRUSTED_MAX = 8;

const DEFAULT_RULE: InspectRule = {
  keyword: "END",
  from: "client",
  match: "anywhere",
  action: "close",
};

/**
 * Checks a configuration document, the outcome of `JSON.parse`, as a whole. Gives either the
 * configuration, defaults filled in, or every complaint: each names the key, echoes the value, and
 * says what would do.
 */
export function readConfig(document: unknown): { config: Config } | { complaints: string[] } {
  const check = new Check();
  const config = check.object<Config>("", document, {
    listeners: key =>
      check.list(key, [{ port: 80, mode: "auto" }], 1, LISTENERS_MAX, listener =>
        check.object<Config["listeners"][number]>(listener.key, listener.value, {
          port: k => check.integer(k, undefined, 1, 65535),
          mode: k => check.word(k, "auto", ["auto", "http", "tcp"]),
        }),
      ),
    backends: key =>
      check.list(key, undefined, 1, BACKENDS_MAX, backend =>
        check.object<BackendAddress>(backend.key, backend.value, {
          name: k =>
            check.text(
              k,
              backendName(backend.index),
              /^[a-z0-9][a-z0-9._-]{0,31}$/i,
              "1 to 32 letters, digits, dots, dashes",
            ),
          address: k => check.text(k, undefined, IPV4, "an IPv4 address such as 192.168.1.10"),
          port: k => check.integer(k, undefined, 1, 65535),
        }),
      ),
    balance: key => check.word(key, "round-robin", Object.keys(STRATEGIES) as StrategyName[]),
    inspect: key =>
      check.list(key, [DEFAULT_RULE], 0, KEYWORDS_MAX, rule =>
        check.object<InspectRule>(rule.key, rule.value, {
          keyword: k =>
            check.text(k, undefined, /^[ -~]{1,64}$/, "1 to 64 printable ASCII characters"),
          from: k => check.word(k, "client", ["client", "backend", "both"]),
          match: k => check.word(k, "anywhere", ["anywhere", "line"]),
          action: k => check.word(k, "close", ["close"]),
        }),
      ),
    routes: key =>
      check.list(key, [], 0, ROUTES_MAX, rule =>
        check.object<RouteRule>(rule.key, rule.value, {
          host: k =>
            check.optional(k, () =>
              check.text(k, undefined, HOST, "a name such as api.home, or *.home"),
            ),
          path: k =>
            check.text(k, "/", PATH, "a path such as /api, whose parts begin without a dot"),
          strip: k => check.flag(k, false),
          backends: k =>
            check.optional(k, () =>
              check.list(k, undefined, 1, BACKENDS_MAX, name =>
                check.text({ path: name.key, value: name.value }, undefined, /^/, "a name"),
              ),
            ),
        }),
      ),
    trustedProxies: key =>
      check.list(key, [], 0, TRUSTED_MAX, proxy =>
        check.text(
          { path: proxy.key, value: proxy.value },
          undefined,
          NETWORK,
          "an address or a network, such as 192.168.1.2 or 192.168.1.0/24",
        ),
      ),
    connectTimeoutMs: key => check.integer(key, 3_000, 100, TIMEOUT_MAX_MS),
    idleTimeoutMs: key => check.integer(key, 30_000, 100, TIMEOUT_MAX_MS),
    tunnelTimeoutMs: key => check.integer(key, 600_000, 100, TIMEOUT_MAX_MS),
    queueTimeoutMs: key => check.integer(key, 3_000, 100, TIMEOUT_MAX_MS),
    headTimeoutMs: key => check.integer(key, 5_000, 100, TIMEOUT_MAX_MS),
    keepAliveTimeoutMs: key => check.integer(key, 5_000, 100, TIMEOUT_MAX_MS),
    responseTimeoutMs: key => check.integer(key, 30_000, 100, TIMEOUT_MAX_MS),
    retries: key => check.integer(key, 2, 0, BACKENDS_MAX),
    headBytesMax: key => check.integer(key, 4096, 512, 16_384),
    headLinesMax: key => check.integer(key, 48, 8, 256),
    bodyBytesMax: key => check.integer(key, Number.MAX_SAFE_INTEGER, 0, Number.MAX_SAFE_INTEGER),
    queueMax: key => check.integer(key, 4, 0, 64),
    sessionsMax: key => check.optional(key, k => check.integer(k, undefined, 1, 512)),
  });
  if (check.complaints.length === 0) {
    check.unique(
      "listeners",
      config.listeners.map(({ port }) => port),
    );
    check.unique(
      "backends",
      config.backends.map(({ name }) => name),
    );
    for (const [index, { backends = [] }] of config.routes.entries()) {
      check.known(
        `routes[${index}].backends`,
        backends,
        config.backends.map(({ name }) => name),
      );
    }
    const bytes = config.inspect.reduce((sum, { keyword }) => sum + keyword.length, 0);
    if (bytes > KEYWORD_BYTES_MAX) {
      check.complaints.push(
        `inspect: the keywords are ${bytes} characters long in all; ${KEYWORD_BYTES_MAX} at most would do`,
      );
    }
  }
  return check.complaints.length > 0 ? { complaints: check.complaints } : { config };
}

const HOST = /^(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
const PATH = /^(?!.*\/\.)\/[a-z0-9._~!$&'()*+,;=:@/-]{0,127}$/i;

/** a, b, … z, then b27 and so on: what a backend without a name is called. */
function backendName(index: number): string {
  return index < 26 ? String.fromCharCode(97 + index) : `b${index + 1}`;
}

/** Where a value stands: `path` as people write it, and the value. */
interface Key {
  readonly path: string;
  readonly value: unknown;
}

/** Gathers complaints while a document is taken apart. What it returns is only good without any. */
class Check {
  readonly complaints: string[] = [];

  object<T extends object>(
    path: string,
    value: unknown,
    keys: { [K in keyof T]-?: (key: Key) => T[K] },
  ): T {
    const result: Partial<T> = {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#complain(path || "configuration", value, "an object, { … }");
      return result as T;
    }
    const prefix = path && `${path}.`;
    const known = Object.keys(keys);
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      const near = nearest(name, known);
      this.complaints.push(
        `${prefix}${name}: no such key; ${near ? `did you mean "${near}"?` : `known are ${known.join(", ")}`}`,
      );
    }
    for (const name of known as (keyof T & string)[]) {
      result[name] = keys[name]({
        path: `${prefix}${name}`,
        value: (value as Record<string, unknown>)[name],
      });
    }
    return result as T;
  }

  list<T>(
    { path, value }: Key,
    fallback: readonly T[] | undefined,
    countMin: number,
    countMax: number,
    item: (item: { key: string; value: unknown; index: number }) => T,
  ): readonly T[] {
    if (value === undefined && fallback) return fallback;
    if (!Array.isArray(value) || value.length < countMin || value.length > countMax) {
      this.#complain(path, value, `a list of ${countMin} to ${countMax}`);
      return [];
    }
    return value.map((entry, index) => item({ key: `${path}[${index}]`, value: entry, index }));
  }

  integer({ path, value }: Key, fallback: number | undefined, min: number, max: number): number {
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    this.#complain(path, value, `a whole number from ${min} to ${max}`);
    return min;
  }

  text({ path, value }: Key, fallback: string | undefined, form: RegExp, wanted: string): string {
    if (value === undefined && fallback !== undefined) return fallback;
    if (typeof value === "string" && form.test(value)) return value;
    this.#complain(path, value, wanted);
    return "";
  }

  word<T extends string>({ path, value }: Key, fallback: T, words: readonly T[]): T {
    if (value === undefined) return fallback;
    if (words.includes(value as T)) return value as T;
    const near = typeof value === "string" ? nearest(value, words) : undefined;
    const wanted = words.map(word => `"${word}"`).join(", ");
    this.#complain(path, value, near ? `${wanted}; did you mean "${near}"?` : wanted);
    return fallback;
  }

  flag({ path, value }: Key, fallback: boolean): boolean {
    if (value === undefined) return fallback;
    if (typeof value === "boolean") return value;
    this.#complain(path, value, "true or false");
    return fallback;
  }

  known(path: string, values: readonly string[], known: readonly string[]): void {
    for (const value of values) {
      if (!known.includes(value))
        this.complaints.push(
          `${path}: no backend is called "${value}"; known are ${known.join(", ")}`,
        );
    }
  }

  optional<T>(key: Key, read: (key: Key) => T): T | undefined {
    return key.value === undefined ? undefined : read(key);
  }

  unique(path: string, values: readonly (string | number)[]): void {
    const twice = values.find((value, index) => values.indexOf(value) !== index);
    if (twice !== undefined)
      this.complaints.push(`${path}: ${twice} is there twice; each one once would do`);
  }

  #complain(path: string, value: unknown, wanted: string): void {
    const got = value === undefined ? "missing" : `is ${brief(value)}`;
    this.complaints.push(`${path}: ${got}; wanted ${wanted}`);
  }
}

/** A value as a complaint echoes it: whole when short. */
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}

/** The word most like `word`, if one is like it: at most a third of the letters differ. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Letters to insert, remove or change to get from `a` to `b` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, change));
    }
    row = next;
  }
  return row[b.length];
}
