import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { describe, expect, test } from "vitest";
import fc from "../../../hil/kit/properties.ts";
import { documents } from "../../../hil/kit/random-documents.ts";
import { readConfig } from "./config.ts";
import { parseTimeZone } from "./time-zone.ts";

const backends = [{ address: "192.168.1.10", port: 8080 }];

function complaints(document: unknown): readonly string[] {
  const outcome = readConfig(document);
  return "complaints" in outcome ? outcome.complaints : [];
}

const DEFAULT_HEALTH = {
  check: "tcp",
  path: "/",
  host: undefined,
  status: "200-399",
  body: undefined,
  intervalMs: 5000,
  timeoutMs: 2000,
  rise: 2,
  fall: 3,
  start: "up",
  observe: "layer4",
  ejectAfter: 3,
  slowStartMs: 0,
};

describe("configuration", () => {
  test("the one that ships is valid", () => {
    const shipped = readFileSync(new URL("../../gateway.json", import.meta.url), "utf8");
    expect(complaints(JSON.parse(shipped))).toEqual([]);
  });

  test("missing keys have their defaults", () => {
    expect(readConfig({ backends })).toEqual({
      document: { backends },
      config: {
        adminPort: 8404,
        adminHosts: [],
        listeners: [{ port: 80, mode: "auto" }],
        backends: [
          {
            name: "a",
            address: "192.168.1.10",
            port: 8080,
            weight: 1,
            backup: false,
            maxSessions: undefined,
            state: "ready",
            keepAlive: undefined,
            settleMs: 0,
            proxyProtocol: "none",
            health: DEFAULT_HEALTH,
          },
        ],
        balance: "round-robin",
        health: DEFAULT_HEALTH,
        sticky: "none",
        stickyKey: undefined,
        explain: 0,
        log: { requests: "all" },
        time: { server: "pool.ntp.org", zone: "UTC0" },
        network: {
          hostname: "hot-potato",
          address: undefined,
          netmask: undefined,
          gateway: undefined,
          dns: [],
        },
        routes: [],
        trustedProxies: [],
        machines: [],
        holdMs: 240_000,
        heldMax: 6,
        wakeAtPercent: 80,
        inspect: [
          { keyword: "END", from: "client", match: "anywhere", in: "text", action: "close" },
        ],
        connectTimeoutMs: 3000,
        idleTimeoutMs: 30_000,
        tunnelTimeoutMs: 600_000,
        headTimeoutMs: 5000,
        keepAliveTimeoutMs: 5000,
        responseTimeoutMs: 30_000,
        retries: 2,
        headBytesMax: 9216,
        headLinesMax: 101,
        bodyBytesMax: Number.MAX_SAFE_INTEGER,
        queueTimeoutMs: 3000,
        queueMax: 4,
        sessionsMax: undefined,
        clientSessionsMax: undefined,
        bytesPerSecondMin: 500,
      },
    });
  });

  test("all complaints come at once, each with the key, the value and what is expected", () => {
    const document = {
      backends: [
        { address: "192.168.1.300", port: 8080 },
        { address: "10.0.0.1", port: "8081" },
      ],
      balance: "round-robbin",
      conectTimeoutMs: 5000,
      idleTimeoutMs: 7,
      inspect: [{ keyword: "Größe", from: "clients" }],
    };
    expect(complaints(document)).toEqual([
      'conectTimeoutMs: no such key; did you mean "connectTimeoutMs"?',
      'backends[0].address: is "192.168.1.300"; wanted an IPv4 address such as 192.168.1.10, or a host name such as nas.home or nas.local, without http:// and port',
      'backends[1].port: is "8081"; wanted a whole number from 1 to 65535',
      'balance: is "round-robbin"; wanted "round-robin", "weighted-round-robin", "least-connections", "two-choices", "ewma", "source-hash", "first", "q-learning"; did you mean "round-robin"?',
      'inspect[0].keyword: is "Größe"; wanted 1 to 64 printable ASCII characters',
      'inspect[0].from: is "clients"; wanted "client", "backend", "both"; did you mean "client"?',
      "idleTimeoutMs: is 7; wanted a whole number from 100 to 86400000",
    ]);
  });

  test("of many complaints the first eight are listed, then that there are more", () => {
    const unknown = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`key${i}`, i]));
    const told = complaints({ backends, ...unknown, retries: -1 });
    expect(told).toHaveLength(9);
    expect(told[7]).toMatch(/^key7: no such key/);
    expect(told[8]).toBe("and more");
    expect(complaints({ backends, [`key${"\n".repeat(3_900)}`]: 1 })[0].length).toBeLessThan(1_000);
  });

  test("a long word is not compared with the known ones letter by letter", () => {
    const word = `connectTimeoutMs${"x".repeat(17)}`;
    expect(complaints({ backends, [word.slice(0, 20)]: 1 })[0]).toMatch(/did you mean/);
    expect(complaints({ backends, [word]: 1 })[0]).toMatch(/; known are listeners, /);
  });

  test("a text that is too long is refused before its form is checked", () => {
    const status = `200${",200".repeat(64)}`;
    expect(complaints({ backends, health: { check: "http", status } })[0]).toMatch(
      /^health.status: is "200,200,.*\.\.\."; wanted statuses/,
    );
  });

  test.each([
    [[], "configuration: is []; wanted an object, { … }"],
    [null, "configuration: is null; wanted an object, { … }"],
    [{}, "backends: missing; wanted a list of 1 to 32"],
    [{ backends: [] }, "backends: is []; wanted a list of 1 to 32"],
    [{ backends: [3] }, "backends[0]: is 3; wanted an object, { … }"],
    [
      { backends: [1, 2].map(() => ({ ...backends[0], name: "a" })) },
      "backends: a is listed twice; list it once",
    ],
    [
      { backends: [...backends, { ...backends[0], name: "a" }] },
      "backends[0].name: missing, and the default, a, is the name of backends[1]; name it",
    ],
    [
      { backends: [{ ...backends[0], name: "b" }, backends[0]] },
      "backends[1].name: missing, and the default, b, is the name of backends[0]; name it",
    ],
    [
      { backends, health: { check: "http", status: "204,399-200" } },
      'health.status: is "204,399-200", and 399-200 matches nothing; use 200-399',
    ],
    [
      { backends, health: { check: "http", status: "100-399" } },
      'health.status: is "100-399"; wanted statuses from 200 to 599, such as 200-399 or 200,204',
    ],
    [
      { backends, health: { check: "tcp", path: "/up" } },
      'health.path: has an effect only with check "http"; check is "tcp"',
    ],
    [
      { backends, health: { check: "tcp", host: "a.home" } },
      'health.host: has an effect only with check "http" or "tls"; check is "tcp"',
    ],
    [
      { backends, health: { check: "tls", host: "a.home", path: "/up" } },
      'health.path: has an effect only with check "http"; check is "tls"',
    ],
    [
      { backends: [...backends, { ...backends[0], health: { path: "up" } }] },
      'backends[1].health.path: is "up"; wanted a path such as /health',
    ],
    [
      { backends: [...backends, { ...backends[0], health: { paht: "/up" } }] },
      'backends[1].health.paht: no such key; did you mean "path"?',
    ],
    [
      { backends: [...backends, { ...backends[0], health: null }] },
      "backends[1].health: is null; wanted an object, { … }",
    ],
    [
      {
        backends: [{ ...backends[0], health: { check: "tcp", body: "ok" } }, backends[0]],
        health: { check: "http", path: "/up" },
      },
      'backends[0].health.body: has an effect only with check "http"; check is "tcp"',
    ],
    [
      {
        backends: [{ ...backends[0], health: { check: "none" } }, backends[0]],
        health: { start: "down" },
      },
      'backends[0].health.start: is "down", and without checks no backend would ever come up; use "up"',
    ],
    [
      { backends: [{ ...backends[0], health: { slowStartMs: 100 } }, backends[0]] },
      "backends[0].health.slowStartMs: is 100, but round-robin ignores weights; use weighted-round-robin",
    ],
    [
      { backends: [{ ...backends[0], health: { fall: 2 } }], health: { slowStartMs: 100 } },
      "backends[0].health.slowStartMs: is 100, but round-robin ignores weights; use weighted-round-robin",
    ],
    [
      {
        backends: [{ ...backends[0], health: { status: "299-200" } }, backends[0]],
        health: { check: "http" },
      },
      'backends[0].health.status: is "299-200", and 299-200 matches nothing; use 200-299',
    ],
    [
      {
        backends: [{ ...backends[0], health: { fall: 2 } }, backends[0]],
        health: { check: "http", status: "299-200" },
      },
      'health.status: is "299-200", and 299-200 matches nothing; use 200-299',
    ],
    [
      { backends, routes: [{ path: `/${"a".repeat(128)}` }] },
      "routes[0].path: has 129 characters; the maximum is 128",
    ],
    [
      { backends, routes: [{ host: "a.home" }, {}, { host: "A.home", backends: ["a"] }] },
      "routes[2]: is for the same requests as routes[0], which is used; list one of them",
    ],
    [
      { backends, adminPort: 0, adminHosts: ["potato.home"] },
      "adminHosts: has no effect with adminPort 0; use []",
    ],
    [
      { backends, listeners: [{ port: 80, mode: "http" }], inspect: [{ keyword: "END" }] },
      'inspect: has no effect, because all listeners have mode "http"; use []',
    ],
    [
      { backends, listeners: [{ port: 80, mode: "tcp" }], routes: [{ path: "/api" }] },
      'routes: has no effect, because all listeners have mode "tcp"; use []',
    ],
    [
      { backends, listeners: [{ port: 80, mode: "tcp" }], sticky: "cookie" },
      'sticky: is "cookie", but all listeners have mode "tcp", and only HTTP has cookies; use "source"',
    ],
    [
      { backends, routes: [{ sni: ["a.home"], host: "a.home" }] },
      "routes[0].host: is for HTTP, but the route has sni, which is for TLS; list two routes",
    ],
    [
      { backends, routes: [{ sni: ["a.home"], redirect: 301 }] },
      "routes[0].redirect: is for HTTP, but the route has sni, which is for TLS; list two routes",
    ],
    [
      { backends, routes: [{ sni: ["a.home", "*.home"] }, { sni: ["b.home", "A.home"] }] },
      'routes[1].sni[1]: "A.home" is routes[0].sni[0], too, which is used; list it once',
    ],
    [
      { backends, routes: [{ sni: ["*home"] }] },
      'routes[0].sni[0]: is "*home"; wanted a name such as cloud.home, *.home, or *',
    ],
    [{ backends, routes: [{ sni: [] }] }, "routes[0].sni: is []; wanted a list of 1 to 8"],
    [
      { backends, listeners: [{ port: 80, mode: "http" }], routes: [{ sni: ["*"] }] },
      'routes[0].sni: has no effect, because all listeners have mode "http"; TLS needs "auto" or "tls"',
    ],
    [
      {
        backends,
        listeners: [
          { port: 443, mode: "tls" },
          { port: 22, mode: "tcp" },
        ],
        routes: [{ sni: ["*"] }, { path: "/api" }],
      },
      'routes[1]: has no effect, because all listeners have mode "tls" or "tcp"; HTTP needs "auto" or "http"',
    ],
    [
      { backends, listeners: [{ port: 80 }, { port: 443, mode: "tls" }] },
      'listeners[1].mode: is "tls", but no route has sni, so every connection would be closed; add { "sni": ["*"] } to routes',
    ],
    [{ backends, routes: [{ redirect: 302 }] }, "routes[0].redirect: is 302; wanted 301 or 308"],
    [
      { backends, routes: [{ redirect: 308, backends: ["a"] }] },
      "routes[0].backends: has no effect, because the route has redirect 308; leave one of them out",
    ],
    [
      {
        backends,
        listeners: [{ port: 443, mode: "tls" }],
        routes: [{ sni: ["*"] }],
        inspect: [{ keyword: "END" }],
      },
      'inspect: has no effect, because all listeners have mode "tls"; use []',
    ],
    [
      { backends, listeners: [{ port: 80, mode: "htp" }] },
      'listeners[0].mode: is "htp"; wanted "auto", "http", "tcp", "tls"; did you mean "http"?',
    ],
    [
      { backends, routes: [{ path: "/a/../b" }] },
      'routes[0].path: is "/a/../b"; wanted a path such as /api, without empty parts, dots alone, ; or %',
    ],
    [
      { backends, routes: [{ host: "a.*.home", backends: ["c"] }] },
      'routes[0].host: is "a.*.home"; wanted a name such as api.home, or *.home',
    ],
    [
      { backends, routes: [{ backends: ["a", "c"] }] },
      'routes[0].backends: no backend is called "c"; known are a',
    ],
    [
      { backends: [{ ...backends[0], settleMs: 10_001 }] },
      "backends[0].settleMs: is 10001; wanted a whole number from 0 to 10000",
    ],
    [
      { backends: [{ ...backends[0], settleMs: 200 }] },
      "backends[0].settleMs: is 200, which has an effect only with maxSessions 1; use 0",
    ],
    [
      { backends: [{ ...backends[0], settleMs: 200, maxSessions: 2 }] },
      "backends[0].settleMs: is 200, which has an effect only with maxSessions 1; use 0",
    ],
    [
      { backends: [{ ...backends[0], keepAlive: "no" }] },
      'backends[0].keepAlive: is "no"; wanted true or false',
    ],
    [
      { backends: [{ ...backends[0], keepAlive: true, maxSessions: 1 }] },
      "backends[0].keepAlive: is true, but with maxSessions 1 no connection is kept; use false",
    ],
    [
      { backends: [{ ...backends[0], keepAlive: true, proxyProtocol: "v2" }] },
      "backends[0].keepAlive: is true, but with proxyProtocol no connection is kept; use false",
    ],
    [
      { backends, trustedProxies: ["10.0.0.0/33"] },
      'trustedProxies[0]: is "10.0.0.0/33"; wanted an address or a network, such as 192.168.1.2 or 192.168.1.0/24',
    ],
    [
      { backends, inspect: [{ keyword: "END", in: "binary" }] },
      'inspect[0].in: is "binary"; wanted "text", "any"',
    ],
    [
      {
        backends,
        inspect: [{ keyword: "a".repeat(64) }, { keyword: "b".repeat(64) }, { keyword: "c" }],
      },
      "inspect: the keywords are 129 characters long together; the maximum is 128",
    ],
  ])("%j is refused", (document, complaint) => {
    expect(complaints(document)).toEqual([complaint]);
  });

  test.each([
    { keepAlive: false },
    { keepAlive: true, maxSessions: 2 },
    { keepAlive: false, maxSessions: 1, settleMs: 10_000 },
    { maxSessions: 1, settleMs: 200 },
    { keepAlive: false, proxyProtocol: "v1" },
    { health: {} },
    { health: { check: "http", path: "/up", status: "200" } },
    { health: { check: "none", rise: 1 } },
    { health: { check: "tls", host: "a.home" } },
  ])("a backend may have %j", settings => {
    expect(complaints({ backends: [{ ...backends[0], ...settings }] })).toEqual([]);
  });
});

