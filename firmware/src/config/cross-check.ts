import { ROUTE_PATH_MAX } from "../http1/path.ts";
import { isLocalhost } from "../net/address.ts";
import { KEYWORD_BYTES_MAX } from "../net/keywords.ts";
import { brief, type DocumentReader } from "./reader.ts";
import {
  type BackendSettings,
  type Config,
  type HealthSettings,
  type Mode,
  type RouteRule,
  type StrategyName,
  statusRanges,
  UNWEIGHTED,
} from "./settings.ts";

/** The part of the document that the cross-check needs: which keys are not defaults. */
export interface GivenDocument {
  readonly inspect?: unknown;
  readonly health?: object;
  readonly backends: readonly { readonly name?: unknown; readonly health?: object }[];
  readonly routes?: readonly object[];
  readonly machines?: unknown;
}

/** Complains about valid keys that contradict each other, above all about options without effect. */
export function crossCheck(check: DocumentReader, config: Config, given: GivenDocument): void {
  const { listeners, adminPort, adminHosts, backends, balance } = config;
  const { inspect, routes, sticky, stickyKey } = config;
  const names = backends.map(({ name }) => name);
  unique(
    check,
    "listeners",
    listeners.map(({ port }) => port),
  );
  if (listeners.some(({ port }) => port === adminPort)) {
    check.complain(
      `adminPort: is ${adminPort}, and a listener has that port, too; wanted another one`,
    );
  }
  if (adminPort === 0 && adminHosts.length > 0) {
    check.complain("adminHosts: has no effect with adminPort 0; use []");
  }
  uniqueNames(check, names, given);
  for (const [index, { host, path, sni, backends: wanted = [] }] of routes.entries()) {
    const isSame = (other: RouteRule) =>
      other.sni === undefined &&
      other.path === path &&
      other.host?.toLowerCase() === host?.toLowerCase();
    const first = sni === undefined ? routes.findIndex(isSame) : index;
    if (first < index) {
      check.complain(
        `routes[${index}]: is for the same requests as routes[${first}], which is used; list one of them`,
      );
    }
    kindCheck(check, index, routes[index], given.routes?.[index] ?? {});
    pathCheck(check, `routes[${index}].path`, path);
    for (const name of wanted) {
      if (names.includes(name)) continue;
      check.complain(
        `routes[${index}].backends: no backend is called ${brief(name)}; known are ${names.join(", ")}`,
      );
    }
  }
  const bytes = inspect.reduce((sum, { keyword }) => sum + keyword.length, 0);
  if (bytes > KEYWORD_BYTES_MAX) {
    check.complain(
      `inspect: the keywords are ${bytes} characters long together; the maximum is ${KEYWORD_BYTES_MAX}`,
    );
  }
  serverNames(check, routes);
  modeCheck(check, config, given);
  for (const [index, backend] of backends.entries()) {
    const { address, keepAlive, maxSessions, proxyProtocol, settleMs } = backend;
    const key = `backends[${index}]`;
    if (isLocalhost(address)) {
      check.complain(
        `${key}.address: is ${brief(address)}, which is the board itself; use the server's address or name in the network`,
      );
    }
    if (keepAlive === true && maxSessions === 1) {
      check.complain(
        `${key}.keepAlive: is true, but with maxSessions 1 no connection is kept; use false`,
      );
    }
    if (keepAlive === true && proxyProtocol !== "none") {
      check.complain(
        `${key}.keepAlive: is true, but with proxyProtocol no connection is kept; use false`,
      );
    }
    if (settleMs > 0 && maxSessions !== 1) {
      check.complain(
        `${key}.settleMs: is ${settleMs}, which has an effect only with maxSessions 1; use 0`,
      );
    }
  }
  for (const [index, { weight }] of backends.entries()) {
    const fault = weightFault(weight, balance);
    if (fault !== undefined) check.complain(`backends[${index}].weight: ${fault}`);
  }
  healthCheck(check, config, given);
  if (sticky !== "cookie" && stickyKey !== undefined) {
    check.complain(`stickyKey: has an effect only with sticky "cookie"; sticky is "${sticky}"`);
  }
}

