import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { ourBoard } from "../../../emulator/proxy/firmware-board.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, type LabBackend } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import { GET } from "../../../hil/kit/http-lab.ts";
import { alpn, clientHello, extension, inRecords, message, name } from "../net/hellos/testing.ts";
import { HELLO_BYTES_MAX } from "../net/tls-hello.ts";

const PADDING = 21;
const EARLY_DATA = 42;

/** RFC 8701: a type of extension that no server knows. */
const GREASE = extension(0x1a1a);

/** An encrypted hello, which has another name inside. */
const ECH = extension(0xfe0d, ...new Array<number>(200).fill(0xee));

/** Longer than the sniffer waits, shorter than `headTimeoutMs`. */
const PAUSE_MS = 1_000;

const hello = (...extensions: (readonly number[])[]) => Buffer.from(clientHello(...extensions));
const named = (server: string) => hello(name(server), alpn("h2", "http/1.1"));

/** A hello of so many bytes. */
function helloOf(bytes: number, server: string): Buffer {
  const base = hello(name(server), extension(PADDING)).byteLength;
  return hello(name(server), extension(PADDING, ...new Array<number>(bytes - base).fill(0)));
}

/** A backend that keeps what each connection sends, and answers the first bytes with its name. */
class Recorder {
  readonly streams: { text: string }[] = [];
  /** How the next connections behave: `answer` when there is no more. */
  readonly next: ("answer" | "closes" | "resets" | "silent")[] = [];
  readonly backend: LabBackend;

  constructor(lab: EmulatedLab, own: string, settings: object = {}) {
    this.backend = lab.backend(
      own,
      socket => {
        const how = this.next.shift() ?? "answer";
        this.streams.push(collect(socket));
        socket.once("data", () => {
          if (how === "answer") socket.write(`from ${own}`);
          else if (how === "closes") socket.end();
          else if (how === "resets") socket.resetAndDestroy();
        });
        socket.on("end", () => socket.end());
      },
      settings,
    );
  }

  get received(): string[] {
    return this.streams.map(({ text }) => text);
  }
}

const ROUTES = [
  { sni: ["a.home"], backends: ["a"] },
  { sni: ["*.home", "*.b.home"], backends: ["b"] },
];

/** A client, and the bytes that it has received. */
interface Outcome {
  readonly text: string;
  readonly error: string | undefined;
  readonly socket: MockSocket;
}

/** Sends `pieces` with pauses between, and waits. */
async function play(
  lab: EmulatedLab,
  pieces: readonly Uint8Array[],
  { pauseMs = 0, ms = 100 } = {},
): Promise<Outcome> {
  const socket = lab.connect();
  const received = collect(socket);
  for (const [index, piece] of pieces.entries()) {
    if (index > 0 && pauseMs > 0) await lab.clock.run({ ms: pauseMs });
    socket.write(piece);
  }
  await lab.clock.run({ ms });
  return { ...received, socket };
}

/** The `session: end` lines. */
const ends = (lab: EmulatedLab) => lab.events("session", "end").map(({ values }) => values);

const refusals = (lab: EmulatedLab) => lab.app!.proxy.admission.refusals;

async function twoBackends(settings: object = {}) {
  const lab = new EmulatedLab();
  const a = new Recorder(lab, "a");
  const b = new Recorder(lab, "b");
  await lab.serve({ routes: ROUTES, ...settings });
  return { lab, a, b };
}

