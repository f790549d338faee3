import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab, ENGINE, says } from "../../../hil/kit/emulated-lab.ts";
import { type HttpBackend, httpBackend, named } from "../../../hil/kit/http-backend.ts";
import { readHello } from "../net/tls-hello.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const CHECKED = { health: { check: "tcp" } };
const OVER_HTTP = { health: { check: "http", path: "/health" } };

/** The log's lines about backends: `name what check`. */
function changes(lab: EmulatedLab): string[] {
  return ["up", "down", "ejected", "drain", "drain-end"]
    .flatMap(what => lab.events("backend", what))
    .sort((x, y) => x.ms - y.ms)
    .map(({ what, values }) => [values.name, what, values.check].filter(Boolean).join(" "));
}

/** A lab whose backend answers each check with the current result of `answer`. */
function labOf(answer: () => string) {
  const lab = new EmulatedLab();
  const backend = httpBackend(({ line }) =>
    line.startsWith("GET /health ") ? answer() : reply("served"),
  );
  lab.backend("a", backend.serve);
  return { lab, backend };
}

function checks({ requests }: HttpBackend): number {
  return requests.filter(({ line }) => line.startsWith("GET /health ")).length;
}

describe("checks", () => {
  test("checks take a dead backend down and bring it back, without any request", async () => {
    const lab = new EmulatedLab();
    const a = lab.backend("a", says("a"));
    lab.backend("b", says("b"));
    await lab.serve(CHECKED);
    await lab.clock.run({ ms: 6000 });
    a.stop();
    await lab.clock.run({ ms: 10_000 });
    expect(changes(lab)).toEqual(["a down L4CON"]);

    for (let i = 0; i < 4; i++) expect(await lab.ask("hello")).toBe("b: hello");
    expect(lab.events("backend", "connect-failed")).toEqual([]);

    a.start();
    await lab.clock.run({ ms: 35_000 });
    expect(changes(lab)).toEqual(["a down L4CON", "a up L4OK"]);
  });

  test("a backend that is dead at boot is found by its first check", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", says("a")).stop();
    await lab.serve(CHECKED);
    await lab.clock.run({ ms: 1000 });
    expect(changes(lab)).toEqual(["a down L4CON"]);
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n/s);
    expect(lab.events("http", "request").at(-1)!.values).toMatchObject({ state: "SC" });
  });

  test("with start down no request is served before the first passed check", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", says("a"));
    await lab.serve({ health: { check: "tcp", start: "down" } });
    await lab.clock.run({ ms: 500 });
    expect(changes(lab)).toEqual(["a up L4OK"]);
    expect(await lab.ask("hello")).toBe("a: hello");
  });

  test.each([
    ["a status that is not expected", () => reply("x", { status: "503 Busy" }), "L7STS/503"],
    ["bytes that are no HTTP", () => "what?\r\n\r\n", "L7RSP"],
    ["no answer", () => "", "L7TOUT"],
  ])("over HTTP, %s takes it out", async (_, answer, code) => {
    const { lab } = labOf(answer);
    await lab.serve(OVER_HTTP);
    await lab.clock.run({ ms: 3000 });
    expect(changes(lab)).toEqual([`a down ${code}`]);
  });

  test("a response whose head is longer than headBytesMax is judged by its status", async () => {
    for (const fields of [`A: ${"b".repeat(10_000)}\r\n`, "A: b\r\n".repeat(110)]) {
      for (const [status, ...expected] of [
        ["200 OK", "a up L7OK/200"],
        ["404 Gone", "a up L7OKC/404", "a drain L7OKC/404"],
        ["503 Busy"],
      ]) {
        const { lab } = labOf(() => `HTTP/1.1 ${status}\r\n${fields}Content-Length: 0\r\n\r\n`);
        await lab.serve({
          health: { check: "http", path: "/health", start: "down" },
        });
        await lab.clock.run({ ms: 1500 });
        expect(changes(lab)).toEqual(expected);
      }
    }
  });

  test("any number of interim responses may precede the response", async () => {
    const { lab } = labOf(() => `${"HTTP/1.1 100\r\n\r\n".repeat(85)}${reply("fine")}`);
    await lab.serve({ health: { check: "http", path: "/health", start: "down" } });
    await lab.clock.run({ ms: 1500 });
    expect(changes(lab)).toEqual(["a up L7OK/200"]);
  });

  test("over HTTP, the status and a text in the body are checked", async () => {
    const answers = [
      reply("all is well", { status: "200 OK" }),
      reply("all is bad", { status: "200 OK" }),
      reply("all is well", { status: "204 Fine" }),
    ];
    const outcomes: string[][] = [];
    for (const answer of answers) {
      const { lab } = labOf(() => answer);
      await lab.serve({
        health: { check: "http", path: "/health", status: "200-201", body: "well", start: "down" },
      });
      await lab.clock.run({ ms: 1500 });
      outcomes.push(changes(lab));
      expect(lab.app!.proxy.pool.backends[0].health.code).toMatch(/^L7(OK\/200|STS\/20[04])$/);
    }
    expect(outcomes).toEqual([["a up L7OK/200"], [], []]);
  });

  test("a black hole is found by the timeout, and does not delay the checks of others", async () => {
    const lab = new EmulatedLab();
    lab.backend("hole", says("hole"));
    const b = lab.backend("b", says("b"));
    lab.network.vanish("hole");
    await lab.serve({ health: { check: "tcp", timeoutMs: 1000, intervalMs: 2000 } });
    await lab.clock.run({ ms: 60_000 });
    expect(changes(lab)).toEqual(["hole down L4TOUT"]);
    // Every 2 s ± 10 %, and one second later when the black hole is checked before.
    expect(b.connections.length).toBeGreaterThan(20);
  });

  test("checks run one at a time, are spread, and have jitter", async () => {
    const lab = new EmulatedLab();
    const askedMs: number[] = [];
    let open = 0;
    let most = 0;
    const serve = (socket: MockSocket) => {
      askedMs.push(lab.clock.now());
      most = Math.max(most, ++open);
      socket.on("close", () => open--);
      socket.on("end", () => socket.end());
      socket.resume();
    };
    for (const name of "abcdef") lab.backend(name, serve);
    await lab.serve({ health: { check: "tcp", intervalMs: 1000 } });
    await lab.clock.run({ ms: 60_000 });
    expect(most).toBe(1);
    expect(askedMs.length).toBeGreaterThan(6 * 55);
    expect(askedMs.length).toBeLessThan(6 * 66);
    const steps = askedMs.slice(1).map((ms, i) => Math.round(ms - askedMs[i]));
    expect(new Set(steps).size).toBeGreaterThan(30);
  });

  test("a backend that is down is checked less and less often, at last every 30 s", async () => {
    const { lab, backend } = labOf(() => reply("x", { status: "500 Broken" }));
    await lab.serve(OVER_HTTP);
    await lab.clock.run({ ms: 60_000 });
    expect(checks(backend)).toBeLessThan(8);
    const before = checks(backend);
    await lab.clock.run({ ms: 300_000 });
    expect(checks(backend) - before).toBeGreaterThanOrEqual(9);
    expect(checks(backend) - before).toBeLessThanOrEqual(12);
  });

  test("404 starts a drain: new sessions go to other backends, current ones continue", async () => {
    let drains = false;
    const { lab } = labOf(() => (drains ? reply("x", { status: "404 Gone" }) : reply("ok")));
    lab.backend("b", named("b").serve);
    await lab.serve({ ...OVER_HTTP, inspect: [] });
    const client = lab.connect();
    client.write("raw bytes stay");
    await lab.clock.run({ ms: 1500 });
    drains = true;
    await lab.clock.run({ ms: 6000 });
    expect(changes(lab)).toEqual(["a drain L7OKC/404"]);
    expect(client.closed).toBe(false);
    for (let i = 0; i < 3; i++) expect(await lab.ask(GET_ONCE)).toContain("\r\n\r\nb");

    drains = false;
    await lab.clock.run({ ms: 6000 });
    expect(changes(lab)).toEqual(["a drain L7OKC/404", "a drain-end L7OK/200"]);
  });

  test("each drain that the log shows begins with `drain` and ends with `drain-end` or `down`", async () => {
    let status = "404 Gone";
    const { lab } = labOf(() => reply("x", { status }));
    await lab.serve({ health: { ...OVER_HTTP.health, start: "down", rise: 2, fall: 2 } });
    for (const next of ["404 Gone", "500 Broken", "200 OK"]) {
      status = next;
      await lab.clock.run({ ms: 20_000 });
    }
    expect(changes(lab)).toEqual([
      "a up L7OKC/404",
      "a drain L7OKC/404",
      "a down L7STS/500",
      "a up L7OK/200",
    ]);
  });

  test.each([
    ["down", "500 Broken", ["a down L7STS/500", "a up"]],
    ["draining", "404 Gone", ["a drain L7OKC/404", "a drain-end"]],
  ])(
    "a backend that is %s gets requests again when checks are switched off",
    async (_, wrong, expected) => {
      let status = "200 OK";
      const { lab } = labOf(() => reply("x", { status }));
      await lab.serve(OVER_HTTP);
      await lab.clock.run({ ms: 6000 });
      status = wrong;
      await lab.clock.run({ ms: 20_000 });
      lab.app!.runtime.setKey("health", { check: "none" });
      expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
      expect(changes(lab)).toEqual(expected);
    },
  );

  test("a backend in maintenance is not checked, and is checked at once afterwards", async () => {
    const { lab, backend } = labOf(() => reply("ok"));
    lab.backend("b", named("b").serve);
    await lab.serve(OVER_HTTP);
    await lab.clock.run({ ms: 6000 });
    lab.setState("a", "maint");
    const before = checks(backend);
    await lab.clock.run({ ms: 60_000 });
    expect(checks(backend)).toBe(before);
    lab.setState("a", "ready");
    await lab.clock.run({ ms: 100 });
    expect(checks(backend)).toBe(before + 1);
  });
});