test.each([
  { listeners: [{ port: 80, mode: "http" }] },
  { listeners: [{ port: 80, mode: "http" }, { port: 81 }], inspect: [{ keyword: "END" }] },
  { listeners: [{ port: 80, mode: "tcp" }, { port: 81 }], routes: [{}], sticky: "cookie" },
  { routes: [{ path: "/a" }, { path: "/A" }, { host: "a", path: "/a" }] },
  { routes: [{ path: `/${"a".repeat(127)}` }] },
  { routes: [{ sni: ["a.home", "*.home", "*"], backends: ["a"] }, { sni: ["b.home"] }, {}] },
  {
    listeners: [
      { port: 80, mode: "http" },
      { port: 443, mode: "tls" },
    ],
    routes: [{ redirect: 301 }, { host: "a.home", path: "/x", redirect: 308 }, { sni: ["*"] }],
  },
  { health: { check: "none", intervalMs: 100, observe: "none", ejectAfter: 3 } },
  { queueMax: 0, bytesPerSecondMin: 100 },
])("%j is a configuration", settings => {
  expect(complaints({ backends, ...settings })).toEqual([]);
});

describe("health of a backend", () => {
  function healthOf(health: object, ...own: (object | undefined)[]) {
    const outcome = readConfig({
      backends: own.map((health, i) => ({ address: `10.0.0.${i + 1}`, port: 80, health })),
      health,
    });
    if ("complaints" in outcome) throw new Error(outcome.complaints.join());
    return outcome.config;
  }

  test("is the global one with what the backend has of its own", () => {
    const { backends } = healthOf(
      { check: "http", path: "/up", host: "x.home", fall: 5 },
      { path: "/live", body: "ok", rise: 1 },
      { check: "tcp" },
    );
    const shared = { host: "x.home", fall: 5, intervalMs: 5000, timeoutMs: 2000 };
    expect(backends[0].health).toEqual({
      ...DEFAULT_HEALTH,
      ...shared,
      ...{ check: "http", path: "/live", body: "ok", rise: 1 },
    });
    expect(backends[1].health).toEqual({
      ...DEFAULT_HEALTH,
      ...shared,
      ...{ check: "tcp", path: "/up" },
    });
  });

  test("is one object for all backends that have nothing of their own", () => {
    const { health, backends } = healthOf({ check: "http" }, undefined, { fall: 1 }, undefined);
    expect(backends.map(backend => backend.health === health)).toEqual([true, false, true]);
  });

  test("keys of HTTP checks may be global if one backend is checked over HTTP", () => {
    const { backends } = healthOf({ check: "tcp", path: "/up" }, undefined, { check: "http" });
    expect(backends.map(({ health }) => `${health.check} ${health.path}`)).toEqual([
      "tcp /up",
      "http /up",
    ]);
  });

  test("global settings that no backend has are not judged", () => {
    expect(healthOf({ check: "none", start: "down" }, { check: "http" }).backends).toHaveLength(1);
  });
});