describe("a TLS connection goes by its server name", () => {
  test("an operator sees the names of the routes and the connections of each, in the status and on the console", async () => {
    const { lab } = await twoBackends();
    for (const server of ["a.home", "x.home", "y.home", "else.org"])
      await play(lab, [named(server)]);
    expect(JSON.parse((await get(lab, "/api/status")).body).tlsRoutes).toEqual([
      { name: "a.home", backends: ["a"], sessionsTotal: 1 },
      { name: "*.home", backends: ["b"], sessionsTotal: 2 },
      { name: "*.b.home", backends: ["b"], sessionsTotal: 0 },
    ]);
    const from = lab.lines.length;
    lab.board.adapter.plugged = true;
    lab.board.adapter.send(Buffer.from("tls\r"));
    await lab.clock.run({ ms: 500 });
    expect(lab.lines.slice(from).filter(line => line.includes("total="))).toEqual([
      "a.home backends=a total=1",
      "*.home backends=b total=2",
      "*.b.home backends=b total=0",
    ]);
    const plain = new EmulatedLab();
    plain.backend("a", () => {});
    await plain.serve({});
    expect(JSON.parse((await get(plain, "/api/status")).body).tlsRoutes).toEqual([]);
  });

  test.each([
    ["a.home", "a"],
    ["A.Home", "a"],
    ["b.home", "b"],
    ["x.y.home", "b"],
  ])("%s to %s, with every byte as it came", async (server, to) => {
    const { lab, a, b } = await twoBackends();
    const bytes = named(server);
    const { text, socket } = await play(lab, [bytes]);
    socket.end();
    await lab.clock.run({ ms: 100 });
    expect(text).toBe(`from ${to}`);
    expect([...a.received, ...b.received]).toEqual([bytes.toString("latin1")]);
    expect(to === "a" ? a.received : b.received).toHaveLength(1);
    expect(ends(lab)).toMatchObject([
      {
        protocol: "tls",
        backend: to,
        sni: server.toLowerCase(),
        alpn: "h2,http/1.1",
        in: String(bytes.byteLength),
        out: String(text.length),
        why: "client-closed",
      },
    ]);
    expect(ends(lab)[0].retries).toBeUndefined();
  });

  test.each([
    ["another name", named("a.example"), "a.example"],
    ["no name", hello(alpn("h2")), undefined],
    ["the parent of a wildcard", named("home"), "home"],
  ])("%s: a close without an alert, or the route with *", async (_, bytes, sni) => {
    const { lab, a, b } = await twoBackends();
    const { text, error, socket } = await play(lab, [bytes]);
    expect([text, error, socket.readableEnded]).toEqual(["", undefined, true]);
    expect([...a.received, ...b.received]).toEqual([]);
    expect(ends(lab)).toMatchObject([{ protocol: "tls", why: "no-route", in: "0" }]);
    expect(ends(lab)[0].sni).toBe(sni);
    expect(refusals(lab).noRoute).toBe(1);

    const other = await twoBackends({ routes: [...ROUTES, { sni: ["*"], backends: ["a"] }] });
    expect((await play(other.lab, [bytes])).text).toBe("from a");
  });

  test("without a route for TLS it is raw TCP, in which keywords are looked for", async () => {
    const { lab, a } = await twoBackends({
      routes: [],
      inspect: [{ keyword: "END", in: "any" }],
      balance: "first",
    });
    await play(lab, [named("a.home"), Buffer.from("END")]);
    await lab.clock.run({ ms: 1_000 });
    expect(a.received).toHaveLength(1);
    expect(ends(lab)).toMatchObject([{ protocol: "raw", why: "keyword" }]);
  });

  test("one port serves HTTP, TLS and raw TCP", async () => {
    const lab = new EmulatedLab();
    const site = httpBackend(() => "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsite");
    lab.backend("site", site.serve);
    new Recorder(lab, "tls");
    const echo = new Recorder(lab, "echo");
    await lab.serve({
      routes: [
        { host: "x", backends: ["site"] },
        { backends: ["echo"] },
        { sni: ["*"], backends: ["tls"] },
      ],
    });
    expect((await play(lab, [Buffer.from(GET)])).text).toMatch(/^HTTP\/1.1 200 OK.*site$/s);
    expect((await play(lab, [named("x")])).text).toBe("from tls");
    expect((await play(lab, [Buffer.from("SSH-2.0-x\r\n")])).text).toBe("from echo");
    // Neither is a hello: another version, another message.
    for (const bytes of [Buffer.of(0x16, 2, 1, 2), Buffer.of(0x16, 3, 1, 0, 9, 2, 0, 0, 5)]) {
      expect((await play(lab, [bytes])).text).toBe("from echo");
      expect(echo.received.at(-1)).toBe(bytes.toString("latin1"));
    }
  });

  test("routes for TLS alone: no request and no raw TCP has a route", async () => {
    const { lab, a, b } = await twoBackends();
    expect((await play(lab, [Buffer.from(GET)])).text).toMatch(/^HTTP\/1.1 404 /);
    expect((await play(lab, [Buffer.from("SSH-2.0-x\r\n")])).socket.readableEnded).toBe(true);
    expect([...a.received, ...b.received]).toEqual([]);
  });

  test("no keyword is looked for, whatever the bytes behind the hello are", async () => {
    const inspect = [{ keyword: "END", from: "both", in: "any" }];
    const { lab, a } = await twoBackends({ inspect });
    const { socket } = await play(lab, [named("a.home"), Buffer.from("x END y")]);
    await lab.clock.run({ ms: 5_000 });
    expect(socket.closed).toBe(false);
    expect(a.received).toEqual([`${named("a.home").toString("latin1")}x END y`]);
  });

  test("backends get the PROXY protocol before the hello", async () => {
    const lab = new EmulatedLab();
    const a = new Recorder(lab, "a", { proxyProtocol: "v1" });
    await lab.serve({ routes: [{ sni: ["*"] }] });
    const bytes = named("x");
    await play(lab, [bytes]);
    expect(a.received[0]).toMatch(/^PROXY TCP4 [\d.]+ [\d.]+ \d+ 80\r\n/);
    expect(a.received[0].endsWith(`80\r\n${bytes.toString("latin1")}`)).toBe(true);
  });

  test.each([
    ["first", [name("a.home"), GREASE, ECH, alpn("h2")]],
    [
      "last",
      [
        GREASE,
        ECH,
        alpn("h2"),
        extension(PADDING, ...new Array<number>(1_700).fill(0)),
        name("a.home"),
      ],
    ],
    ["between GREASE and an encrypted hello", [GREASE, name("a.home"), ECH]],
  ])("its name may stand %s among the extensions", async (_, extensions) => {
    const { lab, a } = await twoBackends();
    const bytes = hello(...extensions);
    expect((await play(lab, [bytes])).text).toBe("from a");
    expect(a.received).toEqual([bytes.toString("latin1")]);
  });

  test("a client stays with its backend by its address", async () => {
    const { lab } = await twoBackends({ routes: [{ sni: ["*"] }], sticky: "source" });
    const first = await play(lab, [named("x")]);
    for (let i = 0; i < 4; i++) expect((await play(lab, [named("y")])).text).toBe(first.text);
  });

  test("a name that the client made up cannot forge a log line", async () => {
    const { lab } = await twoBackends();
    await play(lab, [hello(name('x" why=done\nI (1) proxy: ready'), alpn("h2\nx", "h2"))]);
    expect(ends(lab)).toMatchObject([{ alpn: "h2", why: "no-route" }]);
    expect(ends(lab)[0].sni).toBeUndefined();
    expect(lab.events("proxy", "ready")).toHaveLength(1);
  });
});

