import { brief, type Complaints, DocumentReader, jsonOrText } from "../config/reader.ts";
import { deepFreeze } from "../deep-freeze.ts";
import { printable } from "../text/quoting.ts";
import { type AdminRequest, ECHO_MAX, hasToken, refusedChange, refusedSite } from "./access.ts";
import {
  type AdminAnswer,
  error,
  inPieces,
  json,
  list,
  outcomeAnswer,
  text,
  whole,
  withLists,
} from "./answer.ts";
import { changeMachine, machineOf, noMachine } from "./machine-changes.ts";
import { machineStatus, machineStatuses } from "./machine-status.ts";
import { metrics } from "./metrics.ts";
import { type Outcome, refusal } from "./outcome.ts";
import { PAGE } from "./page.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { runTimeChanges } from "./runtime-changes.ts";
import { withoutSecrets } from "./secrets.ts";
import { backendStatus, backendStatuses, boardStatus, tlsRoutes } from "./status.ts";
import { hasUsableBackend } from "./trial.ts";

const HEALTH = "/healthz";

/** The target of OPTIONS that is not a path, but the server itself (RFC 9112 section 3.2.4). */
const SERVER = "*";

const NO_MEMORY =
  "no memory is left for this beside the board's sessions and the configuration in force; nothing was changed";

/** Prefixes of the paths of single backends and machines. */
const COLLECTIONS = Object.freeze(["/api/backends/", "/api/machines/"]);

type Handler = (runtime: RuntimeApi, request: AdminRequest, name: string) => AdminAnswer;

/** All answers, by path and method; `*` in a path stands for the name of a backend or machine. */
const ROUTES: Record<string, Record<string, Handler>> = deepFreeze({
  "/": { GET: () => PAGE },
  [HEALTH]: { GET: healthz },
  "/metrics": { GET: runtime => inPieces("text/plain; version=0.0.4", metrics(runtime)) },
  "/api/status": { GET: status },
  "/api/events": { GET: events },
  "/api/config": { GET: documentAndChanges, PUT: configure },
  "/api/config/default": {
    GET: ({ running }) => document(running.builtIn),
    PUT: ({ running }) => outcomeAnswer(running.configureBuiltIn()),
  },
  "/api/config/failed": {
    GET: ({ running }) => document(running.failed, "no configuration has failed"),
    PUT: runtime => outcomeAnswer(runtime.configureFailed()),
  },
  "/api/config/previous": {
    GET: ({ running }) => document(running.previous, "no configuration is on trial"),
    PUT: ({ running }) => outcomeAnswer(running.undo()),
  },
  "/api/config/next": {
    GET: ({ running }) => document(running.next, "no configuration is stored for the next start"),
  },
  "/api/factory-reset": { PUT: runtime => outcomeAnswer(runtime.factoryReset()) },
  "/api/backends": { GET: runtime => list('{"backends":[', backendStatuses(runtime)) },
  "/api/backends/*": { GET: backend, PUT: changeBackend },
  "/api/machines": { GET: runtime => list('{"machines":[', machineStatuses(runtime)) },
  "/api/machines/*": { GET: machine, PUT: changeMachineNamed },
  "/api/explain": {
    GET: ({ parts }) =>
      list('{"picks":[', picksOf(parts.log.last(Number.POSITIVE_INFINITY, "requests"))),
    PUT: (runtime, request) =>
      withObject(request, wish => runtime.explain((wish as { picks?: unknown }).picks)),
  },
});

/** Answers one request. Anyone in the network may read; changing needs the token. */
export function respond(runtime: RuntimeApi, request: AdminRequest): AdminAnswer {
  const refused = refusedSite(runtime, request);
  if (refused !== undefined) return refused;
  const [pattern, name] = match(request.path);
  const methods = ROUTES[pattern];
  if (methods === undefined) return error(404, `not found: ${printable(request.path, ECHO_MAX)}`);
  const { method } = request;
  const fields = [allowed(methods)];
  if (method === "OPTIONS") {
    // Changes nothing, and allows no other site anything. HAProxy checks with it, so `/healthz` tells its status.
    return { ...text(request.path === HEALTH ? healthz(runtime).status : 200, ""), fields };
  }
  const served = method === "HEAD" ? "GET" : method;
  const handler = Object.hasOwn(methods, served) ? methods[served] : undefined;
  if (handler === undefined) {
    return { ...error(405, `${printable(method, ECHO_MAX)} is not supported there`), fields };
  }
  if (hasToken(runtime, request)) runtime.confirm(request.port);
  const refusedPut = method === "PUT" ? refusedChange(runtime, request) : undefined;
  return refusedPut ?? handler(runtime, request, name);
}

/** The field that lists the methods of a path. */
function allowed(methods: Record<string, Handler>): string {
  const names = Object.keys(methods).map(method => (method === "GET" ? "GET, HEAD" : method));
  return `Allow: ${names.join(", ")}, OPTIONS`;
}

function match(path: string): [pattern: string, name: string] {
  if (path === SERVER) return ["/", ""];
  const collection = COLLECTIONS.find(prefix => path.startsWith(prefix)) ?? "";
  const name = collection && path.slice(collection.length);
  if (name !== "" && !name.includes("/")) return [`${collection}*`, name];
  return [Object.hasOwn(ROUTES, path) && !path.includes("*") ? path : "", ""];
}

