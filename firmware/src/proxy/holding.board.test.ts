import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { HttpClient, post } from "../../../hil/kit/http-lab.ts";
import { SCRATCH_BYTES } from "../net/raw-stream.ts";
import { RETRY_DEADLINE_MS } from "./exchange-state.ts";
import { asleep } from "./testing.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const PAGE = "GET /album?of=2026 HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*;q=0.8\r\n\r\n";

test("a request for a machine that sleeps is held for its boot of three minutes, and answered", async () => {
  const world = await asleep();
  const { received } = world.client(GET);
  await world.lab.clock.run({ ms: 180_000 });
  expect([received.text, world.received]).toEqual(["", []]);
  expect([world.machine.state, world.machine.held]).toEqual(["waking", 1]);
  await world.ready();
  expect(received.text).toMatch(/^HTTP\/1.1 200 .*served \/$/s);
  expect([world.received.length, world.machine.held]).toEqual([1, 0]);
  const [line] = world.lines;
  expect(line).toMatchObject({ status: "200", state: "--", backend: "a" });
  expect(line.client).toMatch(/^10\.\d+\.\d+\.\d+:\d+$/);
  expect(Number(line.held)).toBeGreaterThan(180_000);
  expect(Number(line.held)).toBeLessThan(182_000);
  expect([line.Tw, Number(line.Tc) < 100]).toEqual([line.held, true]);
});