describe("a backend with health of its own", () => {
  test("is checked in its own way, at its own pace, and the others as the global settings say", async () => {
    const lab = new EmulatedLab();
    const web = httpBackend(() => reply("fine"));
    const ill = httpBackend(() => reply("x", { status: "503 Busy" }));
    const open = (name: string) => lab.backend(name, says(name));
    const shared = open("shared");
    lab.backend("web", web.serve, { health: { check: "http", path: "/up", host: "web.home" } });
    lab.backend("ill", ill.serve, { health: { check: "http", intervalMs: 10_000, fall: 1 } });
    const unchecked = lab.backend("unchecked", says("x"), { health: { check: "none" } });
    unchecked.stop();
    const slow = lab.backend("slow", says("slow"), { health: { intervalMs: 20_000 } });
    await lab.serve({ health: { check: "tcp", intervalMs: 2000 } });
    await lab.clock.run({ ms: 60_000 });
    expect(changes(lab)).toEqual(["ill down L7STS/503"]);
    expect(lab.app!.proxy.pool.backends.map(({ health }) => health.code)).toEqual([
      "L4OK",
      "L7OK/200",
      "L7STS/503",
      undefined,
      "L4OK",
    ]);
    expect(web.requests[0].line).toBe("GET /up HTTP/1.1");
    expect(web.received[0]).toContain("\r\nHost: web.home\r\n");
    expect(ill.requests[0].line).toBe("GET / HTTP/1.1");
    expect(shared.connections.length).toBeGreaterThan(25);
    expect(slow.connections.length).toBeLessThan(5);
    expect(web.requests.length).toBeGreaterThan(25);
  });

  test("is taken out, ejected and brought back after its own number of results", async () => {
    const lab = new EmulatedLab();
    const touchy = lab.backend("touchy", named("touchy").serve, { health: { fall: 1, rise: 1 } });
    const calm = lab.backend("calm", named("calm").serve, { health: { fall: 9 } });
    lab.backend("b", named("b").serve);
    await lab.serve({ health: { check: "tcp", observe: "none" } });
    await lab.clock.run({ ms: 4000 });
    for (const backend of [touchy, calm]) backend.stop();
    await lab.clock.run({ ms: 6000 });
    expect(changes(lab)).toEqual(["touchy down L4CON"]);
    await lab.clock.run({ ms: 10_000 });
    for (const backend of [touchy, calm]) backend.start();
    expect(changes(lab)).toEqual(["touchy down L4CON", "calm down L4CON"]);
    await lab.clock.run({ ms: 40_000 });
    expect(changes(lab).slice(2).sort()).toEqual(["calm up L4OK", "touchy up L4OK"]);
  });

  test("counts failed requests by its own rules", async () => {
    const lab = new EmulatedLab();
    const broken = () => httpBackend(() => reply("x", { status: "500 Oops" })).serve;
    lab.backend("strict", broken(), { health: { observe: "layer7", ejectAfter: 1 } });
    lab.backend("lax", broken(), { health: { observe: "layer7", ejectAfter: 5 } });
    lab.backend("blind", broken());
    await lab.serve({ health: { check: "none", observe: "layer4" } });
    for (let i = 0; i < 9; i++) await lab.ask(GET_ONCE);
    expect(changes(lab)).toEqual(["strict ejected L7STS/500"]);
    for (let i = 0; i < 9; i++) await lab.ask(GET_ONCE);
    expect(changes(lab)).toEqual(["strict ejected L7STS/500", "lax ejected L7STS/500"]);
  });

  test("keeps its state when only the way it is checked changes", async () => {
    const lab = new EmulatedLab();
    const status = { now: "500 Broken" };
    lab.backend("a", httpBackend(() => reply("x", { status: status.now })).serve);
    lab.backend("b", named("b").serve);
    await lab.serve(CHECKED);
    const { runtime } = lab.app!;
    runtime.setKey("backends[0].health", { check: "http", fall: 1 });
    await lab.clock.run({ ms: 10_000 });
    expect(changes(lab)).toEqual(["a down L7STS/500"]);
    runtime.setKey("backends[0].health.path", "/other");
    const { health } = lab.app!.proxy.pool.backends[0];
    expect([health.up, health.code]).toEqual([false, "L7STS/500"]);
    runtime.setKey("backends[0].health.check", "none");
    expect(runtime.setKey("retries", 1)).toBeDefined();
    expect(changes(lab)).toEqual(["a down L7STS/500"]); // refused: the document still has the path
    runtime.setKey("backends[0].health", { check: "none" });
    expect(changes(lab)).toEqual(["a down L7STS/500", "a up"]);
  });
});