/** Keys that only HTTP checks use, except `host`, which TLS checks use as well. */
const HTTP_KEYS = Object.freeze(["path", "host", "status", "body"]);

function healthCheck(check: DocumentReader, config: Config, given: GivenDocument): void {
  const { backends, balance, health } = config;
  const isShared = backends.some(backend => backend.health === health);
  if (isShared) healthFaults(check, "health", health, balance);
  effectFaults(check, "health", given.health, health, backends);
  for (const [index, backend] of backends.entries()) {
    if (backend.health === health) continue;
    const path = `backends[${index}].health`;
    healthFaults(check, path, backend.health, balance, isShared ? health : undefined);
    effectFaults(check, path, given.backends[index].health, backend.health, [backend]);
  }
}

/** Faults that `shared`, the settings of the other backends, has as well are reported there. */
function healthFaults(
  check: DocumentReader,
  path: string,
  health: HealthSettings,
  balance: StrategyName,
  shared?: HealthSettings,
): void {
  const { slowStartMs, start, status } = health;
  const isWithoutChecks = health.check === "none";
  if (UNWEIGHTED.includes(balance) && slowStartMs > 0 && slowStartMs !== shared?.slowStartMs) {
    check.complain(`${path}.slowStartMs: ${ignored(slowStartMs, balance)}`);
  }
  const isSame = shared?.check === "none" && shared.start === "down";
  if (isWithoutChecks && start === "down" && !isSame) {
    check.complain(
      `${path}.start: is "down", and without checks no backend would ever come up; use "up"`,
    );
  }
  const empty = statusRanges(status).find(([from, to]) => from > to);
  if (empty !== undefined && status !== shared?.status) {
    const [from, to] = empty;
    check.complain(
      `${path}.status: is ${brief(status)}, and ${from}-${to} matches nothing; use ${to}-${from}`,
    );
  }
}

/** Complains about `given` keys that none of the `backends` uses: their checks are of another kind. */
function effectFaults(
  check: DocumentReader,
  path: string,
  given: object | undefined,
  health: HealthSettings,
  backends: readonly BackendSettings[],
): void {
  if (given === undefined) return;
  for (const key of HTTP_KEYS) {
    const isUsed = ({ check }: HealthSettings) =>
      check === "http" || (check === "tls" && key === "host");
    if (!(key in given) || isUsed(health)) continue;
    if (backends.some(backend => isUsed(backend.health))) continue;
    const wanted = key === "host" ? '"http" or "tls"' : '"http"';
    check.complain(
      `${path}.${key}: has an effect only with check ${wanted}; check is "${health.check}"`,
    );
  }
}

/** The complaint about a weight under a strategy that ignores weights. */
export function weightFault(weight: number, balance: StrategyName): string | undefined {
  return weight > 1 && UNWEIGHTED.includes(balance) ? ignored(weight, balance) : undefined;
}

function ignored(value: number, balance: StrategyName): string {
  return `is ${value}, but ${balance} ignores weights; use weighted-round-robin`;
}

/** A route is for HTTP or for TLS, and one that redirects has no backends. */
function kindCheck(check: DocumentReader, index: number, rule: RouteRule, given: object): void {
  const { sni, redirect } = rule;
  if (sni !== undefined) {
    for (const key of ["host", "path", "strip", "redirect"]) {
      if (!(key in given)) continue;
      check.complain(
        `routes[${index}].${key}: is for HTTP, but the route has sni, which is for TLS; list two routes`,
      );
    }
  } else if (redirect !== undefined) {
    for (const key of ["backends", "strip"]) {
      if (!(key in given)) continue;
      check.complain(
        `routes[${index}].${key}: has no effect, because the route has redirect ${redirect}; leave one of them out`,
      );
    }
  }
}

