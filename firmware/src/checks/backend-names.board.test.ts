import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { FORGED_ADDRESS } from "../../../emulator/src/dns-server.ts";
import { statusOf } from "../../../firmware/src/admin/status.ts";
import { adminLab, change, statusOf as statusAt } from "../../../hil/kit/admin-lab.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab, ENGINE } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import { bodies, GET, HttpClient } from "../../../hil/kit/http-lab.ts";

const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const NAME = "nas.home";

/** A lab with a backend by name, on as many hosts as there are names of them. */
function labOf(...hosts: string[]) {
  const lab = new EmulatedLab();
  const computers = hosts.map(name => lab.backend(name, named(name).serve));
  const addressOf = (name: string) => computers[hosts.indexOf(name)].host.address;
  const resolveTo = (names: readonly string[], ttl = 30) =>
    lab.dns.set(NAME, names.map(addressOf), ttl);
  const serve = (settings: object = {}) =>
    lab.serve({ backends: [{ name: "nas", address: NAME, port: 8080 }], ...settings });
  return { lab, computers, addressOf, resolveTo, serve };
}

function lines(lab: EmulatedLab, ...whats: string[]): string[] {
  return whats
    .flatMap(what => lab.events("backend", what))
    .sort((one, other) => one.ms - other.ms)
    .map(({ what, values }) =>
      [what, ...Object.entries(values).map(([key, value]) => `${key}=${value}`)].join(" "),
    );
}

/** The questions for names of backends. */
function asked(lab: EmulatedLab): string[] {
  return lab.dns.asked.filter(name => name.endsWith(".home"));
}

test("a backend by name serves as soon as its name is resolved", async () => {
  const { lab, addressOf, resolveTo, serve } = labOf("red");
  resolveTo(["red"]);
  await serve();
  await lab.clock.run({ ms: 100 });
  expect(await lab.ask(GET_ONCE)).toMatch(/red$/);
  expect(lines(lab, "resolved", "up", "down", "unresolved")).toEqual([
    `resolved name=nas host=${NAME} addresses=${addressOf("red")} ttl=30`,
    "up name=nas",
  ]);
  expect(asked(lab)).toEqual([NAME]);
});

describe("a name that was never resolved", () => {
  test("is a backend that is down with DNS as its reason, wherever one looks", async () => {
    const lab = await adminLab(
      { backends: [{ name: "nas", address: NAME, port: 8080 }] },
      undefined,
      { hasDns: true },
    );
    await lab.clock.run({ ms: 3_000 });
    expect(lines(lab, "unresolved", "down")).toEqual([
      `unresolved name=nas host=${NAME} why=no-such-name`,
      "down name=nas check=DNS",
    ]);
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 503 /);
    const healthz = await get(lab, "/healthz");
    expect([healthz.status, healthz.body]).toEqual([
      503,
      "no backend is available\nnas: down/DNS\n",
    ]);
    const [backend] = (await statusAt(lab)).backends;
    expect(backend).toMatchObject({
      ...{ address: `${NAME}:8080`, operationalState: "down", check: "DNS" },
      dns: { addresses: [], preferred: null, ageMs: null },
    });
    expect((await get(lab, "/metrics")).body).toContain(
      'hot_potato_server_addresses{server="nas"} 0\n',
    );
  });

  test("comes up when it is resolved and its check passes", async () => {
    const { lab, computers, resolveTo, serve } = labOf("red");
    lab.dns.fault = "servfail";
    await serve({ health: { check: "tcp" } });
    await lab.clock.run({ ms: 20_000 });
    expect(lines(lab, "up", "down")).toEqual(["down name=nas check=DNS"]);
    lab.dns.fault = undefined;
    resolveTo(["red"]);
    computers[0].stop();
    await lab.clock.run({ ms: 60_000 });
    expect(lines(lab, "up", "down")).toEqual(["down name=nas check=DNS"]); // resolved, and no check passes
    computers[0].start();
    await lab.clock.run({ ms: 40_000 });
    expect(lines(lab, "up", "down").at(-1)).toBe("up name=nas check=L4OK");
    expect(await lab.ask(GET_ONCE)).toMatch(/red$/);
  });

  test("takes no request from the others, and picks explain it", async () => {
    const { lab, serve } = labOf("red");
    const red = { name: "red", address: lab.network.host("red").address, port: 8080 };
    await serve({ backends: [{ name: "nas", address: NAME, port: 8080 }, red], explain: 1 });
    await lab.clock.run({ ms: 30_000 });
    for (let i = 0; i < 4; i++) expect(await lab.ask(GET_ONCE)).toMatch(/red$/);
    expect(lab.events("backend", "pick")[0].values.scores).toMatch(/^nas=down\/DNS red=\d$/);
  });
});

