import type { BackendSettings, Config, RouteRule } from "../../src/config/settings.ts";
import { NAMES, TREATMENT } from "../../src/http1/field-names.ts";
import { isHostName } from "../../src/net/address.ts";
import { findBoardOnly } from "./board-only.ts";
import type { Findings } from "./findings.ts";
import type { Exported, ExportedGroup, ExportedRoute } from "./groups.ts";
import { literal } from "./regular-expression.ts";

/** The lines of an nginx configuration (1.22 or later), block by block. */
class Blocks {
  #lines: string[] = [];
  #depth = 0;

  add(...lines: readonly string[]): void {
    this.#lines.push(...lines.map(line => `${"  ".repeat(this.#depth)}${line}`));
  }

  block(head: string, fill: () => void): void {
    this.add(`${head} {`);
    this.#depth++;
    fill();
    this.#depth--;
    this.add("}");
  }

  get text(): string {
    return `${this.#lines.join("\n")}\n`;
  }
}

/**
 * Quotes a word for nginx's parser: within double quotes only `\` and `"` have a meaning, which no path and no name of a document holds. Only
 * for directives that look for no variables in it.
 */
function quoted(word: string): string {
  return `"${word.replaceAll(/["\\]/g, "\\$&")}"`;
}

const SOURCE_HASH = "hash $remote_addr consistent";

/** How nginx chooses a server; `undefined`: in turn, by weight. */
const BALANCE: Readonly<Record<Config["balance"], string | undefined>> = Object.freeze({
  "round-robin": undefined,
  "weighted-round-robin": undefined,
  "least-connections": "least_conn",
  "two-choices": "random two least_conn",
  ewma: "least_conn",
  "source-hash": SOURCE_HASH,
  first: undefined,
  "q-learning": "least_conn",
});

/** Shared memory of an upstream, in which nginx's processes count connections. */
const ZONE = "64k";

/** How long a server is left out after `max_fails` failures: the board's first ejection. */
const FAIL_TIMEOUT = "10s";

/** The board keeps an idle connection for 4 s. */
const IDLE_TIMEOUT = "4s";
const IDLE_CONNECTIONS = 16;

/** A place where nothing listens: nginx closes what is sent there. */
const NOWHERE = "unix:/dev/null";

/** The mode that a listener in mode `auto` gets. */
export type AutoMode = "http" | "tcp";

/** A configuration of nginx that does what the document asks for; what it cannot do is in `findings`. */
export function exportNginx(exported: Exported, findings: Findings, auto: AutoMode): string {
  const { config, raw } = exported;
  const blocks = new Blocks();
  const modeOf = (mode: string) => (mode === "auto" ? auto : mode);
  const listeners = config.listeners.map(({ port, mode }) => ({ port, mode: modeOf(mode) }));
  const streams = listeners.filter(({ mode }) => mode !== "http");
  const webs = listeners.filter(({ mode }) => mode === "http");
  if (config.listeners.some(({ mode }) => mode === "auto")) autoFindings(exported, findings, auto);
  if (streams.length > 0) blocks.add("load_module modules/ngx_stream_module.so;");
  blocks.block("events", () => blocks.add(`worker_connections ${connectionsOf(config)};`));
  if (streams.length > 0) {
    blocks.block("stream", () => {
      resolver(blocks, config, findings);
      streamSettings(blocks, config);
      const used = new Set<ExportedGroup>();
      if (streams.some(({ mode }) => mode === "tls")) {
        for (const { group } of exported.tlsRoutes) used.add(group);
        serverNames(blocks, exported);
      }
      const plain = (port: number) =>
        config.listeners.some(own => own.port === port && own.mode === "auto")
          ? raw
          : exported.everything;
      for (const { port, mode } of streams) {
        const group = mode === "tls" ? undefined : plain(port);
        if (group !== undefined) used.add(group);
      }
      const names = upstreams(blocks, [...used], config, findings);
      for (const { port, mode } of streams) {
        blocks.block("server", () => {
          blocks.add(`listen ${port};`);
          if (mode === "tls") blocks.add("ssl_preread on;", "proxy_pass $tls_route;");
          else {
            const group = plain(port);
            blocks.add(`proxy_pass ${group === undefined ? NOWHERE : names.get(group)};`);
            if (group !== undefined) sendProxyHeader(blocks, group, findings);
          }
        });
      }
    });
  }
  blocks.block("http", () => {
    resolver(blocks, config, findings);
    httpSettings(blocks, config, findings);
    const groups = webs.length === 0 ? [] : exported.httpRoutes.flatMap(({ group }) => group ?? []);
    const names = upstreams(blocks, groups, config, findings);
    if (webs.length > 0)
      webServers(
        blocks,
        exported,
        names,
        webs.map(({ port }) => port),
      );
    admin(blocks, config, findings);
  });
  healthFindings(config, findings);
  findBoardOnly(config, findings, "nginx");
  return blocks.text;
}

