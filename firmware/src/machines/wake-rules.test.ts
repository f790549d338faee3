import { describe, expect, test } from "vitest";
import { readConfig } from "../config/config.ts";
import { ascii } from "../text/ascii.ts";
import { mayWake as mayWakeBy, type WakeClient } from "./wake-rules.ts";

/** The rules as a document has them. */
function rulesOf(wakeFor: readonly object[]): { mayWake(client: WakeClient): boolean } {
  const outcome = readConfig({
    backends: [{ address: "10.0.0.1", port: 80, machine: "nas" }],
    machines: [{ name: "nas", mac: "24:0a:c4:00:00:01", wakeFor }],
  });
  if ("complaints" in outcome) throw new Error(outcome.complaints.join("\n"));
  const rules = outcome.config.machines[0].wakeFor!;
  return { mayWake: client => mayWakeBy(rules, client) };
}

/** True if a request may wake a machine with this one rule. */
function mayWake(rule: object, client: Partial<WakeClient>): boolean {
  return rulesOf([rule]).mayWake({ protocol: "http", address: "192.168.1.20", ...client });
}

const get = (path: string, host = "photos.home"): Partial<WakeClient> => ({
  ...{ host, path, method: "GET" },
});

describe("without rules no client wakes the machine, and with an empty rule every client does", () => {
  const client: WakeClient = { protocol: "raw", address: "10.0.0.9" };
  test("none", () => expect(rulesOf([]).mayWake(client)).toBe(false));
  test("empty", () => expect(rulesOf([{}]).mayWake(client)).toBe(true));
});

test("one matching rule is enough, and all its keys must match", () => {
  const rules = rulesOf([
    { host: "photos.home", path: "/api", methods: ["GET", "POST"] },
    { protocol: "tls", clients: ["10.0.0.0/8"] },
  ]);
  const client = { protocol: "http", address: "192.168.1.20", ...get("/api/photos") } as const;
  expect(rules.mayWake(client)).toBe(true);
  expect(rules.mayWake({ ...client, method: "HEAD" })).toBe(false);
  expect(rules.mayWake({ ...client, host: "nas.home" })).toBe(false);
  expect(rules.mayWake({ ...client, path: "/" })).toBe(false);
  expect(rules.mayWake({ protocol: "tls", address: "192.168.1.20" })).toBe(false);
  expect(rules.mayWake({ protocol: "tls", address: "10.1.2.3" })).toBe(true);
});

test.each([
  ["photos.home", "photos.home", true],
  ["photos.home", "PHOTOS.home.:8080", true],
  ["Photos.Home", "photos.home", true],
  ["*.home", "photos.home", true],
  ["*.home", "home", false],
  ["photos.home", "my.photos.home", false],
  ["photos.home", "192.168.1.5", false],
  ["photos.home", "", false],
])("the host %s is for a request to %j: %s", (host, asked, expected) => {
  expect(mayWake({ host }, get("/", asked))).toBe(expected);
});

test.each([
  ["/photos", true],
  ["/photos/", true],
  ["/photos/2026/a.jpg", true],
  ["/photosynthesis", false],
  ["/Photos", false],
  ["/", false],
  ["//photos/1", true],
  ["/./photos", true],
  ["/ph%6ftos/1", true],
  ["/x/../photos/1", true],
  ["/photos/../admin", false],
  ["/photos/%2e%2e/admin", false],
  ["/photos;x=1/2", true],
  ["/photos/..;/admin", false],
  ["/photos/..%2fadmin", false],
  ["/photos/..\\admin", false],
  ["/photos/%zz", false],
  ["*", false],
  ["", false],
])("a rule for /photos is for the path %s: %s", (path, expected) => {
  expect(mayWake({ path: "/photos" }, get(path))).toBe(expected);
});

test.each(["%", "%e", "%e3"])(
  "the end of a path may be %j where it was cut, and only there",
  end => {
    const cut = `/photos/${"a".repeat(129 - 8 - end.length)}${end}`;
    expect(mayWake({ path: "/photos" }, get(cut))).toBe(true);
    expect(mayWake({ path: "/photos" }, get(`/photos/a${end}`))).toBe(end === "%e3");
  },
);

test("keys of HTTP are for HTTP alone", () => {
  for (const rule of [{ host: "photos.home" }, { path: "/" }, { methods: ["GET"] }]) {
    expect(mayWake(rule, { ...get("/"), protocol: "tls" })).toBe(false);
    expect(mayWake(rule, { ...get("/"), protocol: "raw" })).toBe(false);
    expect(mayWake(rule, get("/"))).toBe(true);
  }
});

test("methods are compared with their case", () => {
  expect(mayWake({ methods: ["GET"] }, { ...get("/"), method: "get" })).toBe(false);
});

test.each([
  ["cloud.home", "cloud.home", true],
  ["Cloud.Home", "cloud.home", true],
  ["*.home", "cloud.home", true],
  ["*.home", "home", false],
  ["cloud.home", undefined, false],
  ["*", "any.example", true],
  ["*", undefined, true],
])("sni %s is for the server name %s: %s", (name, serverName, expected) => {
  expect(mayWake({ sni: ["x.example", name] }, { protocol: "tls", serverName })).toBe(expected);
});

test("a rule with sni is for TLS alone", () => {
  expect(mayWake({ sni: ["*"] }, get("/"))).toBe(false);
});

test.each([
  ["192.168.1.20", true],
  ["192.168.2.1", true],
  ["192.168.3.1", false],
  ["10.0.0.1", false],
])("clients of a network: %s %s", (address, expected) => {
  const clients = ["192.168.1.20", "192.168.2.0/24"];
  expect(mayWake({ clients }, { protocol: "raw", address })).toBe(expected);
});

test.each([
  ["SSH-2.0-OpenSSH_9.9\r\n", true],
  ["SSH-2.0", true],
  ["SSH-1.99", false],
  ["SSH", false],
  ["", false],
  [" SSH-2.0", false],
])("raw TCP that begins with %j: %s", (text, expected) => {
  const client = { protocol: "raw", firstBytes: () => ascii(text) } as const;
  expect(mayWake({ firstLine: "SSH-2.0" }, client)).toBe(expected);
});

test("a raw client that has sent nothing wakes no machine with firstLine, and any protocol by network does not ask for bytes", () => {
  expect(mayWake({ firstLine: "SSH-2.0" }, { protocol: "raw" })).toBe(false);
  const firstBytes = () => {
    throw new Error("asked");
  };
  expect(mayWake({ clients: ["192.168.1.0/24"] }, { protocol: "raw", firstBytes })).toBe(true);
});
