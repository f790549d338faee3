import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { type Message, MessageReader } from "../../../backends/src/http-reader.ts";
import { type BackendSettings, collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";

// Servers that serve one connection at a time: an ESP8266, a camera, an inverter. The next connection waits until the
// current one is closed, even if that is idle.

/** Response time of the server, and that of a request for `/slow`. */
const SERVES_MS = 20;
const SLOW_MS = 20_000;
const SLOW_CHECK_MS = 1_000;

/** A server that serves one connection at a time, and what it recorded. */
interface Server {
  /** Maximum of concurrent connections, waiting ones included. */
  most: number;
  /** Requests for other paths than `/health`. */
  readonly requests: Message[];
  /** Answered checks. */
  checks: number;
  /** Pauses between two connections, in ms. */
  readonly pausesMs: number[];
}

/** With `blindMs`, a connection within that time after the end of the last one is reset. */
function oneAtATime(lab: EmulatedLab, settings: BackendSettings, { blindMs = 0 } = {}): Server {
  const server: Server = { most: 0, requests: [], checks: 0, pausesMs: [] };
  const waiting: MockSocket[] = [];
  let current: MockSocket | undefined;
  let endedMs = Number.NEGATIVE_INFINITY;
  const { serve } = httpBackend((request, socket) => {
    const [, path] = request.line.split(" ");
    if (path.startsWith("/health")) server.checks++;
    else server.requests.push(request);
    const ms = { "/slow": SLOW_MS, "/health/slow": SLOW_CHECK_MS }[path] ?? SERVES_MS;
    lab.clock.after(ms, () => {
      if (socket.destroyed) return;
      socket.write(reply(request.line.split(" ", 2).join(" ")));
      if (request.all("connection").includes("close")) socket.end();
    });
    return undefined;
  });
  const next = () => {
    current = waiting.shift();
    if (current !== undefined) serve(current);
  };
  lab.backend(
    "a",
    socket => {
      const pauseMs = lab.clock.now() - endedMs;
      if (pauseMs < blindMs) {
        socket.resetAndDestroy();
        return;
      }
      if (Number.isFinite(endedMs)) server.pausesMs.push(pauseMs);
      waiting.push(socket);
      server.most = Math.max(server.most, waiting.length + (current === undefined ? 0 : 1));
      socket.on("close", () => {
        endedMs = lab.clock.now();
        if (socket === current) next();
        else waiting.splice(waiting.indexOf(socket), 1);
      });
      if (current === undefined) next();
    },
    settings,
  );
  return server;
}

/** A client that sends one request after the other. */
function client(lab: EmulatedLab) {
  const socket = lab.connect();
  const replies: Message[] = [];
  const reader = new MessageReader("response", message => replies.push(message));
  socket.on("data", (bytes: Buffer) => reader.feed(bytes));
  collect(socket);
  return async (method: string, path = "/"): Promise<{ status: string; ms: number }> => {
    const body = method === "POST" ? "hello" : "";
    const length = body === "" ? "" : `Content-Length: ${body.length}\r\n`;
    const startMs = lab.clock.now();
    const count = replies.length;
    reader.expects(method);
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${length}\r\n${body}`);
    await lab.clock.run({ until: () => replies.length > count || socket.closed, ms: 60_000 });
    const line = replies[count]?.line ?? "HTTP/1.1 no answer";
    return { status: line.slice(9), ms: lab.clock.now() - startMs };
  };
}

const CHECKS = { check: "http", path: "/health", intervalMs: 1000 };

function health(lab: EmulatedLab) {
  const [{ health, counters }] = lab.app!.proxy.pool.backends;
  return {
    up: health.up,
    code: health.code,
    failures: health.failures,
    sessions: counters.sessions,
  };
}

describe("keepAlive: false", () => {
  test("a POST after a GET does not wait: each request has a connection of its own", async () => {
    const lab = new EmulatedLab();
    const server = oneAtATime(lab, { keepAlive: false });
    await lab.serve();
    const ask = client(lab);

    for (const method of ["GET", "POST", "GET", "PUT", "POST"]) {
      const { status, ms } = await ask(method);
      expect(status).toBe("200 OK");
      expect(ms).toBeLessThan(100);
    }
    expect(server.most).toBe(1);
    expect(server.requests.map(request => request.all("connection"))).toEqual(
      Array(5).fill(["close"]),
    );
    expect(lab.app!.proxy.pool.connections).toBe(0);
  });

  test("by default the POST waits until the kept connection is closed", async () => {
    const lab = new EmulatedLab();
    const server = oneAtATime(lab, {});
    await lab.serve();
    const ask = client(lab);

    await ask("GET");
    expect((await ask("POST")).ms).toBeGreaterThan(3_900);
    expect(server.requests[0].all("connection")).toEqual([]);
  });

  test("an upgrade is still possible", async () => {
    const lab = new EmulatedLab();
    const server = oneAtATime(lab, { keepAlive: false });
    await lab.serve();
    const socket = lab.connect();
    const received = collect(socket);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n");
    await lab.clock.run({ until: () => received.text.includes("GET /"), ms: 60_000 });
    expect(server.requests[0].all("connection")).toEqual(["Upgrade"]);
  });

  test("with the PROXY protocol connections are not kept either: each belongs to one client", async () => {
    const lab = new EmulatedLab();
    const received: string[] = [];
    lab.backend(
      "a",
      socket => {
        socket.once("data", (bytes: Buffer) => {
          received.push(bytes.toString("latin1"));
          socket.write(reply("a"));
        });
      },
      { proxyProtocol: "v1" },
    );
    await lab.serve();
    const ask = client(lab);
    for (let i = 0; i < 3; i++) expect((await ask("GET")).status).toBe("200 OK");
    expect(received.length).toBe(3);
    for (const text of received)
      expect(text).toMatch(/^PROXY TCP4 [\s\S]*\r\nConnection: close\r\n\r\n$/);
  });
});

/** Sends `count` requests, GET and POST in turn, with a pause between them; returns the responses. */
function regular(lab: EmulatedLab, count: number, pauseMs: number): string[] {
  const statuses: string[] = [];
  const socket = lab.connect();
  collect(socket);
  const ask = () => {
    const index = statuses.length;
    if (index === count) {
      socket.end();
      return;
    }
    const method = index % 2 === 0 ? "GET" : "POST";
    const body = method === "POST" ? "Content-Length: 2\r\n\r\nhi" : "\r\n";
    reader.expects(method);
    socket.write(`${method} / HTTP/1.1\r\nHost: x\r\n${body}`);
  };
  const reader = new MessageReader("response", ({ line }) => {
    statuses.push(line.slice(9));
    lab.clock.after(pauseMs, ask);
  });
  socket.on("data", (bytes: Buffer) => reader.feed(bytes));
  ask();
  return statuses;
}

describe("maxSessions: 1", () => {
  test("traffic and checks share the slot: 81 requests of three clients, and none gets 503", async () => {
    const lab = new EmulatedLab();
    const server = oneAtATime(lab, { maxSessions: 1 });
    await lab.serve({ health: CHECKS });
    const clients = [100, 170, 230].map(pauseMs => regular(lab, 27, pauseMs));
    await lab.clock.run({ ms: 30_000 });

    expect(clients.flat()).toEqual(Array(81).fill("200 OK"));
    expect(server.requests.length).toBe(81);
    expect(server.most).toBe(1);
    expect(server.checks).toBeGreaterThan(20);
    expect(lab.events("backend")).toEqual([]);
    expect(health(lab)).toEqual({ up: true, code: "L7OK/200", failures: 0, sessions: 0 });
  });

  test("a check that finds the slot busy does not fail: it runs when the slot is free", async () => {
    const lab = new EmulatedLab();
    const server = oneAtATime(lab, { maxSessions: 1 });
    await lab.serve({ health: { ...CHECKS, timeoutMs: 500, fall: 1 } });
    const ask = client(lab);
    await lab.clock.run({ until: () => server.checks === 2, ms: 60_000 });

    expect((await ask("GET", "/slow")).status).toBe("200 OK");
    expect([server.checks, server.most]).toEqual([2, 1]);
    await lab.clock.run({ ms: 2_000 });
    expect(server.checks).toBeGreaterThan(2);
    expect(lab.events("backend", "down")).toEqual([]);
  });

  test("checks wait for the end of a raw session, too", async () => {
    const lab = new EmulatedLab();
    const backend = lab.backend("a", socket => socket.pipe(socket), { maxSessions: 1 });
    await lab.serve({ health: { check: "tcp", intervalMs: 1000, timeoutMs: 500, fall: 1 } });
    const socket = lab.connect();
    const received = collect(socket);
    socket.write("hello");
    await lab.clock.run({ until: () => received.text === "hello", ms: 60_000 });
    const { length } = backend.connections;
    await lab.clock.run({ ms: 10_000 });
    expect(backend.connections.length).toBe(length);
    socket.end();
    await lab.clock.run({ ms: 2_500 });
    expect(backend.connections.length).toBeGreaterThan(length);
    expect(lab.events("backend", "down")).toEqual([]);
  });

  test("a request during a check waits for the end of the check", async () => {
    const lab = new EmulatedLab();
    const server = oneAtATime(lab, { maxSessions: 1 });
    await lab.serve({ health: { ...CHECKS, path: "/health/slow", timeoutMs: 2000 } });
    await lab.clock.run({ until: () => health(lab).sessions === 1, ms: 60_000 });
    const { status, ms } = await client(lab)("POST");
    expect(status).toBe("200 OK");
    expect(ms).toBeGreaterThan(900);
    expect(server.most).toBe(1);
  });

  test("a dropped check frees its slot: without Wi-Fi, and with another configuration", async () => {
    const lab = new EmulatedLab();
    oneAtATime(lab, { maxSessions: 1 });
    await lab.serve({ health: { ...CHECKS, path: "/health/slow" } });
    await lab.clock.run({ until: () => health(lab).sessions === 1, ms: 60_000 });
    lab.wifiDrop(5_000);
    await lab.clock.run({ ms: 1 });
    expect(health(lab).sessions).toBe(0);

    await lab.clock.run({ until: () => health(lab).sessions === 1, ms: 60_000 });
    const { address } = lab.network.host("a");
    const backends = [{ name: "a", address, port: 8080, maxSessions: 1 }];
    lab.app!.runtime.configure({ backends, health: { check: "none" } });
    await lab.clock.run({ ms: 1 });
    expect(health(lab).sessions).toBe(0);
  });
});

describe("settleMs", () => {
  test("a server that needs a pause between two connections fails no request", async () => {
    const outcomes: number[] = [];
    for (const settleMs of [0, 150]) {
      const lab = new EmulatedLab();
      const server = oneAtATime(lab, { maxSessions: 1, settleMs }, { blindMs: 100 });
      await lab.serve({ health: { ...CHECKS, fall: 100 }, queueTimeoutMs: 10_000 });
      const clients = [100, 170, 230].map(pauseMs => regular(lab, 27, pauseMs));
      await lab.clock.run({ ms: 60_000 });
      outcomes.push(clients.flat().filter(status => status !== "200 OK").length);
      if (settleMs === 0) continue;
      expect(server.checks).toBeGreaterThan(10);
      expect(Math.min(...server.pausesMs)).toBeGreaterThanOrEqual(settleMs);
      expect(health(lab)).toMatchObject({ up: true, code: "L7OK/200", failures: 0 });
    }
    expect(outcomes[0]).toBeGreaterThan(0);
    expect(outcomes[1]).toBe(0);
  });
});

test("maxSessions counts kept connections, too: two, and not a third", async () => {
  const lab = new EmulatedLab();
  let open = 0;
  let most = 0;
  const { serve } = httpBackend(() => reply("a"));
  lab.backend(
    "a",
    socket => {
      most = Math.max(most, ++open);
      socket.on("close", () => open--);
      serve(socket);
    },
    { maxSessions: 2 },
  );
  await lab.serve();
  const clients = [client(lab), client(lab)];
  for (let i = 0; i < 6; i++) {
    for (const ask of clients)
      expect((await ask(i % 2 === 0 ? "GET" : "POST")).status).toBe("200 OK");
  }
  expect(most).toBe(2);
});