/** Each session has two connections. */
function connectionsOf({ sessionsMax }: Config): number {
  return sessionsMax === undefined ? 1024 : Math.max(64, 2 * sessionsMax);
}

function autoFindings({ tlsRoutes }: Exported, findings: Findings, auto: AutoMode): void {
  if (auto === "http") {
    findings.loss(
      "listeners",
      "nginx does not tell HTTP and raw TCP apart: mode auto becomes http; `--raw` makes it tcp",
    );
    if (tlsRoutes.length > 0) {
      findings.loss(
        "routes[].sni",
        "nginx does not serve HTTP and TLS of others on one port: a listener in mode tls is needed",
      );
    }
  } else {
    findings.loss(
      "listeners",
      "nginx does not tell HTTP and raw TCP apart: mode auto becomes tcp, as `--raw` asks",
    );
  }
}

function healthFindings({ backends, balance, sticky }: Config, findings: Findings): void {
  if (backends.some(({ health }) => health.check !== "none")) {
    findings.lossIfGiven(
      "health",
      "nginx makes no health checks; it leaves a server out after failed requests",
    );
  }
  if (backends.some(({ health }) => health.slowStartMs > 0)) {
    findings.loss("health.slowStartMs", "only the commercial nginx has slow_start");
  }
  if (backends.some(({ state }) => state === "drain")) {
    findings.note("backends[].state", "nginx has no drain: such a server is down");
  }
  if (backends.some(({ maxSessions }) => maxSessions !== undefined)) {
    findings.loss(
      "backends[].maxSessions",
      "nginx has no queue: a request beyond max_conns of all servers gets 502",
    );
  }
  if (sticky === "cookie") findings.loss("sticky", "only the commercial nginx has sticky cookies");
  if (sticky === "source")
    findings.note(
      "sticky",
      "nginx computes the server from the client's address, whatever `balance` says",
    );
  else if (balance === "ewma" || balance === "q-learning") {
    findings.loss("balance", `nginx has no ${balance}; least_conn takes its place`);
  } else if (balance === "first") {
    findings.loss("balance", "nginx has no `first`; the servers get requests in turn");
  }
}

function resolver(blocks: Blocks, { backends, network }: Config, findings: Findings): void {
  if (!backends.some(({ address }) => isHostName(address))) return;
  if (network.dns.length > 0) {
    blocks.add(`resolver ${network.dns.join(" ")};`);
    return;
  }
  blocks.add("resolver 127.0.0.53; # the address of your DNS server");
  findings.note("network.dns", "nginx does not read the system's DNS servers: set `resolver`");
}

// Upstreams

/** Writes an upstream for each group; what to write behind `proxy_pass` for it, without `http://`. */
function upstreams(
  blocks: Blocks,
  groups: readonly ExportedGroup[],
  config: Config,
  findings: Findings,
): Map<ExportedGroup, string> {
  const names = new Map<ExportedGroup, string>();
  for (const group of groups) {
    if (names.has(group)) continue;
    const fixed = group.backends.filter(({ address }) => !isHostName(address));
    const named = group.backends.filter(({ address }) => isHostName(address));
    if (named.length > 0 && group.backends.length > 1) {
      findings.loss(
        "backends[].address",
        `${named.map(({ name }) => name).join(", ")}: nginx 1.22 looks host names up while it runs only where a section has one server`,
      );
    }
    if (fixed.length === 0) {
      const [{ address, port }] = named;
      const variable = `$target_${group.name.replaceAll("-", "_")}`;
      blocks.block(`map "" ${variable}`, () => blocks.add(`default "${address}:${port}";`));
      names.set(group, variable);
      continue;
    }
    names.set(group, group.name);
    upstream(blocks, { ...group, backends: fixed }, config, findings);
  }
  return names;
}