describe("a hello that comes in pieces", () => {
  test("cut at every byte, with a pause longer than the sniffer waits", async () => {
    const { lab, a } = await twoBackends();
    const bytes = named("a.home");
    for (let at = 1; at < bytes.byteLength; at++) {
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)];
      const { text, socket } = await play(lab, pieces, { pauseMs: PAUSE_MS });
      expect([at, text]).toEqual([at, "from a"]);
      socket.destroy();
    }
    expect(new Set(a.received)).toEqual(new Set([bytes.toString("latin1")]));
  });

  test("byte by byte", async () => {
    const { lab, a } = await twoBackends();
    const bytes = named("a.home");
    const pieces = [...bytes].map(byte => Uint8Array.of(byte));
    expect((await play(lab, pieces, { pauseMs: 10 })).text).toBe("from a");
    expect(a.received).toEqual([bytes.toString("latin1")]);
  });

  test("over many records, and cut in these", async () => {
    const { lab, a } = await twoBackends();
    const bytes = Buffer.from(inRecords(message({ extensions: [name("a.home")] }), 7));
    const half = bytes.byteLength >> 1;
    const pieces = [bytes.subarray(0, half), bytes.subarray(half)];
    expect((await play(lab, pieces, { pauseMs: PAUSE_MS })).text).toBe("from a");
    expect(a.received).toEqual([bytes.toString("latin1")]);
  });

  test.each([1_436, 2_013, 2_871, 2_872, 2_873, 4_000, HELLO_BYTES_MAX])(
    "of %i bytes",
    async size => {
      const { lab, a } = await twoBackends();
      const bytes = helloOf(size, "a.home");
      expect(bytes.byteLength).toBe(size);
      const { text, socket } = await play(lab, [bytes], { ms: 500 });
      expect(text).toBe("from a");
      expect(a.received).toEqual([bytes.toString("latin1")]);
      socket.destroy();
      await lab.clock.run({ ms: 500 });
      expect(lab.app!.proxy.shared.longHeadMemory.heldBytes).toBe(0);
    },
  );

  test("and data behind it in one segment: each byte once, in order", async () => {
    const { lab, a } = await twoBackends();
    const bytes = Buffer.concat([named("a.home"), Buffer.from("behind it")]);
    await play(lab, [bytes]);
    expect(a.received).toEqual([bytes.toString("latin1")]);
  });
});