describe("a TLS check", () => {
  /** A ServerHello of TLS 1.2 with its record, up to the random bytes. */
  const HELLO = Buffer.from(`160303004a0200004603036a${"11".repeat(31)}00`, "hex");
  const FATAL_ALERT = Buffer.from("15030300020228", "hex");
  const UNKNOWN_NAME_WARNING = Buffer.from("15030300020170", "hex");

  /** The result of the check of a backend that answers with `answer`, and the hello that it was sent. */
  async function checkedBy(answer: (socket: MockSocket) => void, health: object = {}) {
    const lab = new EmulatedLab();
    let received = Buffer.alloc(0);
    lab.backend("a", socket => {
      let answered = false;
      received = Buffer.alloc(0);
      socket.on("error", () => {});
      socket.on("end", () => socket.end());
      socket.on("data", (bytes: Buffer) => {
        received = Buffer.concat([received, bytes]);
        if (!answered) answer(socket);
        answered = true;
      });
    });
    await lab.serve({ health: { check: "tls", timeoutMs: 1000, ...health } });
    await lab.clock.run({ ms: 3000 });
    const hello = readHello(received);
    if (typeof hello === "string") throw new Error(`the check has sent ${hello}`);
    const { code, up } = lab.app!.proxy.pool.backends[0].health;
    return { hello, found: `${up ? "up" : "down"} ${code}`, lab };
  }

  test.each<[string, (socket: MockSocket) => void, string]>([
    ["a ServerHello", socket => socket.write(HELLO), "up L6OK"],
    [
      "a ServerHello byte by byte",
      socket => {
        for (const byte of HELLO) socket.write(Buffer.of(byte));
      },
      "up L6OK",
    ],
    [
      "a warning about the name, then a ServerHello",
      socket => {
        socket.write(UNKNOWN_NAME_WARNING);
        socket.write(HELLO);
      },
      "up L6OK",
    ],
    [
      "half a ServerHello's record head",
      socket => socket.write(HELLO.subarray(0, 3)),
      "down L6TOUT",
    ],
    ["half of it and a close", socket => socket.end(HELLO.subarray(0, 3)), "down L6RSP"],
    ["an alert", socket => socket.write(FATAL_ALERT), "down L6RSP"],
    [
      "nothing but warnings",
      socket => {
        for (let i = 0; i < 100; i++) socket.write(UNKNOWN_NAME_WARNING);
      },
      "down L6RSP",
    ],
    ["HTTP", socket => socket.write(reply("no TLS here", { status: "400 Bad" })), "down L6RSP"],
    ["silence", () => {}, "down L6TOUT"],
    ["a close", socket => socket.end(), "down L6RSP"],
    ["a reset", socket => socket.resetAndDestroy(), "down L6RSP"],
  ])("that is answered with %s", async (_, answer, found) => {
    expect((await checkedBy(answer)).found).toBe(found);
  });

  test("sends the name that is given, without its port, and none for an address", async () => {
    const names = [];
    for (const host of ["nas.home", "nas.home:8443", "192.168.1.9", undefined]) {
      const { hello } = await checkedBy(socket => socket.write(HELLO), host ? { host } : {});
      names.push(hello.serverName);
    }
    expect(names).toEqual(["nas.home", "nas.home", undefined, undefined]);
  });

  test("of a backend that refuses, or is a black hole, ends as a check by tcp does", async () => {
    const lab = new EmulatedLab();
    lab.backend("refuses", says("x")).stop();
    lab.backend("hole", says("x"));
    lab.network.vanish("hole");
    await lab.serve({ health: { check: "tls", timeoutMs: 1000 } });
    await lab.clock.run({ ms: 10_000 });
    expect(changes(lab)).toEqual(["refuses down L4CON", "hole down L4TOUT"]);
  });
});