describe("addresses in turn", () => {
  test("the next one is tried when one refuses, within one attempt, and the one that worked comes first", async () => {
    const { lab, computers, resolveTo, serve } = labOf("red", "blue", "green");
    resolveTo(["red", "blue", "green"]);
    computers[0].stop();
    computers[1].stop();
    await serve();
    await lab.clock.run({ ms: 100 });
    for (let i = 0; i < 3; i++) expect(await lab.ask(GET_ONCE)).toMatch(/green$/);
    expect(lab.events("http", "request").map(({ values }) => values.retries)).toEqual([
      "0",
      "0",
      "0",
    ]);
    expect(lines(lab, "connect-failed")).toEqual([]);
    computers[1].start();
    expect(await lab.ask(GET_ONCE)).toMatch(/green$/);
  });

  test("one that does not answer has its share of connectTimeoutMs, which is never exceeded", async () => {
    const { lab, resolveTo, serve } = labOf("red", "blue", "green");
    resolveTo(["red", "blue", "green"]);
    for (const name of ["red", "blue"]) lab.network.vanish(name);
    await serve({ connectTimeoutMs: 3_000 });
    await lab.clock.run({ ms: 100 });
    const from = lab.clock.now();
    expect(await lab.ask(GET_ONCE)).toMatch(/green$/);
    expect(lab.clock.now() - from).toBeGreaterThan(2_000);
    expect(lab.clock.now() - from).toBeLessThan(2_200);

    await lab.clock.run({ ms: 5_000 }); // the kept connection is closed
    const later = lab.clock.now();
    expect(await lab.ask(GET_ONCE)).toMatch(/green$/);
    expect(lab.clock.now() - later).toBeLessThan(100); // not through the dead ones again
    await lab.clock.run({ ms: 5_000 });
    lab.network.vanish("green");
    const then = lab.clock.now();
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 504 /);
    expect(lab.clock.now() - then).toBeGreaterThan(2_900);
    expect(lab.clock.now() - then).toBeLessThan(3_100);
    expect(lines(lab, "connect-failed")).toEqual(["connect-failed name=nas id=3 why=timeout"]);
  });

  test("checks try them all, too, so that a dead first address is no dead backend", async () => {
    const { lab, computers, resolveTo, serve } = labOf("red", "blue");
    resolveTo(["red", "blue"]);
    computers[0].stop();
    await serve({ health: { check: "tcp", intervalMs: 1_000 } });
    await lab.clock.run({ ms: 20_000 });
    expect(lines(lab, "down")).toEqual([]);
    computers[1].stop();
    await lab.clock.run({ ms: 20_000 });
    expect(lines(lab, "down")).toEqual(["down name=nas check=L4CON"]);
  });

  test("an HTTP check names the backend in Host, and has the whole of its time at the address that accepts", async () => {
    const lab = new EmulatedLab();
    const hosts: string[] = [];
    const slow = httpBackend((request, socket: MockSocket) => {
      hosts.push(...request.all("host"));
      lab.clock.after(1_500, () => void socket.write(reply("fine")));
      return undefined;
    });
    const dead = lab.network.host("dead");
    const alive = lab.backend("alive", slow.serve);
    lab.dns.set(NAME, [dead.address, alive.host.address]);
    await lab.serve({
      backends: [{ name: "nas", address: NAME, port: 8080 }],
      health: { check: "http", timeoutMs: 2_000, intervalMs: 3_000 },
    });
    await lab.clock.run({ ms: 20_000 });
    expect(lines(lab, "down")).toEqual([]);
    expect(new Set(hosts)).toEqual(new Set([`${NAME}:8080`]));
  });
});

describe("when the addresses change", () => {
  test("new connections go to the new one, kept ones to the old one are closed, sessions in progress stay", async () => {
    const lab = new EmulatedLab();
    const streams: MockSocket[] = [];
    const red = lab.backend("red", socket => {
      if (streams.length === 0) streams.push(socket);
      else named("red").serve(socket);
    });
    const blue = lab.backend("blue", named("blue").serve);
    lab.dns.set(NAME, [red.host.address], 5);
    await lab.serve({ backends: [{ name: "nas", address: NAME, port: 8080 }] });
    await lab.clock.run({ ms: 100 });
    const raw = lab.connect();
    let received = "";
    raw.on("data", (bytes: Buffer) => {
      received += bytes.toString();
    });
    raw.write("\x01hello");
    const client = new HttpClient(lab);
    await lab.clock.run({ ms: 2_000 });
    expect(bodies([await client.ask(GET)])).toEqual(["red"]);

    lab.dns.set(NAME, [blue.host.address], 5);
    await lab.clock.run({ ms: 3_500 }); // the kept connection is not 4 s old
    expect(lines(lab, "resolved").at(-1)).toContain(`addresses=${blue.host.address} `);
    expect(red.connections.map(({ closed }) => closed)).toEqual([false, true]);
    expect(bodies([await client.ask(GET)])).toEqual(["blue"]);
    streams[0].write("still here");
    await lab.clock.run({ ms: 100 });
    expect(received).toBe("still here");
  });

  test("a connection to the old address is not kept after the request that it serves", async () => {
    const lab = new EmulatedLab();
    const slow = httpBackend((_request, socket) => {
      lab.clock.after(6_000, () => void socket.write(reply("red")));
      return undefined;
    });
    const red = lab.backend("red", slow.serve);
    const blue = lab.backend("blue", named("blue").serve);
    lab.dns.set(NAME, [red.host.address], 5);
    await lab.serve({ backends: [{ name: "nas", address: NAME, port: 8080 }] });
    await lab.clock.run({ ms: 100 });
    const client = new HttpClient(lab);
    const first = client.ask(GET);
    lab.dns.set(NAME, [blue.host.address], 5);
    expect(bodies([await first])).toEqual(["red"]);
    expect(bodies([await client.ask(GET)])).toEqual(["blue"]);
    expect(red.connections.length).toBe(1);
  });

  test("a failed connection asks DNS before the TTL is up", async () => {
    const { lab, computers, resolveTo, serve } = labOf("red", "blue");
    resolveTo(["red"], 300);
    await serve();
    await lab.clock.run({ ms: 10_000 });
    computers[0].stop();
    resolveTo(["blue"], 300);
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 502 /);
    await lab.clock.run({ ms: 1_000 });
    expect(await lab.ask(GET_ONCE)).toMatch(/blue$/);
  });
});

