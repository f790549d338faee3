import { describe, expect, test } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { ENGINES, type Engine, exportDocument } from "./engines.ts";

const BACKENDS = [
  { name: "a", address: "192.0.2.1", port: 8080 },
  { name: "b", address: "192.0.2.2", port: 8080 },
];

function exported(engine: Engine, settings: object = {}) {
  const outcome = readConfig({ backends: BACKENDS, ...settings });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  return exportDocument(engine, outcome);
}

/** The keys that the engine leaves out. */
function lossesOf(engine: Engine, settings?: object): string[] {
  return exported(engine, settings)
    .findings.filter(({ isLoss }) => isLoss)
    .map(({ key }) => key);
}

const HTTP = { listeners: [{ port: 80, mode: "http" }] };

describe.each(ENGINES)("an export to %s", engine => {
  test("leaves nothing out of a plain document; what stands only by default is a difference", () => {
    expect(lossesOf(engine, HTTP)).toEqual([]);
    const { findings } = exported(engine, HTTP);
    expect(findings.map(({ key }) => key)).toContain("inspect");
    expect(findings.map(({ key }) => key)).toContain("bytesPerSecondMin");
  });

  test.each([
    ["inspect", { listeners: [{ port: 80, mode: "tcp" }], inspect: [{ keyword: "BYE" }] }],
    ["bytesPerSecondMin", { ...HTTP, bytesPerSecondMin: 500 }],
    ["explain", { ...HTTP, explain: 3 }],
    ["balance", { ...HTTP, balance: "ewma" }],
    ["balance", { ...HTTP, balance: "q-learning" }],
    [
      "backends[].settleMs",
      { ...HTTP, backends: [{ ...BACKENDS[0], maxSessions: 1, settleMs: 5 }] },
    ],
    ["adminHosts", { ...HTTP, adminHosts: ["potato.home"] }],
    [
      "machines",
      {
        ...HTTP,
        machines: [{ name: "nas", mac: "24:0a:c4:00:00:01" }],
        backends: [{ ...BACKENDS[0], machine: "nas" }],
      },
    ],
  ])("says that %s is left out", (key, settings) => {
    expect(lossesOf(engine, settings)).toContain(key);
    expect(exported(engine, settings).text).toMatch(/^# Left out:$/m);
  });

  test("holds no secret", () => {
    const { text } = exported(engine, {
      ...HTTP,
      sticky: "cookie",
      stickyKey: "the-secret-of-cookies",
      machines: [{ name: "nas", mac: "24:0a:c4:00:00:01", secureOn: "0a:0b:0c:0d:0e:0f" }],
      backends: [{ ...BACKENDS[0], machine: "nas" }],
    });
    expect(text).not.toMatch(/the-secret-of-cookies|0a:0b:0c/i);
  });

  test("is the same text each time", () => {
    expect(exported(engine).text).toBe(exported(engine).text);
  });

  test("lists the best routes first, whatever their order in the document", () => {
    const routes = [{}, { path: "/api" }, { host: "*.home" }, { host: "x.home", path: "/a" }];
    const order = (list: readonly object[]) =>
      exported(engine, { ...HTTP, routes: list }).text.replaceAll(/route-\d/g, "route");
    if (engine === "haproxy") expect(order(routes)).toBe(order([...routes].reverse()));
    expect(order(routes)).toContain(engine === "haproxy" ? "-m str x.home" : "server_name x.home;");
  });
});

test("HAProxy gets one check of each backend, which all sections follow", () => {
  const { text } = exported("haproxy", {
    listeners: [{ port: 80 }, { port: 81, mode: "tcp" }],
    routes: [{ path: "/a", backends: ["a"] }, {}],
  });
  expect(text.match(/^ {4}server a .* check inter/gm)).toHaveLength(1);
  expect(text.match(/^ {4}server a .* track /gm)).toHaveLength(3);
});

test("HAProxy checks backends of other kinds in a section of their own", () => {
  const { text } = exported("haproxy", {
    ...HTTP,
    backends: [
      BACKENDS[0],
      { ...BACKENDS[1], health: { check: "http", path: "/it's", status: "200,204" } },
    ],
  });
  expect(text).toContain("uri '/it'\\''s' ver HTTP/1.1");
  expect(text).toMatch(/server b 192\.0\.2\.2:8080 weight 1 track checks-\d\/b/);
});

test("nginx serves raw TCP on a listener in mode auto if that is asked for", () => {
  const outcome = readConfig({ backends: BACKENDS });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  const raw = exportDocument("nginx", outcome, "tcp");
  expect(raw.text).toContain("proxy_pass raw;");
  expect(exportDocument("nginx", outcome).text).toContain("proxy_pass http://http;");
  expect(raw.findings.find(({ key }) => key === "listeners")?.isLoss).toBe(true);
});

test("nginx strips the path of a route also where its server has a host name, and leaves nothing out", () => {
  const backends = [{ name: "nas", address: "nas.home", port: 80 }];
  const routes = [{ path: "/a.b", strip: true }, {}];
  const { text, findings } = exported("nginx", { ...HTTP, backends, routes });
  expect(text).toContain('rewrite "^/a\\\\.b/?(.*)$" "/$1" break;');
  expect(findings.filter(({ isLoss }) => isLoss)).toEqual([]);
});