describe("failed requests", () => {
  test("one of three dies under load: no request fails, and it gets only checks from then on", async () => {
    const lab = new EmulatedLab();
    const backends = "abc".split("").map(name => lab.backend(name, named(name).serve));
    await lab.serve(CHECKED);
    await lab.clock.run({ ms: 6000 });
    backends[0].stop();
    const before = backends[0].host;
    let served = 0;
    for (let i = 0; i < 300; i++) {
      expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
      served++;
      await lab.clock.run({ ms: 100 });
    }
    expect([served, before.name]).toEqual([300, "a"]);
    // Three requests fail there one after the other; then it gets only checks.
    expect(lab.events("backend", "connect-failed").length).toBe(3);
    expect(changes(lab)).toEqual(["a ejected L4CON", "a down L4CON"]);
  });

  test("without checks an ejected backend is tried by one request after 10 s, then after longer times", async () => {
    const lab = new EmulatedLab();
    const a = lab.backend("a", named("a").serve);
    lab.backend("b", named("b").serve);
    await lab.serve();
    a.stop();
    await lab.clock.run({ ms: 0.1 }); // real clocks do not tick in whole milliseconds
    for (let second = 0; second < 90; second++) {
      expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
      expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
      await lab.clock.run({ ms: 1000 });
    }
    // Three at first, one after 10 s, one after 20 s more, one after 30 s more.
    expect(lab.events("backend", "connect-failed").length).toBe(6);
    const times = lab.events("backend", "ejected").map(({ values }) => values.forMs);
    expect(times).toEqual(["10000", "20000", "30000", "40000"]);
    a.start();
    await lab.clock.run({ ms: 40_000 });
    const answers = [await lab.ask(GET_ONCE), await lab.ask(GET_ONCE)].join();
    expect([answers.includes("\r\n\r\na"), answers.includes("\r\n\r\nb")]).toEqual([true, true]);
  });

  test("5xx responses count only with layer7", async () => {
    const outcomes: string[][] = [];
    for (const observe of ["none", "layer4", "layer7"]) {
      const lab = new EmulatedLab();
      lab.backend("a", httpBackend(() => reply("x", { status: "500 Oops" })).serve);
      lab.backend("b", named("b").serve);
      await lab.serve({ health: { check: "none", observe } });
      for (let i = 0; i < 10; i++) await lab.ask(GET_ONCE);
      outcomes.push(changes(lab));
    }
    expect(outcomes).toEqual([[], [], ["a ejected L7STS/500"]]);
  });

  test("the last available backend is not ejected", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", httpBackend(() => reply("x", { status: "500 Oops" })).serve);
    await lab.serve({ health: { check: "none", observe: "layer7" } });
    for (let i = 0; i < 10; i++) expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 500 /);
    expect(changes(lab)).toEqual([]);
  });

  test("a backend that answers too late, or closes instead, is ejected", async () => {
    const lab = new EmulatedLab();
    lab.backend("mute", socket => socket.resume());
    lab.backend("rude", socket => socket.once("data", () => socket.resetAndDestroy()));
    lab.backend("b", named("b").serve);
    await lab.serve({ responseTimeoutMs: 100 });
    for (let i = 0; i < 12; i++) await lab.ask(GET_ONCE);
    expect(changes(lab)).toEqual(["mute ejected L7TOUT", "rude ejected L7RSP"]);
  });

  test("an idle connection that its backend closes is not a failure", async () => {
    const lab = new EmulatedLab();
    const backend = named("a");
    const a = lab.backend("a", backend.serve);
    lab.backend("b", named("b").serve);
    await lab.serve();
    for (let i = 0; i < 10; i++) {
      await lab.ask(GET_ONCE);
      for (const socket of a.connections) socket.resetAndDestroy();
      await lab.ask(GET_ONCE);
    }
    expect(changes(lab)).toEqual([]);
  });
});