describe("what is no whole hello is closed without an answer", () => {
  test("half a hello, then silence: within headTimeoutMs of its first byte", async () => {
    const { lab } = await twoBackends({ headTimeoutMs: 3_000 });
    const { socket } = await play(lab, [named("a.home").subarray(0, 60)], { ms: 2_900 });
    expect(socket.readableEnded).toBe(false);
    await lab.clock.run({ ms: 300 });
    expect(socket.readableEnded).toBe(true);
    expect(ends(lab)).toMatchObject([{ protocol: "tls", why: "hello-timeout" }]);
    expect(refusals(lab).helloTimeout).toBe(1);
  });

  test("an endless one, as soon as its length shows", async () => {
    const { lab, a } = await twoBackends();
    const endless = Buffer.alloc(20_000, 0x16);
    endless.set([0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc]);
    const { text } = await play(lab, [endless]);
    expect([text, a.received]).toEqual(["", []]);
    expect(ends(lab)).toMatchObject([{ protocol: "tls", why: "bad-hello" }]);
    expect(refusals(lab).badHello).toBe(1);
  });

  test("the client's end within it: it is not seen while bytes wait in the receive window", async () => {
    const { lab, a } = await twoBackends({ headTimeoutMs: 1_000 });
    const { socket } = await play(lab, [named("a.home").subarray(0, 60)]);
    socket.end();
    await lab.clock.run({ ms: 1_100 });
    expect(ends(lab)).toMatchObject([{ protocol: "tls", why: "hello-timeout" }]);
    expect(socket.closed).toBe(true);
    expect(a.received).toEqual([]);
  });

  test("another protocol on a port for TLS, at once", async () => {
    const lab = new EmulatedLab();
    const a = new Recorder(lab, "a");
    await lab.serve({ listeners: [{ port: 80, mode: "tls" }], routes: [{ sni: ["*"] }] });
    const { text, error, socket } = await play(lab, [Buffer.from(GET)]);
    expect([text, error, socket.readableEnded]).toEqual(["", undefined, true]);
    expect(a.received).toEqual([]);
    expect((await play(lab, [named("x")])).text).toBe("from a");
    expect(ends(lab)).toMatchObject([{ why: "bad-hello" }]);
  });
});