test("six clients are held at once and served in the order in which they came, each request once", async () => {
  const world = await asleep({ backend: { maxSessions: 1 } });
  const clients = [1, 2, 3, 4, 5, 6].map(name =>
    world.client(`GET /${name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
  );
  await world.lab.clock.run({ ms: 60_000 });
  await world.ready(10_000);
  expect(world.received.map(line => line.split(" ")[1])).toEqual([
    "/1",
    "/2",
    "/3",
    "/4",
    "/5",
    "/6",
  ]);
  for (const { received } of clients) expect(received.text).toMatch(/^HTTP\/1.1 200 /);
  await world.expectNothingHeld();
});

test("the second request of a connection is held as the first, and what was pipelined behind it waits", async () => {
  const world = await asleep({
    routes: [{ path: "/b", backends: ["b"] }, { backends: ["a"] }],
    other: { serve: socket => socket.on("data", () => socket.write("HTTP/1.1 204 No\r\n\r\n")) },
  });
  const client = new HttpClient(world.lab);
  const atB = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
  await client.ask(atB);
  client.send(GET + atB, "GET", "GET");
  await world.lab.clock.run({ ms: 30_000 });
  expect(client.statuses).toEqual([204]);
  await world.ready();
  expect(client.statuses).toEqual([204, 200, 204]);
  expect(world.lines.map(({ held }) => held !== undefined)).toEqual([false, true, false]);
});

describe("what waits behind the head stays where it is", () => {
  const BODY = "x".repeat(20_000);
  const CHUNKED = `POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n${BODY}\r\n0\r\n\r\n`;

  test.each([
    ["a body with its length", post(BODY)],
    ["chunks", CHUNKED],
  ])("%s: the board takes a window of it, the backend gets all", async (_, text) => {
    const world = await asleep();
    const { received } = world.client(text);
    await world.lab.clock.run({ ms: 100_000 });
    expect(received.text).toBe("");
    // A copy of a window, and a window that is full.
    expect(world.lab.app!.proxy.shared.longHeadMemory.heldBytes).toBe(2 * SCRATCH_BYTES);
    await world.ready();
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(world.requests.map(({ body }) => body.toString())).toEqual([BODY]);
  });

  test("100 Continue is withheld: only the backend that will read the body says it", async () => {
    const world = await asleep({
      serve: socket =>
        socket.once("data", () => {
          socket.write("HTTP/1.1 100 Continue\r\n\r\n");
          socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        }),
    });
    const client = new HttpClient(world.lab);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    await world.lab.clock.run({ ms: 60_000 });
    expect(client.received.text).toBe("");
    await world.ready();
    expect(client.received.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    await world.lab.clock.run({ ms: 100 });
    expect(client.received.text).toMatch(/HTTP\/1.1 200 OK\r\n.*ok$/s);
  });
});

test.each([
  ["HEAD", "HEAD /h HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n", /^HTTP\/1.1 200 /],
  ["HTTP/1.0", "GET /h HTTP/1.0\r\nHost: x\r\n\r\n", /^HTTP\/1.1 200 .*served \/h$/s],
  ["a browser's image", "GET /h HTTP/1.1\r\nHost: x\r\nAccept: image/*\r\n\r\n", /served \/h$/],
  ["a browser's form", post("name=x", "Accept: text/html"), /served \/$/],
])("%s is held", async (_, text, answer) => {
  const world = await asleep();
  const { received } = world.client(text);
  await world.lab.clock.run({ ms: 40_000 });
  expect(received.text).toBe("");
  await world.ready();
  expect(received.text).toMatch(answer);
});

test("an upgrade is held, and becomes a tunnel", async () => {
  const world = await asleep({
    serve: socket =>
      socket.once("data", () => {
        socket.write("HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        socket.pipe(socket);
      }),
  });
  const { received, socket } = world.client(
    "GET /chat HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  );
  await world.lab.clock.run({ ms: 90_000 });
  expect(received.text).toBe("");
  await world.ready();
  socket.write("hello");
  await world.lab.clock.run({ ms: 100 });
  expect(received.text).toMatch(/^HTTP\/1.1 101 .*hello$/s);
});

describe("a browser that asks for a page", () => {
  test("gets one at once that asks again, and then the service", async () => {
    const world = await asleep({ heldMax: 0 });
    const ask = () => new HttpClient(world.lab).ask(PAGE);
    const first = await ask();
    expect(first.line).toBe("HTTP/1.1 503 Service Unavailable");
    expect(first.all("retry-after")).toEqual(["5"]);
    expect(first.body.toString()).toContain("<meta http-equiv=refresh content=5>");
    await world.lab.clock.run({ ms: 20_000 });
    expect((await ask()).body.toString()).toContain("starting for 20 s");
    await world.ready();
    expect((await ask()).body.toString()).toBe("served /album?of=2026");
    expect(world.lines).toMatchObject([
      { status: "503", state: "LQ", why: "waking" },
      { status: "503", state: "LQ", why: "waking" },
      { status: "200", state: "--" },
    ]);
    expect(world.machine.wakes).toBe(1);
  });

  test("sees how far the boot is, by the last one", async () => {
    const world = await asleep();
    world.client(GET);
    await world.lab.clock.run({ ms: 39_000 });
    await world.ready();
    const bootS = Math.round(world.machine.lastBootMs! / 1000);
    await world.sleeps();
    await new HttpClient(world.lab).ask(PAGE);
    await world.lab.clock.run({ ms: 10_000 });
    const page = (await new HttpClient(world.lab).ask(PAGE)).body.toString();
    expect(page).toContain(`<progress max=${bootS} value=10>`);
    expect(page).not.toContain("nas");
  });
});

describe("a machine that does not get ready in time", () => {
  test("has all its clients told at the end of holdMs, and the next ones at once for a minute", async () => {
    const world = await asleep({ holdMs: 60_000 });
    const early = world.client(GET);
    await world.lab.clock.run({ ms: 30_000 });
    const late = world.client(GET);
    await world.lab.clock.run({ ms: 29_000 });
    expect(early.received.text + late.received.text).toBe("");
    await world.lab.clock.run({ ms: 2_000 });
    for (const { received } of [early, late]) {
      expect(received.text).toMatch(/^HTTP\/1.1 503 .*Retry-After: 60\r\n.*not ready in time/s);
    }
    expect(world.machine.state).toBe("failed");
    await world.lab.clock.run({ ms: 20_000 });
    const soon = new HttpClient(world.lab);
    expect((await soon.ask(GET)).all("retry-after")).toEqual(["39"]);
    expect(world.lines).toMatchObject([
      { status: "503", state: "sQ", why: "wake-failed" },
      { status: "503", state: "sQ", why: "wake-failed" },
      { status: "503", state: "sQ", why: "wake-failed" },
    ]);
    expect([world.refusals.wakeFailed, world.refusals.noBackend]).toEqual([3, 0]);
    await world.lab.clock.run({ ms: 40_000 });
    const { received } = world.client(GET);
    await world.lab.clock.run({ ms: 100 });
    expect([world.machine.state, world.machine.held]).toEqual(["waking", 1]);
    await world.ready();
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
  });

  test("does not hold one that came late for longer than the rest of the time", async () => {
    const world = await asleep({ holdMs: 20_000 });
    world.client(GET);
    await world.lab.clock.run({ ms: 19_000 });
    const { received } = world.client(PAGE.replace("text/html", "text/plain"));
    await world.lab.clock.run({ ms: 2_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 503 /);
  });
});

describe("a client that may not wake the machine", () => {
  const machine = { wakeFor: [{ path: "/photos" }] };

  test("gets 503, and the machine sleeps on; one that may is held", async () => {
    const world = await asleep({ machine });
    const scanner = new HttpClient(world.lab);
    for (let i = 0; i < 20; i++) {
      const { line, fields } = await scanner.ask(PAGE);
      expect(line).toBe("HTTP/1.1 503 Service Unavailable");
      expect(fields).toContainEqual(["Retry-After", "60"]);
    }
    expect([world.machine.state, world.machine.wakes]).toEqual(["asleep", 0]);
    expect(world.refusals.asleep).toBe(20);
    expect(world.lines[0]).toMatchObject({ status: "503", state: "SC", why: "asleep" });
    const { received } = world.client("GET /photos/1 HTTP/1.1\r\nHost: x\r\n\r\n");
    await world.lab.clock.run({ ms: 20_000 });
    expect((await new HttpClient(world.lab).ask(GET)).line).toMatch(/ 503 /);
    await world.ready();
    expect(received.text).toMatch(/served \/photos\/1$/);
  });
});

describe("a client that leaves while it is held", () => {
  const GONE = "GET /gone HTTP/1.1\r\nHost: x\r\n\r\n";

  test.each([
    ["with a reset", GONE, "resetAndDestroy"],
    ["with a close", GONE, "end"],
    ["with a close behind a body", post("x".repeat(2_000)), "end"],
    ["with a reset behind a body", post("x".repeat(2_000)), "resetAndDestroy"],
    ["with a reset within a body", post("x".repeat(2_000)).slice(0, -1_000), "resetAndDestroy"],
  ] as const)(
    "%s: is dropped at once, and its request reaches no backend",
    async (_, text, leave) => {
      const world = await asleep({ heldMax: 1 });
      const gone = world.client(text);
      await world.lab.clock.run({ ms: 10_000 });
      gone.socket[leave]();
      await world.lab.clock.run({ ms: 100 });
      expect([world.machine.held, world.lab.app!.proxy.pool.queue.length]).toEqual([0, 0]);
      expect(world.lines).toMatchObject([{ status: "499", state: "CQ" }]);
      expect(Number(world.lines[0].held)).toBeGreaterThan(9_900);
      const stays = world.client("GET /stays HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      await world.lab.clock.run({ ms: 10_000 });
      await world.ready();
      expect(world.received).toHaveLength(1);
      expect(stays.received.text).toMatch(/served \/stays$/);
      await world.expectNothingHeld();
    },
  );
});

describe("other backends of the group", () => {
  const serve = (socket: MockSocket) =>
    socket.on("data", () =>
      socket.write(
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nSet-Cookie: x=1\r\nConnection: close\r\n\r\nb",
      ),
    );

  test.each(["source", "cookie"])(
    "serve a client whose backend sleeps, however sticky it is: %s",
    async sticky => {
      const world = await asleep({ sticky, other: { serve, state: "maint" } });
      const client = new HttpClient(world.lab);
      client.send(GET, "GET");
      await world.lab.clock.run({ ms: 5_000 });
      await world.ready();
      const cookies = client.replies[0].all("set-cookie").map(cookie => cookie.split(";")[0]);
      world.lab.setState("b", "ready");
      await world.sleeps();
      const again = new HttpClient(world.lab);
      const fields = cookies.length === 0 ? "" : `Cookie: ${cookies.join("; ")}\r\n`;
      const { body } = await again.ask(`GET / HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
      expect([body.toString(), world.machine.state]).toEqual(["b", "asleep"]);
    },
  );

  test.each([
    ["too long in the queue", { queueTimeoutMs: 2_000 }],
    ["no room in the queue", { queueMax: 0 }],
  ])("are full, %s: the machine is woken, and the request held", async (_, settings) => {
    const world = await asleep({ ...settings, other: { serve: () => {}, maxSessions: 1 } });
    world.client(GET); // never answered
    await world.lab.clock.run({ ms: 100 });
    expect(world.machine.state).toBe("asleep");
    const { received } = world.client(GET);
    await world.lab.clock.run({ ms: 15_000 });
    expect([received.text, world.machine.state]).toEqual(["", "waking"]);
    await world.ready();
    expect(received.text).toMatch(/served \/$/);
  });

  test("serve a held request when they have room before the machine is ready", async () => {
    let free = () => {};
    const world = await asleep({
      queueMax: 0,
      other: {
        maxSessions: 1,
        serve: socket =>
          socket.on("data", () => {
            const answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb";
            if (world.lines.length === 0) free = () => void socket.end(answer);
            else socket.end(answer);
          }),
      },
    });
    world.client(GET);
    await world.lab.clock.run({ ms: 100 });
    const { received } = world.client(GET);
    await world.lab.clock.run({ ms: 5_000 });
    free();
    await world.lab.clock.run({ ms: 200 });
    expect(received.text).toMatch(/\r\n\r\nb$/);
    expect(Number(world.lines[1].held)).toBeGreaterThan(4_900);
  });
});