function healthz(runtime: RuntimeApi): AdminAnswer {
  const { parts, running } = runtime;
  if (running.suspended)
    return text(503, "clients get 503 until another configuration is applied\n");
  if (hasUsableBackend(parts)) return text(200, "ok\n");
  let reasons = "";
  for (const { name, operationalState: state, check } of backendStatuses(runtime)) {
    reasons += `${name}: ${state === "down" ? `down/${check ?? "unchecked"}` : state}\n`;
  }
  return text(503, `no backend is available\n${reasons}`);
}

/** A document without its secrets, or 404 with `none` if there is none. */
function document(found: object | undefined, none = ""): AdminAnswer {
  return found === undefined ? error(404, none) : whole(withoutSecrets(found));
}

/** The document in force plus what differs from it at run time; putting it back changes nothing. */
function documentAndChanges({ document, proxy }: RuntimeApi): AdminAnswer {
  const setAtRunTime = runTimeChanges(proxy);
  return whole(setAtRunTime.length === 0 ? document : { ...document, setAtRunTime });
}

/** Puts a configuration in force: on trial and then saved, or with `persist=no` until the next reset only. */
function configure(runtime: RuntimeApi, request: AdminRequest): AdminAnswer {
  const parameters = parametersOf(request.query, ["persist"]);
  if ("complaints" in parameters) return outcomeAnswer(parameters);
  const { persist: value } = parameters.values;
  const check = new DocumentReader();
  const persist = check.word({ path: "persist", value }, "yes", ["yes", "no"]);
  if (check.complaints.length > 0) return outcomeAnswer(check);
  return withObject(request, wish => runtime.configure(wish, { persist: persist === "yes" }));
}

function backend(runtime: RuntimeApi, _: AdminRequest, name: string): AdminAnswer {
  const { proxy, parts } = runtime;
  const found = proxy.backend(name);
  if (found === undefined) return error(404, runtime.noBackend(name));
  return json(200, backendStatus(found, parts.platform.clock.now()));
}

function changeBackend(runtime: RuntimeApi, request: AdminRequest, name: string): AdminAnswer {
  if (runtime.proxy.backend(name) === undefined) return error(404, runtime.noBackend(name));
  return withObject(request, wish => runtime.changeBackend(name, wish));
}

function machine({ proxy, parts }: RuntimeApi, _: AdminRequest, name: string): AdminAnswer {
  const found = machineOf(proxy, name);
  if (found === undefined) return error(404, noMachine(proxy, name));
  return json(200, machineStatus(found, proxy.pool.backends, parts.platform.clock.now()));
}

function changeMachineNamed(runtime: RuntimeApi, request: AdminRequest, name: string): AdminAnswer {
  const { proxy } = runtime;
  if (machineOf(proxy, name) === undefined) return error(404, noMachine(proxy, name));
  return withObject(request, wish => changeMachine(runtime, name, wish));
}

function events(runtime: RuntimeApi, { query }: AdminRequest): AdminAnswer {
  const parameters = parametersOf(query, ["kind", "last"]);
  if ("complaints" in parameters) return outcomeAnswer(parameters);
  const { kind, last } = parameters.values;
  const found = runtime.events(kind, last && jsonOrText(last));
  if ("complaints" in found) return outcomeAnswer(found);
  const { status, offsets } = runtime.parts.time;
  const startedMs = status?.startedMs ?? null;
  return list(`{"startedMs":${startedMs},"offsets":${JSON.stringify(offsets)},"events":[`, found);
}

/** The parameters of a query. None of `known` takes values that would have to be escaped. */
function parametersOf(
  query: string,
  known: readonly string[],
): { readonly values: Record<string, string> } | Complaints {
  const values: Record<string, string> = {};
  // One by one: an array of them all could be more than the chip's memory.
  for (let start = 0, end = 0; start < query.length; start = end + 1) {
    end = query.indexOf("&", start);
    if (end < 0) end = query.length;
    if (end === start) continue;
    const part = query.slice(start, end);
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    if (!known.includes(name)) {
      return refusal(`${brief(name)}: no such parameter; known are ${known.join(", ")}`);
    }
    values[name] = equals < 0 ? "" : part.slice(equals + 1);
  }
  return { values };
}

function* picksOf(lines: Iterable<string>): Generator<string, void> {
  for (const line of lines) if (line.includes(" backend: pick ")) yield line;
}

Object.freeze(picksOf.prototype);

function status(runtime: RuntimeApi): AdminAnswer {
  return withLists(boardStatus(runtime), [
    ["tlsRoutes", tlsRoutes(runtime)],
    ["machines", machineStatuses(runtime)],
    ["backends", backendStatuses(runtime)],
  ]);
}

/** Uses the JSON object in a body. */
function withObject(request: AdminRequest, use: (object: object) => Outcome): AdminAnswer {
  const parsed = request.body();
  if (parsed === "no memory") return error(503, NO_MEMORY);
  if ("complaint" in parsed) {
    return error(400, `wanted a JSON object, and this is not JSON: ${parsed.complaint}`);
  }
  const { value } = parsed;
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? outcomeAnswer(use(value))
    : error(400, `wanted a JSON object, not ${brief(value)}`);
}