describe("a backend that does not answer the hello", () => {
  test.each(["closes", "resets"] as const)("and %s: another one gets it", async how => {
    const { lab, a, b } = await twoBackends({ routes: [{ sni: ["*"] }], balance: "first" });
    a.next.push(how);
    const bytes = Buffer.concat([helloOf(2_000, "x"), Buffer.from("behind")]);
    const { text, socket } = await play(lab, [bytes]);
    expect(text).toBe("from b");
    expect(b.received).toEqual([bytes.toString("latin1")]);
    // One that resets may do so before the second segment has come.
    const sent = bytes.subarray(0, how === "closes" ? 2_000 : a.received[0].length);
    expect(a.received).toEqual([sent.toString("latin1")]);
    socket.destroy();
    await lab.clock.run({ ms: 100 });
    expect(ends(lab)).toMatchObject([{ backend: "b", retries: "1", in: String(bytes.byteLength) }]);
    expect(lab.app!.proxy.shared.traffic.retries).toBe(1);
    const { failures, sessions } = lab.app!.proxy.pool.backends[0].counters;
    expect([failures, sessions]).toEqual([1, 0]);
  });

  test("and refuses the connection: another one gets it", async () => {
    const { lab, a, b } = await twoBackends({ routes: [{ sni: ["*"] }], balance: "first" });
    a.backend.stop();
    expect((await play(lab, [named("x")])).text).toBe("from b");
    expect(b.received).toEqual([named("x").toString("latin1")]);
  });

  test("at most `retries` others get it, and then the client is closed as the last one was", async () => {
    const { lab, a, b } = await twoBackends({
      routes: [{ sni: ["*"] }],
      balance: "first",
      retries: 0,
    });
    a.next.push("resets");
    const { text, error } = await play(lab, [named("x")]);
    expect([text, error]).toEqual(["", "ECONNRESET"]);
    expect([a.received.length, b.received.length]).toEqual([1, 0]);
    expect(ends(lab)).toMatchObject([{ why: "backend-reset" }]);
  });

  test("no other one gets early data", async () => {
    const { lab, a, b } = await twoBackends({ routes: [{ sni: ["*"] }], balance: "first" });
    a.next.push("closes");
    const bytes = Buffer.concat([hello(name("x"), extension(EARLY_DATA)), Buffer.from("early")]);
    await play(lab, [bytes]);
    await lab.clock.run({ ms: 1_000 });
    expect([a.received, b.received]).toEqual([[bytes.toString("latin1")], []]);
    expect(ends(lab)).toMatchObject([{ why: "backend-closed", in: String(bytes.byteLength) }]);
  });

  test("and stays silent: it is counted against it after responseTimeoutMs", async () => {
    const { lab, a, b } = await twoBackends({
      routes: [{ sni: ["*"] }],
      balance: "first",
      responseTimeoutMs: 2_000,
    });
    a.next.push("silent");
    const { socket } = await play(lab, [named("x")], { ms: 2_100 });
    expect(socket.readableEnded).toBe(true);
    expect(b.received).toEqual([]);
    expect(ends(lab)).toMatchObject([{ why: "response-timeout" }]);
    expect(lab.app!.proxy.pool.backends[0].counters.failures).toBe(1);
  });

  test("and is ejected when it has closed over three of them", async () => {
    const { lab, a } = await twoBackends({ routes: [{ sni: ["*"] }], balance: "first" });
    a.next.push("closes", "closes", "closes");
    for (let i = 0; i < 4; i++) expect((await play(lab, [named("x")])).text).toBe("from b");
    expect(a.received).toHaveLength(3);
  });
});

describe("a client that leaves while its hello waits for a backend", () => {
  test.each(["end", "resetAndDestroy"] as const)("by %s: nothing is left of it", async how => {
    const lab = new EmulatedLab();
    const a = new Recorder(lab, "a", { maxSessions: 1 });
    await lab.serve({ routes: [{ sni: ["*"] }], queueTimeoutMs: 2_000 });
    const { socket: first } = await play(lab, [named("x")]);
    const { socket } = await play(lab, [named("y")]);
    expect(lab.app!.proxy.pool.queue.length).toBe(1);
    socket[how]();
    await lab.clock.run({ ms: 3_000 });
    expect(lab.app!.proxy.pool.queue.length).toBe(0);
    expect(lab.app!.proxy.sessions).toBe(1);
    first.destroy();
    await lab.clock.run({ ms: 1_000 });
    expect(lab.app!.proxy.sessions).toBe(0);
    expect(a.received).toHaveLength(1);
  });

  test("while the backend thinks about it: the session ends", async () => {
    const { lab, a } = await twoBackends();
    a.next.push("silent");
    const { socket } = await play(lab, [named("a.home")]);
    socket.resetAndDestroy();
    await lab.clock.run({ ms: 31_000 });
    expect(lab.app!.proxy.sessions).toBe(0);
    expect(lab.app!.proxy.pool.connections).toBe(0);
  });
});