test("no complaint about the key of cookies shows it", () => {
  const outcome = readConfig({
    backends: [{ address: "10.0.0.1", port: 80 }],
    sticky: "cookie",
    stickyKey: "hush hush",
  });
  expect(outcome).toEqual({ complaints: [expect.stringMatching(/^stickyKey: .*8 to 64/)] });
  expect(JSON.stringify(outcome)).not.toContain("hush");
});

test("the mask in place of a key of cookies is no key", () => {
  const outcome = readConfig({
    backends: [{ address: "10.0.0.1", port: 80 }],
    sticky: "cookie",
    stickyKey: "********",
  });
  expect(outcome).toEqual({ complaints: [expect.stringMatching(/^stickyKey: /)] });
});

test.each([
  { machines: { name: "nas", secureOn: "hush" } },
  { machines: JSON.stringify([{ secureOn: "hush" }]) },
  { machines: [[{ name: "nas", sleep: { header: "hush" } }]] },
  { machines: [{ name: "nas", secureOn: "hush" }] },
  { machines: [{ name: "nas", sleep: { url: "http://nas.home", header: "hush" } }] },
  { machines: [{ name: "nas", sleep: [{ header: "hush" }] }] },
])("no complaint about %j shows its secret", document => {
  const told = complaints({ backends, ...document });
  expect(told.length).toBeGreaterThan(0);
  expect(told.join()).not.toContain("hush");
});