/** Complains about a server name that is listed twice. */
function serverNames(check: DocumentReader, routes: readonly RouteRule[]): void {
  const seen = new Map<string, string>();
  for (const [index, { sni = [] }] of routes.entries()) {
    for (const [at, name] of sni.entries()) {
      const key = `routes[${index}].sni[${at}]`;
      const first = seen.get(name.toLowerCase());
      if (first !== undefined) {
        check.complain(`${key}: ${brief(name)} is ${first}, too, which is used; list it once`);
      } else {
        seen.set(name.toLowerCase(), key);
      }
    }
  }
}

/** Complains about what only HTTP, only TLS or only raw TCP uses if no listener serves it. */
function modeCheck(check: DocumentReader, config: Config, given: GivenDocument): void {
  const { listeners, inspect, routes, sticky } = config;
  const has = (mode: Mode) => listeners.some(listener => listener.mode === mode);
  const modes = [...new Set(listeners.map(({ mode }) => `"${mode}"`))].join(" or ");
  const servesHttp = has("auto") || has("http");
  const servesTls = has("auto") || has("tls");
  if (!has("auto") && !has("tcp") && given.inspect !== undefined && inspect.length > 0) {
    check.complain(`inspect: has no effect, because all listeners have mode ${modes}; use []`);
  }
  if (!servesHttp && !servesTls && routes.length > 0) {
    check.complain('routes: has no effect, because all listeners have mode "tcp"; use []');
  } else {
    for (const [index, { sni }] of routes.entries()) {
      if (sni === undefined ? servesHttp : servesTls) continue;
      const [key, wanted] = sni === undefined ? ["", "HTTP"] : [".sni", "TLS"];
      const mode = sni === undefined ? "http" : "tls";
      check.complain(
        `routes[${index}]${key}: has no effect, because all listeners have mode ${modes}; ${wanted} needs "auto" or "${mode}"`,
      );
    }
  }
  for (const [index, { mode }] of listeners.entries()) {
    if (mode !== "tls" || routes.some(({ sni }) => sni !== undefined)) continue;
    check.complain(
      `listeners[${index}].mode: is "tls", but no route has sni, so every connection would be closed; add { "sni": ["*"] } to routes`,
    );
  }
  if (!servesHttp && sticky === "cookie") {
    check.complain(
      `sticky: is "cookie", but all listeners have mode ${modes}, and only HTTP has cookies; use "source"`,
    );
  }
}

/** Complains about two backends of one name, of which one may be a default. */
function uniqueNames(
  check: DocumentReader,
  names: readonly string[],
  { backends }: GivenDocument,
): void {
  const second = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (second < 0) return;
  const first = names.indexOf(names[second]);
  const unnamed = [first, second].find(index => backends[index].name === undefined);
  if (unnamed === undefined) {
    unique(check, "backends", names);
    return;
  }
  const other = unnamed === first ? second : first;
  check.complain(
    `backends[${unnamed}].name: missing, and the default, ${names[first]}, is the name of backends[${other}]; name it`,
  );
}

/** Complains about a path of a route or of a rule that is longer than what is compared, or ends as a file pattern does. */
export function pathCheck(check: DocumentReader, key: string, path = ""): void {
  if (path.length > ROUTE_PATH_MAX) {
    check.complain(`${key}: has ${path.length} characters; the maximum is ${ROUTE_PATH_MAX}`);
  } else if (path.endsWith("*")) {
    check.complain(`${key}: is ${brief(path)}; without the * it is for all paths below`);
  }
}

/** Complains about a value that is listed twice. */
export function unique(
  check: DocumentReader,
  path: string,
  values: readonly (string | number)[],
): void {
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) check.complain(`${path}: ${twice} is listed twice; list it once`);
}