describe("memory", () => {
  test.each([
    ["waits in the receive window", 2_872, 0],
    ["longer than that is copied", 2_873, 2_873],
  ])("a hello %s", async (_, size, copiedBytes) => {
    const { lab, a } = await twoBackends();
    a.next.push("silent");
    const { socket } = await play(lab, [helloOf(size, "a.home")], { ms: 500 });
    expect(a.received[0]).toHaveLength(size);
    expect(lab.app!.proxy.shared.longHeadMemory.heldBytes).toBe(copiedBytes);
    socket.destroy();
  });

  test("bytes that arrive behind a copied hello, and are copied with it, count as well", async () => {
    const { lab, a } = await twoBackends();
    a.next.push("silent");
    lab.network.link("a", { latencyMs: 50 });
    const pieces = [helloOf(2_873, "a.home"), Buffer.alloc(500)];
    const { socket } = await play(lab, pieces, { pauseMs: 20, ms: 500 });
    expect(a.received[0]).toHaveLength(2_873);
    expect(lab.app!.proxy.shared.longHeadMemory.heldBytes).toBe(3_373);
    socket.destroy();
    await lab.clock.run({ ms: 40_000 });
    expect(lab.app!.proxy.shared.longHeadMemory.heldBytes).toBe(0);
  });

  test("copies of hellos longer than the receive window are bounded, and one more is closed", async () => {
    const lab = new EmulatedLab({ ...ourBoard(), socketsMended: true });
    const a = new Recorder(lab, "a");
    await lab.serve({ routes: [{ sni: ["*"] }] });
    a.next.push(...new Array<"silent">(16).fill("silent"));
    const bytes = helloOf(4_000, "x");
    for (let i = 0; i < 10; i++) await play(lab, [bytes]);
    const { heldBytes } = lab.app!.proxy.shared.longHeadMemory;
    expect(heldBytes).toBeGreaterThan(20_000);
    expect(heldBytes).toBeLessThanOrEqual(29 * 1_024);
    const refused = ends(lab).filter(({ why }) => why === "no-memory");
    expect(refused).toHaveLength(10 - heldBytes / 4_000);
    expect(refusals(lab).noMemory).toBe(refused.length);
    lab.app!.proxy.stop();
    await lab.clock.run({ ms: 5_000 });
    expect(lab.app!.proxy.shared.longHeadMemory.heldBytes).toBe(0);
  });

  test("200 connections leave no socket, no timer and no session behind", async () => {
    const { lab, a } = await twoBackends();
    for (let i = 0; i < 200; i++) {
      if (i % 3 === 1) a.next.push("closes");
      const { socket } = await play(lab, [named("a.home")], { ms: 20 });
      if (i % 3 === 0) socket.resetAndDestroy();
      else socket.end();
      await lab.clock.run({ ms: 20 });
    }
    await lab.settle();
    expect(lab.app!.proxy.sessions).toBe(0);
    expect(lab.app!.proxy.pool.connections).toBe(0);
    expect(lab.board.stack.connections).toBe(0);
    expect(lab.board.alarms).toBe(0);
  });
});

test("the metrics count TLS connections, and hellos that were refused, by the reason", async () => {
  const { lab } = await twoBackends({ headTimeoutMs: 1_000 });
  await play(lab, [named("a.home")]);
  await play(lab, [named("other")]);
  await play(lab, [named("a.home").subarray(0, 60)], { ms: 2_000 });
  await play(lab, [Buffer.of(22, 3, 1, 0, 5, 1, 0, 0, 1, 0)]);
  const { body } = await get(lab, "/metrics");
  expect(body).toContain("hot_potato_tls_sessions_total 1\n");
  for (const reason of ["no-route", "hello-timeout", "bad-hello"])
    expect(body).toContain(`hot_potato_refusals_total{reason="${reason}"} 1\n`);
});

test("a full board closes a TLS client without an answer", async () => {
  const { lab } = await twoBackends({ sessionsMax: 1, queueMax: 0 });
  await play(lab, [named("a.home")]);
  const { text, error } = await play(lab, [named("a.home")]);
  expect([text, error]).toEqual(["", undefined]);
  expect([refusals(lab).full, refusals(lab).unanswered]).toEqual([1, 1]);
});