function upstream(blocks: Blocks, group: ExportedGroup, config: Config, findings: Findings): void {
  const method = config.sticky === "source" ? SOURCE_HASH : BALANCE[config.balance];
  const hasBackups = method === undefined || method === "least_conn";
  const areBackups = group.backends.every(({ backup }) => backup);
  blocks.block(`upstream ${group.name}`, () => {
    blocks.add(`zone ${group.name} ${ZONE};`);
    if (method !== undefined) blocks.add(`${method};`);
    let isEmpty = true;
    for (const backend of group.backends) {
      if (backend.backup && !hasBackups && !areBackups) {
        findings.loss(
          "backends[].backup",
          `${backend.name} is left out: nginx has no backups with "${method}"`,
        );
        continue;
      }
      isEmpty = false;
      blocks.add(serverLine(backend, areBackups));
    }
    if (isEmpty) blocks.add(`server ${NOWHERE} down;`);
    if (group.protocol === "http")
      blocks.add(`keepalive ${IDLE_CONNECTIONS};`, `keepalive_timeout ${IDLE_TIMEOUT};`);
  });
  if (group.protocol === "http") {
    if (group.backends.some(({ proxyProtocol }) => proxyProtocol !== "none")) {
      findings.loss("backends[].proxyProtocol", "nginx sends it for raw TCP only");
    }
    if (group.backends.some(({ keepAlive }) => keepAlive === false)) {
      findings.note(
        "backends[].keepAlive",
        "nginx keeps connections of a whole section or of none",
      );
    }
  }
}

function serverLine(backend: BackendSettings, areBackups: boolean): string {
  const { address, port, weight, maxSessions, state, health } = backend;
  const words = [`server ${address}:${port}`];
  const isDown = state !== "ready" || weight === 0;
  if (isDown) words.push("down");
  else words.push(`weight=${weight}`);
  if (backend.backup && !areBackups) words.push("backup");
  if (maxSessions !== undefined) words.push(`max_conns=${maxSessions}`);
  const failuresMax = health.observe === "none" ? 0 : health.ejectAfter;
  words.push(`max_fails=${failuresMax}`, `fail_timeout=${FAIL_TIMEOUT}`);
  return `${words.join(" ")}; # ${backend.name}`;
}

// Raw TCP and TLS

function streamSettings(blocks: Blocks, config: Config): void {
  blocks.add(
    `proxy_connect_timeout ${config.connectTimeoutMs}ms;`,
    `proxy_timeout ${config.tunnelTimeoutMs}ms;`,
    `preread_timeout ${config.headTimeoutMs}ms;`,
    "proxy_next_upstream on;",
    "proxy_half_close on;",
    `proxy_next_upstream_tries ${config.backends.length};`,
  );
  if (config.clientSessionsMax !== undefined) {
    clientKey(blocks, config);
    blocks.add(
      "limit_conn_zone $client_key zone=streams:1m;",
      `limit_conn streams ${config.clientSessionsMax};`,
    );
  }
}

/** Clients, but for trusted proxies, behind which many stand. */
function clientKey(blocks: Blocks, { trustedProxies }: Config): void {
  trustedClients(blocks, trustedProxies);
  blocks.block("map $trusted $client_key", () =>
    blocks.add("default $binary_remote_addr;", '1 "";'),
  );
}

function trustedClients(blocks: Blocks, trustedProxies: readonly string[]): void {
  blocks.block("geo $trusted", () =>
    blocks.add("default 0;", ...[...new Set(trustedProxies)].map(network => `${network} 1;`)),
  );
}

function serverNames(blocks: Blocks, { tlsRoutes }: Exported): void {
  blocks.block("map $ssl_preread_server_name $tls_route", () => {
    blocks.add("hostnames;");
    for (const { name, group } of tlsRoutes) {
      blocks.add(`${name === "*" ? "default" : name} ${group.name};`);
    }
    if (tlsRoutes.every(({ name }) => name !== "*")) blocks.add(`default ${NOWHERE};`);
  });
}

function sendProxyHeader(blocks: Blocks, { backends }: ExportedGroup, findings: Findings): void {
  const versions = new Set(backends.map(({ proxyProtocol }) => proxyProtocol));
  if (versions.size === 1 && versions.has("v1")) blocks.add("proxy_protocol on;");
  else if (!versions.has("none") || versions.size > 1) {
    findings.loss(
      "backends[].proxyProtocol",
      "nginx sends version 1, to all servers of a section or to none",
    );
  }
}