test("the tables of CONFIGURATION.md have the range of each number", () => {
  const rows = readFileSync("firmware/CONFIGURATION.md", "utf8").split("\n");
  /** The row of a key; some rows have two: `health.rise`, `.fall`. */
  const rowOf = (key: string) => {
    const last = key.slice(key.lastIndexOf("."));
    const group = key.slice(0, key.lastIndexOf(".") + 1);
    return rows.find(
      row =>
        row.startsWith(`| \`${key}\``) ||
        (row.startsWith(`| \`${group}`) && row.includes(`, \`${last}\``)),
    );
  };
  const wrong = {
    adminPort: -1,
    explain: -1,
    listeners: [{ port: -1 }],
    backends: [{ address: "10.0.0.1", port: -1, weight: -1, maxSessions: -1, settleMs: -1 }],
  };
  const health = {
    intervalMs: -1,
    timeoutMs: -1,
    rise: -1,
    fall: -1,
    ejectAfter: -1,
    slowStartMs: -1,
  };
  const times = ["connect", "idle", "tunnel", "queue", "head", "keepAlive", "response"];
  const limits = [
    "retries",
    "headBytesMax",
    "headLinesMax",
    "bodyBytesMax",
    "queueMax",
    "sessionsMax",
    "holdMs",
    "heldMax",
    "wakeAtPercent",
  ];
  const machines = [
    { idleMs: -1 },
    { asleepCheckMs: -1 },
    { wakeBy: { gpio: -1 } },
    { wakeBy: { gpio: 4, pressMs: -1 } },
  ];
  const good = { backends: [{ address: "10.0.0.1", port: 80 }] };
  const documents = [
    ...Object.entries(wrong).map(([key, value]) => ({ ...good, [key]: value })),
    ...Object.entries(health).map(([key, value]) => ({ ...good, health: { [key]: value } })),
    ...[...times.map(name => `${name}TimeoutMs`), ...limits].map(key => ({ ...good, [key]: -1 })),
    ...machines.map(settings => ({
      ...good,
      machines: [{ name: "nas", mac: "24:0a:c4:00:00:01", ...settings }],
    })),
  ];
  let ranges = 0;
  for (const document of documents) {
    const outcome = readConfig(document);
    for (const complaint of "complaints" in outcome ? outcome.complaints : []) {
      const [, key, min, max] = /^(.+): is -1; wanted a whole number from (\d+) to (\d+)$/.exec(
        complaint,
      )!;
      const row = rowOf(key.replaceAll("[0]", "[]")) ?? `no row of ${key}`;
      if (!(key.endsWith("Ms") && `${min} to ${max}` === "100 to 86400000")) {
        expect(row).toContain(`${min} to ${max}`);
      }
      expect(row).toMatch(/^\| `/);
      ranges++;
    }
  }
  expect(ranges).toBe(33);
});

describe("any document", () => {
  type Rule = (value: unknown) => boolean;
  const whole =
    (min: number, max: number): Rule =>
    value =>
      Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
  const text =
    (form: RegExp): Rule =>
    value =>
      typeof value === "string" && form.test(value);
  const flag: Rule = value => typeof value === "boolean";
  const maybe =
    (rule: Rule): Rule =>
    value =>
      value === undefined || rule(value);
  const ms = whole(100, 86_400_000);
  const port = whole(1, 65_535);
  const dnsName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i;
  const name = /^[a-z0-9][a-z0-9._-]{0,31}$/i;
  const isAddress: Rule = value => typeof value === "string" && isIPv4(value);
  const isNetwork: Rule = value => {
    const [address, bits = "32", more] = String(value).split("/");
    return isIPv4(address) && /^\d+$/.test(bits) && Number(bits) <= 32 && more === undefined;
  };

  /** The allowed values of each field, as the tables of CONFIGURATION.md have them; [] stands for any place of a list. */
  const RULES: Record<string, Rule> = {
    "listeners[].port": port,
    "listeners[].mode": text(/^(auto|http|tcp)$/),
    adminPort: whole(0, 65_535),
    "adminHosts[]": text(dnsName),
    "time.server": text(/^[a-z0-9.-]{0,253}$/i),
    "time.zone": value => typeof parseTimeZone(String(value)) === "object",
    "network.hostname": text(/^[a-z0-9-]{0,32}$/i),
    "network.address": maybe(isAddress),
    "network.netmask": maybe(isAddress),
    "network.gateway": maybe(isAddress),
    "network.dns[]": isAddress,
    "backends[].name": text(name),
    "backends[].address": isAddress,
    "backends[].port": port,
    "backends[].weight": whole(0, 256),
    "backends[].backup": flag,
    "backends[].maxSessions": maybe(whole(1, 512)),
    "backends[].state": text(/^(ready|drain|maint)$/),
    "backends[].keepAlive": maybe(flag),
    "backends[].settleMs": whole(0, 10_000),
    "backends[].proxyProtocol": text(/^(none|v1|v2)$/),
    balance: text(
      /^(round-robin|weighted-round-robin|least-connections|two-choices|ewma|source-hash|first|q-learning)$/,
    ),
    "health.check": text(/^(tcp|tls|http|none)$/),
    "health.path": text(/^\/[!-~]{0,127}$/),
    "health.host": maybe(text(/^[a-z0-9.:-]{1,253}$/i)),
    "health.status": text(/^[1-5]\d\d[-,\d]*$/),
    "health.body": maybe(text(/^[ -~]{1,64}$/)),
    "health.intervalMs": ms,
    "health.timeoutMs": ms,
    "health.rise": whole(1, 100),
    "health.fall": whole(1, 100),
    "health.start": text(/^(up|down)$/),
    "health.observe": text(/^(none|layer4|layer7)$/),
    "health.ejectAfter": whole(0, 100),
    "health.slowStartMs": whole(0, 86_400_000),
    sticky: text(/^(none|cookie|source)$/),
    stickyKey: maybe(text(/^[!-~]{8,64}$/)),
    explain: whole(0, 1000),
    "log.requests": text(/^(all|errors|none)$/),
    "routes[].host": maybe(text(/^(\*\.)?[a-z0-9.-]{1,253}$/i)),
    "routes[].path": text(/^\/[!-~]{0,127}$/),
    "routes[].strip": flag,
    "routes[].redirect": value => value === undefined || value === 301 || value === 308,
    "routes[].sni": value => value === undefined,
    "routes[].sni[]": text(/^(\*|(\*\.)?[a-z0-9._-]{1,253})$/i),
    "routes[].backends": value => value === undefined,
    "routes[].backends[]": text(/^[a-z0-9][a-z0-9._-]{0,31}$/i),
    "trustedProxies[]": isNetwork,
    "backends[].machine": maybe(text(name)),
    "machines[].name": text(name),
    "machines[].mac": maybe(text(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/)),
    "machines[].secureOn": maybe(text(/^[0-9a-f]{2}(:[0-9a-f]{2}){3}((:[0-9a-f]{2}){2})?$/i)),
    "machines[].wakeBy": text(/^packet$/),
    "machines[].wakeBy.gpio": whole(4, 33),
    "machines[].wakeBy.pressMs": whole(50, 2_000),
    "machines[].broadcast": maybe(isAddress),
    "machines[].wakeFor[].protocol": maybe(text(/^(http|tls|raw)$/)),
    "machines[].wakeFor[].host": maybe(text(/^(\*\.)?[a-z0-9.-]{1,253}$/i)),
    "machines[].wakeFor[].path": maybe(text(/^\/[!-~]{0,127}$/)),
    "machines[].wakeFor[].methods[]": text(/^[A-Z-]{1,20}$/),
    "machines[].wakeFor[].sni[]": text(/^(\*|(\*\.)?[a-z0-9._-]{1,253})$/i),
    "machines[].wakeFor[].clients[]": isNetwork,
    "machines[].wakeFor[].firstLine": maybe(text(/^[ -~]{1,64}$/)),
    "machines[].sleep.url": text(/^http:\/\/[a-z0-9._-]{1,253}(:\d{1,5})?(\/[!-~]*)?$/i),
    "machines[].sleep.method": text(/^[A-Z-]{1,20}$/),
    "machines[].sleep.header": maybe(text(/^[^ :]+: *[ -~]+$/)),
    "machines[].idleMs": maybe(whole(10_000, 86_400_000)),
    "machines[].awakeTimes[]": text(/^([a-z-]{3,7} )?\d\d:\d\d-\d\d:\d\d$/),
    "machines[].asleepCheckMs": value => value === 0 || whole(1_000, 86_400_000)(value),
    holdMs: whole(1_000, 86_400_000),
    heldMax: whole(0, 16),
    wakeAtPercent: whole(10, 100),
    "inspect[].keyword": text(/^[ -~]{1,64}$/),
    "inspect[].from": text(/^(client|backend|both)$/),
    "inspect[].match": text(/^(anywhere|line)$/),
    "inspect[].in": text(/^(text|any)$/),
    "inspect[].action": text(/^close$/),
    connectTimeoutMs: ms,
    idleTimeoutMs: ms,
    tunnelTimeoutMs: ms,
    queueTimeoutMs: ms,
    headTimeoutMs: ms,
    keepAliveTimeoutMs: ms,
    responseTimeoutMs: ms,
    retries: whole(0, 32),
    headBytesMax: whole(512, 16_384),
    headLinesMax: whole(8, 256),
    bodyBytesMax: whole(0, Number.MAX_SAFE_INTEGER),
    queueMax: whole(0, 64),
    sessionsMax: maybe(whole(1, 512)),
    clientSessionsMax: maybe(whole(1, 512)),
    bytesPerSecondMin: whole(0, 1_000_000),
  };

  for (const [key, rule] of Object.entries(RULES)) {
    if (key.startsWith("health.")) RULES[`backends[].${key}`] = rule;
  }

  /** Fields that are no object and no list, by their names in `RULES`. */
  function* fieldsOf(value: unknown, path = ""): Generator<[path: string, value: unknown]> {
    if (Array.isArray(value)) {
      for (const item of value) yield* fieldsOf(item, `${path}[]`);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        yield* fieldsOf(inner, path === "" ? key : `${path}.${key}`);
      }
    } else yield [path, value];
  }

  /** Eight that echo 60 characters, or the names of 32 backends. */
  const COMPLAINTS_MAX = 9;
  const COMPLAINT_CHARS_MAX = 1_400;

  test("each field of its configuration is in range, or complaints name the keys, bounded and printable", () => {
    let good = 0;
    let bad = 0;
    fc.assert(
      fc.property(documents, document => {
        const outcome = readConfig(document);
        if ("config" in outcome) {
          good++;
          const wrong = [...fieldsOf(outcome.config)].filter(
            ([path, value]) => !Object.hasOwn(RULES, path) || !RULES[path](value),
          );
          expect(wrong).toEqual([]);
          return;
        }
        bad++;
        const { complaints } = outcome;
        expect(complaints.length).toBeGreaterThan(0);
        expect(complaints.length).toBeLessThanOrEqual(COMPLAINTS_MAX);
        for (const complaint of complaints) {
          expect(complaint).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u202e]/u);
          expect(complaint.length).toBeLessThanOrEqual(COMPLAINT_CHARS_MAX);
          if (complaint !== "and more") expect(complaint).toMatch(/^.*: [^ ]/);
        }
      }),
      { numRuns: 500 },
    );
    expect(Math.min(good, bad)).toBeGreaterThan(50);
  });

  test("names of Object.prototype are unknown keys", () => {
    const text = `{"backends": ${JSON.stringify(backends)}, "__proto__": {"retries": 7}}`;
    expect(complaints(JSON.parse(text))[0]).toMatch(/^__proto__: no such key; /);
    expect(readConfig({ backends })).toMatchObject({ config: { retries: 2 } });
  });

  test("an unknown backend of a route is echoed shortened, without control characters", () => {
    const name = `\x1b[31m\n${"x".repeat(200)}`;
    const [complaint] = complaints({ backends, routes: [{ backends: [name] }] });
    expect(complaint).toMatch(
      /^routes\[0\]\.backends: no backend is called "\\u001b\[31m\\nx{40,60}\.\.\."; known are a$/,
    );
  });
});

test.each(["nas.home", "NAS.local", "nas", "192.168.1.10"])("a backend may be at %s", address => {
  expect(complaints({ backends: [{ address, port: 80 }] })).toEqual([]);
});

test.each([
  ["localhost", "which is the board itself; use the server's address or name in the network"],
  ["db.LOCALHOST", "which is the board itself; use the server's address or name in the network"],
])("a backend at %s is refused", (address, why) => {
  expect(complaints({ backends: [{ address, port: 80 }] })).toEqual([
    `backends[0].address: is ${JSON.stringify(address)}, ${why}`,
  ]);
});