test.each([
  "silent",
  "servfail",
  "refused",
  "wrong-id",
  "wrong-question",
  "query",
  "cut",
  "garbage",
] as const)(
  "while the DNS server is %s the last good address serves, and no forged one is used",
  async fault => {
    const { lab, addressOf, resolveTo, serve } = labOf("red");
    resolveTo(["red"], 5);
    await serve({ health: { check: "tcp" } });
    await lab.clock.run({ ms: 1_000 });
    lab.dns.fault = fault;
    for (let i = 0; i < 10; i++) {
      await lab.clock.run({ ms: 20_000 });
      expect(await lab.ask(GET_ONCE)).toMatch(/red$/);
    }
    expect(lines(lab, "unresolved").length).toBe(1);
    expect(lines(lab, "unresolved")[0]).toContain(`addresses=${addressOf("red")}`);
    expect(lines(lab, "down")).toEqual([]);
    expect(lab.network.trace.lines.join("\n")).not.toContain(FORGED_ADDRESS);
    lab.dns.fault = undefined;
    await lab.clock.run({ ms: 45_000 });
    expect(lines(lab, "resolved").length).toBe(2);
  },
);

test("without a network nothing is asked, and when it is back the names are asked first", async () => {
  const { lab, resolveTo, serve } = labOf("red");
  resolveTo(["red"], 5);
  await serve({ health: { check: "tcp" } });
  await lab.clock.run({ ms: 1_000 });
  const before = asked(lab).length;
  lab.wifiDrop(60_000);
  await lab.clock.run({ ms: 59_000 });
  expect(asked(lab).length).toBe(before);
  await lab.clock.run({ ms: 1_100 });
  expect(asked(lab).length).toBe(before + 1);
  expect(lines(lab, "unresolved", "down")).toEqual([]);
  expect(await lab.ask(GET_ONCE)).toMatch(/red$/);
});

describe("another configuration", () => {
  test("keeps the addresses, the health and the counters of a name that it has, too", async () => {
    const lab = await adminLab({ health: { check: "none" } }, undefined, { hasDns: true });
    const { address } = lab.network.host("a");
    lab.dns.set(NAME, [address], 300);
    const backends = [{ name: "nas", address: NAME, port: 8080 }];
    await lab.clock.run({ ms: 1 });
    await change(lab, { backends });
    await lab.clock.run({ ms: 100 });
    await lab.ask(GET_ONCE);
    const before = asked(lab).length;
    await change(lab, { backends, balance: "ewma" });
    expect(await lab.ask(GET_ONCE)).toMatch(/a$/);
    expect(asked(lab).length).toBe(before);
    const [backend] = (await statusAt(lab)).backends;
    expect(backend).toMatchObject({ operationalState: "up", sessionsTotal: 2 });
  });

  test("whose only backend cannot be resolved is rolled back", async () => {
    const lab = await adminLab({ health: { check: "tcp" } }, undefined, { hasDns: true });
    await lab.clock.run({ ms: 2_000 });
    await change(lab, { backends: [{ name: "nas", address: "typo.home", port: 8080 }] });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back").map(({ values }) => values.why)).toEqual([
      "no-backend",
    ]);
    expect(await lab.ask(GET_ONCE)).toMatch(/[ab]$/);
    const before = asked(lab).length;
    await lab.clock.run({ ms: 120_000 });
    expect(asked(lab).length).toBe(before); // its name is no longer asked for
  });
});

test.runIf(ENGINE === "node")(
  "a board whose backends all have addresses has no resolver and no timer for names",
  async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve);
    let sockets = 0;
    const { createSocket } = lab.network.host("board");
    lab.network.host("board").createSocket = (...given) => {
      sockets++;
      return createSocket(...given);
    };
    await lab.serve();
    expect(statusOf(lab.app!.runtime).backends[0].dns).toBeNull();
    await lab.clock.run({ ms: 600_000 });
    expect([sockets, lab.clock.pending]).toEqual([0, 0]);
  },
);