// HTTP

function httpSettings(blocks: Blocks, config: Config, findings: Findings): void {
  const { log, bodyBytesMax, trustedProxies, clientSessionsMax } = config;
  if (log.requests === "errors") {
    blocks.block("map $status $is_logged", () => blocks.add("default 1;", '"~^[123]" 0;'));
  }
  const access = { all: "/dev/stdout", errors: "/dev/stdout combined if=$is_logged", none: "off" };
  blocks.add(
    `access_log ${access[log.requests]};`,
    "server_tokens off;",
    `client_header_timeout ${config.headTimeoutMs}ms;`,
    `client_body_timeout ${config.idleTimeoutMs}ms;`,
    `send_timeout ${config.idleTimeoutMs}ms;`,
    `keepalive_timeout ${config.keepAliveTimeoutMs}ms;`,
    `large_client_header_buffers 4 ${config.headBytesMax};`,
    `client_max_body_size ${bodyBytesMax === Number.MAX_SAFE_INTEGER ? 0 : Math.max(1, bodyBytesMax)};`,
    "proxy_http_version 1.1;",
    "proxy_buffering off;",
    "proxy_request_buffering off;",
    `proxy_connect_timeout ${config.connectTimeoutMs}ms;`,
    `proxy_read_timeout ${config.responseTimeoutMs}ms;`,
    `proxy_send_timeout ${config.idleTimeoutMs}ms;`,
    `proxy_next_upstream ${config.retries > 0 ? "error timeout" : "off"};`,
    `proxy_next_upstream_tries ${config.retries + 1};`,
  );
  if (bodyBytesMax === 0) findings.note("bodyBytesMax", "for nginx 0 is no limit; the file has 1");
  findings.note(
    "responseTimeoutMs",
    "is the longest pause of a backend at any time in nginx (proxy_read_timeout)",
  );
  if (clientSessionsMax !== undefined) {
    clientKey(blocks, config);
    blocks.add(
      "limit_conn_zone $client_key zone=clients:1m;",
      `limit_conn clients ${clientSessionsMax};`,
    );
  } else {
    trustedClients(blocks, trustedProxies);
  }
  fieldMaps(blocks);
  findings.note(
    "trustedProxies",
    "nginx drops the fields that are listed in the file; others that begin with X-Forwarded- pass from every client",
  );
}

function claims(): string[] {
  return NAMES.filter((name, index) => TREATMENT[index] === "claim" && !name.endsWith("-")).concat(
    ["port", "prefix", "ssl", "scheme", "server", "user", "email", "groups"].map(
      end => `x-forwarded-${end}`,
    ),
  );
}

const variableOf = (name: string) => name.replaceAll("-", "_");

function fieldMaps(blocks: Blocks): void {
  blocks.block("map $http_upgrade $connection_field", () =>
    blocks.add('default "upgrade";', '"" "";'),
  );
  blocks.block("map $http_x_request_id $sent_request_id", () =>
    blocks.add("default $http_x_request_id;", '"" $request_id;'),
  );
  blocks.block("map $trusted $sent_forwarded_for", () =>
    blocks.add("default $remote_addr;", "1 $proxy_add_x_forwarded_for;"),
  );
  blocks.block('map "$trusted$http_x_forwarded_proto" $sent_forwarded_proto', () =>
    blocks.add("default $scheme;", '"~^1(?<its_proto>.+)$" $its_proto;'),
  );
  blocks.block('map "$trusted$http_x_forwarded_host" $sent_forwarded_host', () =>
    blocks.add("default $http_host;", '"~^1(?<its_host>.+)$" $its_host;'),
  );
  for (const name of claims()) {
    blocks.block(`map $trusted $kept_${variableOf(name)}`, () =>
      blocks.add('default "";', `1 $http_${variableOf(name)};`),
    );
  }
}

