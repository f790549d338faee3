import { readJson } from "../config/json.ts";
import { brief } from "../config/reader.ts";
import { deepFreeze } from "../deep-freeze.ts";
import { EVENT_KINDS } from "../log/recent-events.ts";
import { printable } from "../text/quoting.ts";
import { isBoardHost } from "./board-host.ts";
import { escaped, listed, pieces } from "./json-pieces.ts";
import { metrics } from "./metrics.ts";
import type { Outcome } from "./outcome.ts";
import { PAGE_BYTES, PAGE_PIECES } from "./page.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { backendStatus, backendStatuses, boardStatus } from "./status.ts";
import { equalInConstantTime } from "./token.ts";

/** A request to the admin port, as far as it matters. */
export interface AdminRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** What stands behind the `?`; empty where there is none. */
  readonly query: string;
  /** The board's port that it came to. */
  readonly port: number;
  /** Fields by name in lower case. */
  field(name: string): string | undefined;
  readonly body: string;
}

export interface AdminAnswer {
  readonly status: number;
  readonly type: string;
  /** ASCII, as a whole or in pieces of at most some hundred characters, which are made as they are sent. */
  readonly body: string | Pieces;
  readonly fields?: readonly string[];
}

/** Not a string, whose pieces would be its characters. */
export interface Pieces {
  readonly pieces: Iterable<string>;
  /** Of all pieces, where that is known beforehand. */
  readonly bytes?: number;
}

const NO_FAILED_CONFIG = "no configuration has failed";

/** Characters of a request that an answer repeats. */
const ECHO_MAX = 60;

const JSON_TYPE = "application/json";

/** The page runs its own script and speaks to its own board, and no other site may put it into a frame. */
const PAGE_FIELDS = Object.freeze([
  "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'",
  "Referrer-Policy: no-referrer",
]);

const PAGE: Pieces = deepFreeze({ pieces: PAGE_PIECES, bytes: PAGE_BYTES });

const HEALTH = "/healthz";

/** The target of OPTIONS that is no path, but the server itself (RFC 9112 section 3.2.4). */
const SERVER = "*";

/** What paths of single backends begin with. */
const BACKENDS = "/api/backends/";

/** How a token is given, in any case. */
const BEARER = "bearer ";

type Handler = (runtime: RuntimeApi, request: AdminRequest, name: string) => AdminAnswer;

/** What is there, by path and method; `*` stands for one more part of the path. */
const ROUTES: Record<string, Record<string, Handler>> = deepFreeze({
  "/": { GET: () => ({ status: 200, type: "text/html", body: PAGE, fields: PAGE_FIELDS }) },
  [HEALTH]: { GET: healthz },
  "/metrics": {
    GET: runtime => ({
      status: 200,
      type: "text/plain; version=0.0.4",
      body: { pieces: metrics(runtime) },
    }),
  },
  "/api/status": { GET: status },
  "/api/events": { GET: events },
  "/api/config": {
    GET: runtime => inPieces(pieces(runtime.documentAndChanges)),
    PUT: configure,
  },
  "/api/config/default": {
    GET: runtime => inPieces(pieces(runtime.builtIn)),
    PUT: runtime => outcomeAnswer(runtime.configureBuiltIn()),
  },
  "/api/config/failed": {
    GET: ({ failed }) =>
      failed === undefined ? error(404, NO_FAILED_CONFIG) : inPieces(pieces(failed)),
    PUT: runtime => outcomeAnswer(runtime.configureFailed()),
  },
  "/api/config/previous": {
    GET: ({ previous }) =>
      previous === undefined
        ? error(404, "no configuration is on trial")
        : inPieces(pieces(previous)),
    PUT: runtime => outcomeAnswer(runtime.running.undo()),
  },
  "/api/config/next": {
    GET: ({ next }) =>
      next === undefined
        ? error(404, "no other configuration waits for the next start")
        : inPieces(pieces(next)),
  },
  "/api/factory-reset": { PUT: runtime => outcomeAnswer(runtime.factoryReset()) },
  "/api/backends": {
    GET: runtime => inPieces(listed('{"backends":[', backendStatuses(runtime))),
  },
  "/api/backends/*": {
    GET: ({ proxy, parts }, _, name) => {
      const backend = proxy.backend(name);
      if (backend === undefined) return error(404, `no backend ${brief(name)}`);
      return json(200, backendStatus(backend, parts.platform.clock.now()));
    },
    PUT: changeBackend,
  },
  "/api/explain": {
    GET: runtime => {
      const requests = runtime.parts.recent.last(Number.POSITIVE_INFINITY, "requests");
      return inPieces(listed('{"picks":[', picksOf(requests)));
    },
    PUT: (runtime, { body }) =>
      withObject(body, wish => runtime.explain((wish as { picks?: unknown }).picks)),
  },
});