// The objects of the program on XS are out of reach.
test.skipIf(ENGINE === "xs")(
  "checks go on after an exception that a result has caused",
  async () => {
    const { lab } = labOf(() => reply("ok"));
    await lab.serve({ health: { ...OVER_HTTP.health, start: "down" } });
    const { health } = lab.app!.proxy.pool.backends[0];
    health.passed = () => {
      Reflect.deleteProperty(health, "passed");
      throw new Error("a bug");
    };
    await lab.clock.run({ ms: 20_000 });
    expect(lab.lines.filter(line => line.includes("a bug"))).toHaveLength(1);
    expect(changes(lab)).toEqual(["a up L7OK/200"]);
  },
);

describe("the board's own network", () => {
  test("failures of requests are not counted without it, but after another configuration they are", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", socket => socket.resume());
    await lab.serve({ responseTimeoutMs: 2000 });
    const { counters } = lab.app!.proxy.pool.backends[0];
    for (const [happens, failures] of [
      [() => lab.wifiDrop(10_000), 0],
      [() => lab.app!.runtime.setKey("balance", "first"), 1],
    ] as const) {
      lab.connect().write(GET);
      await lab.clock.run({ ms: 1000 });
      expect(counters.sessions).toBe(1);
      happens();
      await lab.clock.run({ ms: 30_000 });
      expect([counters.failures, counters.sessions]).toEqual([failures, 0]);
    }
  });

  test("without Wi-Fi no failure is counted for a backend, however long", async () => {
    const lab = new EmulatedLab();
    for (const name of "ab") lab.backend(name, named(name).serve);
    await lab.serve(CHECKED);
    await lab.clock.run({ ms: 10_000 });
    lab.wifiDrop(120_000);
    await lab.clock.run({ ms: 150_000 });
    expect(changes(lab)).toEqual([]);
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
    const before = lab.lines.length;
    await lab.clock.run({ ms: 10_000 });
    expect(lab.lines.slice(before)).toEqual([]); // passed checks are not logged
  });
});