function fields(blocks: Blocks): void {
  blocks.add(
    "proxy_set_header Host $http_host;",
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header Connection $connection_field;",
    "proxy_set_header X-Request-Id $sent_request_id;",
    'proxy_set_header Via "1.1 nginx";',
    "proxy_set_header X-Forwarded-For $sent_forwarded_for;",
    "proxy_set_header X-Forwarded-Proto $sent_forwarded_proto;",
    "proxy_set_header X-Forwarded-Host $sent_forwarded_host;",
  );
  for (const name of claims()) blocks.add(`proxy_set_header ${name} $kept_${variableOf(name)};`);
}

/** A server for each host of a route, and one for all others. */
function webServers(
  blocks: Blocks,
  { httpRoutes }: Exported,
  names: ReadonlyMap<ExportedGroup, string>,
  ports: readonly number[],
): void {
  const hosts = new Set(httpRoutes.map(({ rule: { host } }) => host?.toLowerCase()));
  hosts.delete(undefined);
  for (const host of [undefined, ...hosts]) {
    const isOwn = ({ rule }: ExportedRoute) => rule.host?.toLowerCase() === host;
    blocks.block("server", () => {
      for (const port of ports)
        blocks.add(`listen ${port}${host === undefined ? " default_server" : ""};`);
      if (host !== undefined) blocks.add(`server_name ${host};`);
      fields(blocks);
      locations(blocks, routesFor(host, httpRoutes, isOwn), names);
    });
  }
}

/** The routes of a host, and those of less special hosts for paths that it has no route for. The best come first. */
function routesFor(
  host: string | undefined,
  routes: readonly ExportedRoute[],
  isOwn: (route: ExportedRoute) => boolean,
): ExportedRoute[] {
  const chosen: ExportedRoute[] = [];
  for (const route of routes) {
    if (!isOwn(route) && !isFor(route.rule, host)) continue;
    if (chosen.some(better => covers(better.rule, route.rule))) continue;
    chosen.push(route);
  }
  return chosen;
}

/** The route is for requests of `host`, too. */
function isFor({ host: pattern }: RouteRule, host: string | undefined): boolean {
  if (pattern === undefined) return true;
  const end = pattern.toLowerCase();
  return (
    host !== undefined &&
    end.startsWith("*.") &&
    host.replace(/^\*/, "x").endsWith(end.slice(1)) &&
    host !== end
  );
}

/** A better route takes all paths of another one, of a less special host. */
function covers(better: RouteRule, other: RouteRule): boolean {
  if (better.host?.toLowerCase() === other.host?.toLowerCase()) return better.path === other.path;
  const stem = better.path.replace(/\/$/, "");
  return other.path === stem || other.path.startsWith(`${stem}/`);
}

function locations(
  blocks: Blocks,
  routes: readonly ExportedRoute[],
  names: ReadonlyMap<ExportedGroup, string>,
): void {
  const written = new Set<string>();
  const location = (head: string, fill: () => void) => {
    if (written.has(head)) return;
    written.add(head);
    blocks.block(`location ${head}`, fill);
  };
  for (const { rule, group } of routes) {
    const stem = rule.path.replace(/\/$/, "");
    const fill = () => {
      if (group === undefined) {
        blocks.add(`return ${rule.redirect} https://$host$request_uri;`);
        return;
      }
      const target = names.get(group)!;
      const strips = rule.strip && stem !== "";
      // nginx does not replace the beginning of a path where the target is a variable.
      const rewrites = strips && target.startsWith("$");
      if (rewrites) blocks.add(`rewrite ${quoted(`^${literal(stem)}/?(.*)$`)} "/$1" break;`);
      blocks.add(`proxy_pass http://${target}${strips && !rewrites ? "/" : ""};`);
    };
    if (stem === "") {
      location("/", fill);
      continue;
    }
    location(`= ${quoted(stem)}`, fill);
    location(`^~ ${quoted(`${stem}/`)}`, fill);
  }
  location("/", () =>
    blocks.add("default_type text/plain;", 'return 404 "No route leads there.\\n";'),
  );
}

function admin(blocks: Blocks, { adminPort, adminHosts }: Config, findings: Findings): void {
  if (adminPort === 0) return;
  blocks.block("server", () => {
    blocks.add(`listen ${adminPort};`, "access_log off;");
    blocks.block("location /", () => blocks.add("stub_status;"));
  });
  findings.lossIfGiven(
    "adminPort",
    "nginx has neither a page nor metrics: the port shows its connections (stub_status)",
  );
  if (adminHosts.length > 0)
    findings.loss("adminHosts", "nginx's stub_status answers under every name");
}