/** Answers one request. Reading is free to all in the network; changing needs the token. */
export function respond(runtime: RuntimeApi, request: AdminRequest): AdminAnswer {
  const untrustedRequest = untrusted(runtime, request);
  if (untrustedRequest !== undefined) return untrustedRequest;
  const [pattern, name] = match(request.path);
  const methods = ROUTES[pattern];
  if (methods === undefined) return error(404, `not found: ${printable(request.path, ECHO_MAX)}`);
  const { method } = request;
  const allow = allowed(methods);
  if (method === "OPTIONS") return { ...options(runtime, request.path), fields: [allow] };
  const served = method === "HEAD" ? "GET" : method;
  const handler = Object.hasOwn(methods, served) ? methods[served] : undefined;
  if (handler === undefined) {
    const why = `${printable(method, ECHO_MAX)} is not supported there`;
    return { ...error(405, why), fields: [allow] };
  }
  if (hasToken(runtime, request)) runtime.confirm(request.port);
  const refusal = request.method === "PUT" ? refused(runtime, request) : undefined;
  return refusal ?? handler(runtime, request, name);
}

/** What may be done there. */
function allowed(methods: Record<string, Handler>): string {
  const names = Object.keys(methods).map(method => (method === "GET" ? "GET, HEAD" : method));
  return `Allow: ${names.join(", ")}, OPTIONS`;
}

/** Changes nothing, and allows no other site anything. HAProxy checks with it, so `/healthz` tells its status. */
function options(runtime: RuntimeApi, path: string): AdminAnswer {
  const { status } = path === HEALTH ? healthz(runtime) : { status: 200 };
  return { status, type: "text/plain", body: "" };
}

function match(path: string): [pattern: string, name: string] {
  if (path === SERVER) return ["/", ""];
  const name = path.startsWith(BACKENDS) ? path.slice(BACKENDS.length) : "";
  if (name !== "" && !name.includes("/")) return [`${BACKENDS}*`, name];
  return [Object.hasOwn(ROUTES, path) && !path.includes("*") ? path : "", ""];
}

/** Why a request is not even looked at: it comes from a page that is not the board's. */
function untrusted({ proxy }: RuntimeApi, request: AdminRequest): AdminAnswer | undefined {
  const { field } = request;
  const host = field("host");
  if (host !== undefined && !isBoardHost(host, proxy.config.adminHosts)) {
    const name = printable(host, ECHO_MAX);
    return error(
      403,
      `${name} is not a name of this board; use its address, or add the name to adminHosts`,
    );
  }
  return isCrossSite(request)
    ? error(403, "requests from pages of other sites are refused")
    : undefined;
}

/** Why a change is not made. */
function refused(runtime: RuntimeApi, request: AdminRequest): AdminAnswer | undefined {
  const { field } = request;
  if (runtime.token === undefined) {
    return error(403, "no token is set, so nothing can be changed; set one on the serial console");
  }
  if (!hasToken(runtime, request)) {
    return { ...error(401, "missing or wrong token"), fields: ["WWW-Authenticate: Bearer"] };
  }
  // Other sites' forms cannot send this type without asking first.
  const type = field("content-type") ?? "";
  const end = type.indexOf(";");
  if ((end < 0 ? type : type.slice(0, end)).trim().toLowerCase() !== JSON_TYPE) {
    return error(415, `wanted Content-Type: ${JSON_TYPE}`);
  }
  return undefined;
}

/** Has it the token? Where none is set, each request has. */
function hasToken({ token }: RuntimeApi, { field }: AdminRequest): boolean {
  if (token === undefined) return true;
  const given = field("authorization") ?? "";
  const isBearer = given.slice(0, BEARER.length).toLowerCase() === BEARER;
  return equalInConstantTime(isBearer ? given.slice(BEARER.length) : "", token);
}

