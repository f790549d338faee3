import type { BackendSettings, HealthSettings, ListenerConfig } from "../../src/config/settings.ts";
import { NAMES, TREATMENT } from "../../src/http1/field-names.ts";
import { isHostName } from "../../src/net/address.ts";
import { findBoardOnly } from "./board-only.ts";
import type { Findings } from "./findings.ts";
import type { Exported, ExportedGroup, ExportedRoute } from "./groups.ts";
import { literal } from "./regular-expression.ts";

/** The lines of a HAProxy configuration (2.6 or later), section by section. */
class Lines {
  #lines: string[] = [];

  section(title: string, ...comments: readonly string[]): void {
    this.#lines.push("", ...comments.map(comment => `# ${comment}`), title);
  }

  add(...lines: readonly string[]): void {
    this.#lines.push(...lines.map(line => `    ${line}`));
  }

  comment(text: string): void {
    this.#lines.push(`    # ${text}`);
  }

  get text(): string {
    return `${this.#lines.join("\n").trimStart()}\n`;
  }
}

/**
 * Quotes a word for HAProxy's parser, which takes everything between single quotes as it stands (management guide, chapter 2.2). Values
 * of a document hold no control characters.
 */
function quoted(word: string): string {
  return /^[\w./:*-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** HAProxy's word for each strategy that it has. */
const BALANCE: Readonly<Record<string, string>> = Object.freeze({
  "round-robin": "roundrobin",
  "weighted-round-robin": "roundrobin",
  "least-connections": "leastconn",
  "two-choices": "random(2)",
  ewma: "leastconn",
  "source-hash": "source",
  first: "first",
  "q-learning": "leastconn",
});

/** How long a client's address is remembered after its last connection. */
const TABLE_EXPIRE = "30m";

/** The interval of checks whose results contradict the state, as on the board. */
const FAST_INTERVAL_MS = 1000;

const PROMETHEUS_PATH = "/metrics";

/** A configuration of HAProxy that does what the document asks for; what it cannot do is in `findings`. */
export function exportHaproxy(exported: Exported, findings: Findings): string {
  const lines = new Lines();
  general(lines, exported, findings);
  resolvers(lines, exported);
  for (const listener of exported.config.listeners) frontend(lines, listener, exported, findings);
  admin(lines, exported, findings);
  backends(lines, exported, findings);
  findBoardOnly(exported.config, findings, "HAProxy");
  return lines.text;
}

function general(lines: Lines, { config }: Exported, findings: Findings): void {
  const { sessionsMax, headLinesMax } = config;
  lines.section("global");
  lines.add("log stdout format raw local0 info");
  if (sessionsMax !== undefined) lines.add(`maxconn ${sessionsMax}`);
  lines.add(`tune.http.maxhdr ${headLinesMax - 1}`);
  // HAProxy keeps tune.maxrewrite, 1024 bytes, free for fields that it adds.
  lines.add(`tune.bufsize ${Math.max(16_384, config.headBytesMax + 1024)}`);
  if (comparesPaths(config.routes)) lines.add("expose-experimental-directives");
  lines.section("defaults");
  lines.add(
    "mode http",
    "log global",
    `timeout connect ${config.connectTimeoutMs}ms`,
    `timeout client ${config.idleTimeoutMs}ms`,
    `timeout server ${config.responseTimeoutMs}ms`,
    `timeout http-request ${config.headTimeoutMs}ms`,
    `timeout http-keep-alive ${config.keepAliveTimeoutMs}ms`,
    `timeout queue ${config.queueTimeoutMs}ms`,
    `timeout tunnel ${config.tunnelTimeoutMs}ms`,
    `retries ${config.retries}`,
    "option redispatch 1",
    "http-reuse safe",
  );
  if (config.log.requests === "errors") lines.add("option dontlog-normal");
  findings.note(
    "responseTimeoutMs",
    "is the longest pause of a backend at any time in HAProxy (timeout server), not only before its answer begins",
  );
  if (config.retries > 0) {
    lines.add("retry-on conn-failure empty-response");
  }
}

const comparesPaths = (routes: Exported["config"]["routes"]) =>
  routes.some(({ path }) => path !== "/");

/** Backends by name are resolved by the servers that the system names. */
function resolvers(lines: Lines, { config }: Exported): void {
  if (!config.backends.some(({ address }) => isHostName(address))) return;
  lines.section("resolvers dns");
  if (config.network.dns.length === 0) lines.add("parse-resolv-conf");
  for (const [index, address] of config.network.dns.entries()) {
    lines.add(`nameserver dns${index + 1} ${address}:53`);
  }
  lines.add("hold valid 5s");
}

// Frontends

/** The internal socket by which HTTP of a port in mode `auto` reaches its frontend. */
const internal = (port: number) => `abns@http-${port}`;

function frontend(
  lines: Lines,
  listener: ListenerConfig,
  exported: Exported,
  findings: Findings,
): void {
  const { port, mode } = listener;
  if (mode === "http") {
    httpFrontend(lines, `http-${port}`, `bind :${port}`, exported, findings);
    return;
  }
  lines.section(`frontend port-${port}`, `The document's listener on port ${port}, mode ${mode}`);
  lines.add("mode tcp", `bind :${port}`);
  logging(lines, exported, "option tcplog");
  limitClients(lines, exported);
  if (mode === "tcp") {
    lines.add(`default_backend ${exported.everything!.name}`);
    return;
  }
  lines.add(`tcp-request inspect-delay ${exported.config.headTimeoutMs}ms`);
  const hasTls = exported.tlsRoutes.length > 0;
  if (mode === "auto") {
    // Neither a method, nor an empty line before one, nor a TLS record: no rule needs more bytes.
    const other = quoted(`^[^A-Z\\r\\n${hasTls ? "\\x16" : ""}]`);
    lines.add(`tcp-request content accept if { req.payload(0,1) -m reg ${other} }`);
  }
  if (hasTls) lines.add("tcp-request content accept if { req.ssl_hello_type 1 }");
  if (mode === "auto") {
    lines.add("tcp-request content accept if HTTP");
    lines.add(`use_backend http-of-${port} if HTTP`);
  }
  if (mode === "tls") lines.add("tcp-request content reject");
  for (const { name, group } of exported.tlsRoutes) {
    lines.add(`use_backend ${group.name} if { req.ssl_hello_type 1 }${serverNameTest(name)}`);
  }
  if (mode === "tls") return;
  const { raw } = exported;
  if (raw !== undefined && !hasTls) lines.add(`default_backend ${raw.name}`);
  else if (raw !== undefined) lines.add(`use_backend ${raw.name} unless { req.ssl_hello_type 1 }`);
  findings.note(
    "listeners",
    `port ${port}: HAProxy decides what a client speaks within headTimeoutMs of its connection; one that is silent for longer is raw TCP`,
  );
  lines.section(`backend http-of-${port}`, "HTTP that was recognized goes to the frontend below");
  lines.add("mode tcp", `server http ${internal(port)} send-proxy-v2`);
  httpFrontend(
    lines,
    `http-${port}`,
    `bind ${internal(port)} accept-proxy`,
    exported,
    findings,
    port,
  );
}

function serverNameTest(name: string): string {
  if (name === "*") return "";
  if (name.startsWith("*.")) return ` { req.ssl_sni -i -m end ${quoted(name.slice(1))} }`;
  return ` { req.ssl_sni -i -m str ${quoted(name)} }`;
}

function httpFrontend(
  lines: Lines,
  name: string,
  bind: string,
  exported: Exported,
  findings: Findings,
  innerOf?: number,
): void {
  const { config, httpRoutes } = exported;
  const title = innerOf === undefined ? "HTTP" : `HTTP of port ${innerOf}`;
  lines.section(`frontend ${name}`, title);
  lines.add("mode http", bind);
  logging(lines, exported, "option httplog");
  if (innerOf === undefined) limitClients(lines, exported);
  lines.add("http-request deny deny_status 405 if METH_CONNECT or METH_TRACE");
  if (config.retries > 0) {
    lines.comment("A request that may have had an effect is not sent twice.");
    lines.add("http-request disable-l7-retry unless METH_GET or { method OPTIONS }");
  }
  if (config.bodyBytesMax < Number.MAX_SAFE_INTEGER) {
    lines.add(
      `http-request deny deny_status 413 if { req.hdr_val(content-length) gt ${config.bodyBytesMax} }`,
    );
    findings.loss("bodyBytesMax", "HAProxy compares Content-Length; a chunked body is not limited");
  }
  clientFields(lines, config.trustedProxies);
  if (comparesPaths(config.routes)) {
    lines.comment("Routes compare paths in their normal form (RFC 3986 section 6.2.2).");
    for (const what of [
      "percent-decode-unreserved",
      "path-strip-dot",
      "path-strip-dotdot full",
      "path-merge-slashes",
    ]) {
      lines.add(`http-request normalize-uri ${what}`);
    }
    findings.note(
      "routes",
      "a path that servers read in different ways, such as /app/..;/admin, is routed and not answered 400",
    );
  }
  // The first route that matches is the best one.
  for (const route of httpRoutes)
    lines.add(`http-request set-var(txn.route) str(${route.name}) if ${routeTest(route)}`);
  lines.add(
    "http-request return status 404 content-type text/plain string 'No route leads there.' unless { var(txn.route) -m found }",
  );
  for (const { name: route, rule } of httpRoutes) {
    if (rule.redirect === undefined) continue;
    lines.add(
      `http-request redirect location 'https://%[req.hdr(host),host_only]%[pathq]' code ${rule.redirect} if { var(txn.route) -m str ${route} }`,
    );
  }
  if (httpRoutes.some(({ group }) => group !== undefined))
    lines.add("use_backend %[var(txn.route)]");
}

/** Conditions of a route, and that no better one matches. */
function routeTest({ rule: { host, path } }: ExportedRoute): string {
  const tests = ["!{ var(txn.route) -m found }"];
  if (host !== undefined) {
    const name = host.toLowerCase();
    const isPattern = name.startsWith("*.");
    const value = quoted(isPattern ? name.slice(1) : name);
    tests.push(
      `{ req.hdr(host),host_only,rtrim(.),lower -m ${isPattern ? "end" : "str"} ${value} }`,
    );
  }
  if (path !== "/") {
    const stem = path.endsWith("/") ? path.slice(0, -1) : path;
    const text = quoted(`^${literal(stem)}(/|;|$)`);
    tests.push(`{ path -m reg ${text} }`);
  }
  return tests.join(" ");
}

/** Drops the fields that backends believe because a proxy is in front of them, and writes the true ones. */
function clientFields(lines: Lines, trusted: readonly string[]): void {
  const isTrusted = trusted.length === 0 ? "" : ` unless { src ${trusted.join(" ")} }`;
  for (const [index, name] of NAMES.entries()) {
    if (TREATMENT[index] !== "claim" && TREATMENT[index] !== "origin") continue;
    const isPrefix = name.endsWith("-");
    lines.add(`http-request del-header ${name}${isPrefix ? " -m beg" : ""}${isTrusted}`);
  }
  lines.add(
    "http-request set-header X-Forwarded-Proto http unless { req.hdr(x-forwarded-proto) -m found }",
    "http-request set-header X-Forwarded-Host %[req.hdr(host)] unless { req.hdr(x-forwarded-host) -m found }",
    "option forwardfor",
    "unique-id-format %{+X}o%ci%cp%Ts%rt",
    "http-request set-header X-Request-Id %[unique-id] unless { req.hdr(x-request-id) -m found }",
    "http-request add-header Via '1.1 haproxy'",
  );
}

function limitClients(lines: Lines, { config }: Exported): void {
  const { clientSessionsMax, trustedProxies } = config;
  if (clientSessionsMax === undefined) return;
  const but = trustedProxies.length === 0 ? "" : ` !{ src ${trustedProxies.join(" ")} }`;
  lines.add(
    `stick-table type ip size 10k expire ${TABLE_EXPIRE} store conn_cur`,
    "tcp-request connection track-sc0 src",
    `tcp-request connection reject if { sc0_conn_cur gt ${clientSessionsMax} }${but}`,
  );
}

function logging(lines: Lines, { config }: Exported, format: string): void {
  lines.add(config.log.requests === "none" ? "no log" : format);
}

function admin(lines: Lines, { config }: Exported, findings: Findings): void {
  if (config.adminPort === 0) return;
  lines.section("frontend admin", "Statistics and metrics, in place of the board's admin port");
  lines.add(
    "mode http",
    `bind :${config.adminPort}`,
    "no log",
    `http-request use-service prometheus-exporter if { path ${PROMETHEUS_PATH} }`,
    "stats enable",
    "stats uri /",
  );
  if (config.adminHosts.length > 0) {
    findings.loss("adminHosts", "HAProxy's statistics answer under every name");
  }
  findings.note(
    "adminPort",
    "HAProxy's own statistics and metrics; it has no API over HTTP, and its metrics have other names",
  );
}

// Backends

/** The section that checks a backend; other sections follow its result (`track`). */
type CheckedIn = Map<BackendSettings, string>;

function backends(lines: Lines, exported: Exported, findings: Findings): void {
  const checkedIn: CheckedIn = new Map();
  for (const group of exported.groups) {
    const shared = sharedHealth(group);
    if (shared === undefined) continue;
    for (const backend of group.backends) {
      if (!checkedIn.has(backend) && backend.health.check !== "none")
        checkedIn.set(backend, group.name);
    }
  }
  const apart = new Map<HealthSettings, BackendSettings[]>();
  for (const backend of exported.config.backends) {
    if (checkedIn.has(backend) || backend.health.check === "none") continue;
    if (!exported.groups.some(group => group.backends.includes(backend))) continue;
    const others = apart.get(backend.health) ?? [];
    others.push(backend);
    apart.set(backend.health, others);
  }
  let count = 0;
  for (const [health, members] of apart) {
    const name = `checks-${++count}`;
    lines.section(`backend ${name}`, "Only checks: the sections below follow their results");
    checkLines(lines, health, findings);
    for (const backend of members) {
      checkedIn.set(backend, name);
      lines.add(checkedServer(backend));
    }
    if (health.observe !== "none" && health.ejectAfter > 0) {
      findings.loss(
        "health.observe",
        "HAProxy observes requests only where it checks, and these backends have other checks than those beside them",
      );
    }
  }
  for (const group of exported.groups) backendSection(lines, group, exported, checkedIn, findings);
}

/** The health settings of all backends of a group; `undefined` if they differ. */
function sharedHealth({ backends }: ExportedGroup): HealthSettings | undefined {
  const checked = backends.filter(({ health }) => health.check !== "none");
  const first = checked[0]?.health;
  return checked.every(({ health }) => health === first) ? first : undefined;
}

function backendSection(
  lines: Lines,
  group: ExportedGroup,
  exported: Exported,
  checkedIn: CheckedIn,
  findings: Findings,
): void {
  const { name, protocol, route } = group;
  const { config } = exported;
  const about =
    route?.host === undefined && (route?.path ?? "/") === "/"
      ? []
      : [`${route?.host ?? ""}${route?.path}`];
  lines.section(`backend ${name}`, ...about);
  lines.add(`mode ${protocol}`);
  if (protocol === "tcp" && config.retries > 0) lines.add("retry-on conn-failure");
  balancing(lines, exported, findings);
  sticking(lines, group, exported, findings);
  if (route?.strip && route.path !== "/") {
    const stem = literal(route.path.replace(/\/$/, ""));
    lines.add(`http-request replace-path ${quoted(`^${stem}/?(.*)$`)} ${quoted("/\\1")}`);
  }
  const health = sharedHealth(group);
  if (health !== undefined && [...checkedIn.values()].includes(name))
    checkLines(lines, health, findings);
  for (const backend of group.backends) {
    lines.add(serverLine(backend, group, exported, checkedIn.get(backend), findings));
  }
}

function balancing(lines: Lines, { config }: Exported, findings: Findings): void {
  const { balance } = config;
  lines.add(`balance ${BALANCE[balance]}`);
  if (balance === "source-hash") lines.add("hash-type consistent");
  if (balance === "ewma" || balance === "q-learning") {
    findings.loss("balance", `HAProxy has no ${balance}; leastconn takes its place`);
  }
}

function sticking(
  lines: Lines,
  group: ExportedGroup,
  { config }: Exported,
  findings: Findings,
): void {
  if (config.sticky === "source") {
    lines.add(`stick-table type ip size 10k expire ${TABLE_EXPIRE}`, "stick on src");
  } else if (config.sticky === "cookie" && group.protocol === "http") {
    lines.add("cookie lb insert indirect nocache httponly dynamic");
    // The names of backends must not be readable in the cookie.
    lines.add(`dynamic-cookie-key ${quoted("change-this-key")}`);
    findings.note(
      "sticky",
      'set a key of your own in place of "change-this-key": the board\'s is a secret and not exported',
    );
  }
}

function checkLines(lines: Lines, health: HealthSettings, findings: Findings): void {
  lines.add(`timeout check ${health.timeoutMs}ms`);
  if (health.check === "tls") lines.comment("Checks make a whole TLS connection.");
  if (health.start === "down") {
    findings.loss("health.start", "HAProxy 2.6 takes a backend for up until its first check");
  }
  if (health.check !== "http") return;
  const { path, host, status, body } = health;
  lines.add("option httpchk");
  const field = host === undefined ? "" : ` hdr Host ${quoted(host)}`;
  lines.add(
    `http-check send meth GET uri ${quoted(path)} ver HTTP/1.1${field || " hdr Host localhost"}`,
  );
  lines.add(`http-check expect status ${status}`);
  if (body !== undefined) {
    lines.add(`http-check expect string ${quoted(body)}`);
    findings.note(
      "health.body",
      "HAProxy looks for it in as much of the answer as its buffer holds",
    );
  }
}

/** A server in a section that only checks. */
function checkedServer(backend: BackendSettings): string {
  return [...addressWords(backend), ...checkWords(backend)].join(" ");
}

/** A server that gets traffic; `checkedIn`: the section that checks it. */
function serverLine(
  backend: BackendSettings,
  group: ExportedGroup,
  exported: Exported,
  checkedIn: string | undefined,
  findings: Findings,
): string {
  const { name, weight, maxSessions, state, health, proxyProtocol, keepAlive } = backend;
  const isHttp = group.protocol === "http";
  const words = [...addressWords(backend), `weight ${state === "drain" ? 0 : weight}`];
  if (backend.backup) words.push("backup");
  if (state === "maint") words.push("disabled");
  if (maxSessions !== undefined) {
    words.push(`maxconn ${maxSessions}`, `maxqueue ${Math.max(1, exported.config.queueMax)}`);
    if (exported.groups.filter(({ backends: members }) => members.includes(backend)).length > 1) {
      findings.loss(
        "backends[].maxSessions",
        `${name} is in several sections, and HAProxy counts its sessions in each of them apart`,
      );
    }
  }
  const closes = keepAlive === false || proxyProtocol !== "none" || maxSessions === 1;
  if (isHttp && closes) words.push("pool-max-conn 0");
  if (health.slowStartMs > 0) words.push(`slowstart ${health.slowStartMs}ms`);
  if (checkedIn === undefined) return words.join(" ");
  if (checkedIn !== group.name) return [...words, `track ${checkedIn}/${name}`].join(" ");
  words.push(...checkWords(backend));
  if (health.observe !== "none" && health.ejectAfter > 0) {
    const layer = isHttp ? health.observe : "layer4";
    words.push(`observe ${layer} error-limit ${health.ejectAfter} on-error mark-down`);
    findings.note(
      "health.ejectAfter",
      "HAProxy takes such a backend down until its checks pass again, instead of for 10 s and more",
    );
  }
  return words.join(" ");
}

function addressWords({ name, address, port, proxyProtocol }: BackendSettings): string[] {
  const words = [`server ${name} ${address}:${port}`];
  if (isHostName(address)) words.push("resolvers dns", "init-addr last,libc,none");
  if (proxyProtocol !== "none") words.push(proxyProtocol === "v1" ? "send-proxy" : "send-proxy-v2");
  return words;
}

function checkWords({ health }: BackendSettings): string[] {
  const { intervalMs, rise, fall, check, host } = health;
  const fastMs = Math.min(FAST_INTERVAL_MS, intervalMs);
  const words = [`check inter ${intervalMs}ms fastinter ${fastMs}ms rise ${rise} fall ${fall}`];
  if (check === "tls") {
    words.push("check-ssl verify none");
    if (host !== undefined) words.push(`check-sni ${quoted(host)}`);
  }
  return words;
}