test("of two services of a machine, a client is held for its own", async () => {
  const world = await asleep({
    routes: [{ path: "/b", backends: ["b"] }, { backends: ["a"] }],
    other: {
      machine: "nas",
      serve: socket => socket.on("data", () => socket.end("HTTP/1.1 204 No\r\n\r\n")),
    },
  });
  const forB = world.client("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
  const forA = world.client(GET);
  await world.lab.clock.run({ ms: 20_000 });
  await world.ready(4_000);
  expect(forA.received.text).toMatch(/^HTTP\/1.1 200 /);
  expect([forB.received.text, world.machine.state, world.machine.held]).toEqual(["", "awake", 1]);
  world.b!.start();
  await world.lab.clock.run({ ms: 35_000 });
  expect(forB.received.text).toMatch(/^HTTP\/1.1 204 /);
});

test("only the request that was held has so in its line, not the next one that waits in the queue", async () => {
  const sockets: MockSocket[] = [];
  const world = await asleep({
    backend: { maxSessions: 1 },
    serve: socket => void socket.on("data", () => sockets.push(socket)),
  });
  const answer = () =>
    sockets.pop()!.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const client = new HttpClient(world.lab);
  client.send(GET, "GET");
  await world.lab.clock.run({ ms: 20_000 });
  await world.ready();
  answer();
  await world.lab.clock.run({ ms: 100 });
  world.client(GET);
  await world.lab.clock.run({ ms: 100 });
  client.send(GET, "GET");
  await world.lab.clock.run({ ms: 500 });
  answer();
  await world.lab.clock.run({ ms: 100 });
  answer();
  await world.lab.clock.run({ ms: 100 });
  const [first, , queued] = world.lines;
  expect([Number(first.held) > 20_000, queued.held]).toEqual([true, undefined]);
  expect(Number(queued.Tw)).toBeGreaterThan(400);
});

describe("the limits of a request", () => {
  test("count from the end of the hold: a backend that does not accept has its connect timeout", async () => {
    const connectTimeoutMs = 2_000;
    const queueTimeoutMs = 3_000;
    const world = await asleep({ connectTimeoutMs, queueTimeoutMs });
    const { received } = world.client(GET);
    // A period of the request's own timeout ends while it connects.
    const periodMs = queueTimeoutMs + RETRY_DEADLINE_MS + connectTimeoutMs;
    await world.lab.clock.run({ ms: 9 * periodMs - 1_200 });
    world.a.start();
    await world.lab.clock.run({ until: () => world.machine.state === "awake", ms: 3_000 });
    world.lab.network.vanish("a");
    const startMs = world.lab.clock.now();
    await world.lab.clock.run({ until: () => received.text !== "", ms: 60_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 504 /);
    expect(world.lab.clock.now() - startMs).toBeGreaterThan(connectTimeoutMs - 100);
    expect(world.lab.clock.now() - startMs).toBeLessThan(connectTimeoutMs + 100);
  });

  test("also where a backend that does not sleep had refused before: the time for retries begins again", async () => {
    const world = await asleep({ other: { serve: () => {}, health: { check: "none" } } });
    world.b!.stop();
    const { received } = world.client(GET);
    await world.lab.clock.run({ ms: 2 * RETRY_DEADLINE_MS });
    expect([received.text, world.machine.state]).toEqual(["", "waking"]);
    await world.ready();
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(world.lines).toMatchObject([{ backend: "a", retries: "1" }]);
  });

  test("a service that refuses right after it was ready: the next backend that may", async () => {
    const world = await asleep({
      other: {
        state: "maint",
        serve: socket =>
          socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")),
      },
    });
    const { received } = world.client(GET);
    await world.lab.clock.run({ ms: 20_000 });
    world.a.start();
    await world.lab.clock.run({ until: () => world.a.connections.length > 0, ms: 3_000 });
    world.a.stop();
    world.lab.setState("b", "ready");
    await world.lab.clock.run({ ms: 5_000 });
    expect(received.text).toMatch(/\r\n\r\nb$/);
  });
});