/** Does it come from a page of another site, but for a link that was followed? Programs send none of these fields. */
function isCrossSite({ method, field }: AdminRequest): boolean {
  const followed =
    method === "GET" &&
    field("sec-fetch-mode") === "navigate" &&
    field("sec-fetch-dest") === "document";
  const site = followed && field("origin") === undefined ? undefined : field("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const origin = field("origin");
  return origin !== undefined && origin !== `http://${field("host")}`;
}

function healthz(runtime: RuntimeApi): AdminAnswer {
  if (runtime.running.suspended) {
    return {
      status: 503,
      type: "text/plain",
      body: "clients get 503 until another configuration is applied\n",
    };
  }
  const nowMs = runtime.parts.platform.clock.now();
  const up = runtime.proxy.pool.backends.some(backend => backend.operationalState(nowMs) === "up");
  return up
    ? { status: 200, type: "text/plain", body: "ok\n" }
    : { status: 503, type: "text/plain", body: "no backend is available\n" };
}

/** Puts a configuration in force: on trial and then saved, or with `persist=no` until the next reset only. */
function configure(runtime: RuntimeApi, { query, body }: AdminRequest): AdminAnswer {
  const asked = parametersOf(query, ["persist"]);
  if ("complaint" in asked) return error(400, asked.complaint);
  const { persist = "yes" } = asked.values;
  if (persist !== "yes" && persist !== "no") {
    return error(400, `persist: is ${brief(persist)}; wanted yes or no`);
  }
  return withObject(body, document =>
    persist === "yes" ? runtime.configure(document) : runtime.configureUntilReset(document),
  );
}

function changeBackend(runtime: RuntimeApi, { body }: AdminRequest, name: string): AdminAnswer {
  const wish = objectOf(body);
  if ("complaint" in wish) return error(400, wish.complaint);
  const unknown = Object.keys(wish.object).filter(key => key !== "state" && key !== "weight");
  if (unknown.length > 0)
    return error(400, `${printable(unknown[0], ECHO_MAX)}: no such key; known are state, weight`);
  if (runtime.proxy.backend(name) === undefined) return error(404, `no backend ${brief(name)}`);
  const { state, weight } = wish.object as { state?: unknown; weight?: unknown };
  return outcomeAnswer(runtime.changeBackend(name, { state, weight }));
}

/** The last events of both kinds or of one, all of them or as many as are asked for. */
function events({ parts }: RuntimeApi, { query }: AdminRequest): AdminAnswer {
  const asked = parametersOf(query, ["kind", "last"]);
  if ("complaint" in asked) return error(400, asked.complaint);
  const { kind, last } = asked.values;
  const known = EVENT_KINDS.find(name => name === kind);
  if (kind !== undefined && known === undefined) {
    return error(400, `kind: is ${brief(kind)}; wanted ${EVENT_KINDS.join(" or ")}`);
  }
  const count = last === undefined ? Number.POSITIVE_INFINITY : Number(last);
  if (last !== undefined && !(Number.isInteger(count) && count >= 1)) {
    return error(400, `last: is ${brief(last)}; wanted a whole number from 1 on`);
  }
  return inPieces(listed('{"events":[', parts.recent.last(count, known)));
}

type Parameters = { readonly values: Record<string, string> } | { readonly complaint: string };

/** The parameters of a query. None of `known` takes values that would have to be escaped. */
function parametersOf(query: string, known: readonly string[]): Parameters {
  const values: Record<string, string> = {};
  // One by one: an array of them all could be more than the chip's memory.
  for (let start = 0, end = 0; start < query.length; start = end + 1) {
    end = query.indexOf("&", start);
    if (end < 0) end = query.length;
    if (end === start) continue;
    const part = query.slice(start, end);
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? "" : part.slice(equals + 1);
    if (!known.includes(name)) {
      return { complaint: `${brief(name)}: no such parameter; known are ${known.join(", ")}` };
    }
    values[name] = value;
  }
  return { values };
}

function* picksOf(lines: Iterable<string>): Generator<string, void> {
  for (const line of lines) if (line.includes(" backend: pick ")) yield line;
}

Object.freeze(picksOf.prototype);

function status(runtime: RuntimeApi): AdminAnswer {
  const board = escaped(JSON.stringify(boardStatus(runtime)));
  return inPieces(listed(`${board.slice(0, -1)},"backends":[`, backendStatuses(runtime)));
}

function withObject(body: string, use: (object: object) => Outcome): AdminAnswer {
  const wish = objectOf(body);
  return "complaint" in wish ? error(400, wish.complaint) : outcomeAnswer(use(wish.object));
}

function objectOf(text: string): { readonly object: object } | { readonly complaint: string } {
  const parsed = readJson(text);
  if ("complaint" in parsed) {
    return { complaint: `wanted a JSON object, and this is not JSON: ${parsed.complaint}` };
  }
  const { value } = parsed;
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { object: value }
    : { complaint: `wanted a JSON object, not ${brief(text)}` };
}

function outcomeAnswer(outcome: Outcome): AdminAnswer {
  if ("done" in outcome) return json(200, outcome);
  return json(400, { error: outcome.complaints[0], complaints: outcome.complaints });
}

function error(status: number, text: string): AdminAnswer {
  return json(status, { error: text });
}

function json(status: number, value: object): AdminAnswer {
  return { status, type: JSON_TYPE, body: `${escaped(JSON.stringify(value))}\n` };
}

function inPieces(pieces: Iterable<string>): AdminAnswer {
  return { status: 200, type: JSON_TYPE, body: { pieces } };
}