test("all backends down and back: 503 meanwhile, then as before", async () => {
  const lab = new EmulatedLab();
  const backends = "ab".split("").map(name => lab.backend(name, named(name).serve));
  await lab.serve(CHECKED);
  await lab.clock.run({ ms: 6000 });
  for (const backend of backends) backend.stop();
  await lab.clock.run({ ms: 12_000 });
  expect(await lab.ask(GET)).toBeDefined();
  expect(lab.events("http", "request").at(-1)!.values).toMatchObject({ status: "503" });
  for (const backend of backends) backend.start();
  await lab.clock.run({ ms: 40_000 });
  const answers: string[] = [];
  for (let i = 0; i < 4; i++) answers.push((await lab.ask(GET_ONCE)).slice(-1));
  expect(answers.sort().join("")).toBe("aabb");
});

test("a backend that flaps a hundred times leaks nothing", async () => {
  const lab = new EmulatedLab();
  const a = lab.backend("a", named("a").serve);
  lab.backend("b", named("b").serve);
  await lab.serve({ health: { check: "tcp", intervalMs: 100, rise: 1, fall: 1 } });
  await lab.clock.run({ ms: 61_000 }); // then the alarm that judges the start is over
  const alarms = lab.board.alarms;
  const logged = async (state: string) => {
    const from = lab.lines.length;
    const isLogged = () => lab.lines.slice(from).some(line => line.includes(`backend: ${state} `));
    await lab.clock.run({ until: isLogged });
  };
  for (let flap = 0; flap < 100; flap++) {
    a.stop();
    await logged("down");
    a.start();
    await logged("up");
    a.connections.length = 0;
  }
  expect(lab.events("backend", "down").length).toBe(100);
  await lab.clock.run({ ms: 5000 });
  expect(lab.board.alarms).toBe(alarms);
  expect(lab.board.stack.objects).toBeLessThanOrEqual(1);
  const { connections, remembered } = lab.board.stack; // each probe leaves one in TIME_WAIT
  expect(connections - remembered).toBeLessThanOrEqual(1);
  expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
});

test("failed requests do not count as fast responses", async () => {
  const lab = new EmulatedLab();
  lab.backend("broken", httpBackend(() => reply("x", { status: "500 Oops" })).serve);
  const slow = httpBackend((_, socket) => {
    lab.clock.after(50, () => socket.write(reply("slow")));
    return undefined;
  });
  lab.backend("slow", slow.serve);
  await lab.serve({ balance: "ewma", retries: 0 });
  for (let i = 0; i < 20; i++) await lab.ask(GET_ONCE);
  const [broken] = lab.app!.proxy.pool.backends;
  expect(broken.latency.costMs(lab.clock.now())).toBeUndefined();
});

test("draining under load fails no request: those in progress are served to the end", async () => {
  const lab = new EmulatedLab();
  for (const name of "ab") {
    const backend = httpBackend((_, socket) => {
      lab.clock.after(200, () => socket.write(reply(name)));
      return undefined;
    });
    lab.backend(name, backend.serve);
  }
  await lab.serve();
  const answers: string[] = [];
  let open = 0;
  const ask = () => {
    const socket = lab.connect();
    let text = "";
    open++;
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    socket.on("close", () => {
      open--;
      answers.push(text);
    });
    socket.write(GET_ONCE);
  };
  for (let ms = 0; ms < 20_000; ms += 100) lab.clock.after(ms, ask);
  for (let ms = 1000; ms < 20_000; ms += 2000) {
    lab.clock.after(ms, () => lab.setState("a", "drain"));
    lab.clock.after(ms + 1000, () => lab.setState("a", "ready"));
  }
  await lab.clock.run({ ms: 30_000 });
  expect([answers.length, open]).toEqual([200, 0]);
  expect(answers.filter(answer => !answer.startsWith("HTTP/1.1 200 "))).toEqual([]);
  const byA = answers.filter(answer => answer.endsWith("\r\n\r\na")).length;
  expect(byA).toBeGreaterThan(30);
  expect(byA).toBeLessThan(70); // it drains half of the time
});
