import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import { REFUSALS_MAX } from "../net/connection-budget.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** A lab with a backend of this `maxSessions`, which answers when the test calls for it. */
function labOf(maxSessions: number) {
  const lab = new EmulatedLab();
  const held: MockSocket[] = [];
  const order: string[] = [];
  const backend = httpBackend(({ line }, socket) => {
    order.push(line.split(" ")[1]);
    held.push(socket);
    return undefined;
  });
  const a = lab.backend("a", backend.serve, { maxSessions });
  const release = () => held.shift()!.write(reply("done"));
  const ask = (path: string) => {
    const socket = lab.connect();
    const received = collect(socket);
    socket.write(GET.replace("/", path));
    return { socket, received };
  };
  return { lab, a, held, order, release, ask };
}

function states(lab: EmulatedLab): string[] {
  return lab.events("http", "request").map(({ values }) => `${values.status} ${values.state}`);
}

test("a backend never has more than maxSessions; further requests are queued in FIFO order", async () => {
  const { lab, held, order, release, ask } = labOf(2);
  await lab.serve();
  const clients: ReturnType<typeof ask>[] = [];
  for (const path of ["/1", "/2", "/3", "/4", "/5"]) {
    clients.push(ask(path));
    await lab.clock.run({ ms: 100 });
  }
  expect([order, held.length]).toEqual([["/1", "/2"], 2]);
  for (let served = 0; served < 5; served++) {
    expect(held.length).toBeLessThanOrEqual(2);
    release();
    await lab.clock.run({ ms: 50 });
  }
  expect(order).toEqual(["/1", "/2", "/3", "/4", "/5"]);
  for (const { received } of clients) expect(received.text).toMatch(/^HTTP\/1.1 200 /);
  const waited = lab.events("http", "request").map(({ values }) => Number(values.Tw));
  expect(waited[0]).toBe(0);
  expect(waited[4]).toBeGreaterThan(100);
});

test("a request that is queued too long gets 503 with Retry-After", async () => {
  const { lab, ask, release } = labOf(1);
  await lab.serve({ queueTimeoutMs: 1000 });
  ask("/1");
  await lab.clock.run({ ms: 100 });
  const { received } = ask("/2");
  await lab.clock.run({ ms: 900 });
  expect(received.text).toBe("");
  await lab.clock.run({ ms: 200 });
  expect(received.text).toMatch(/^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n/s);
  release();
  await lab.clock.run({ ms: 100 });
  expect(states(lab)).toEqual(["503 sQ", "200 --"]);
});

test("when the queue is full a further request gets 503 at once", async () => {
  const { lab, ask } = labOf(1);
  await lab.serve({ queueMax: 2 });
  for (const path of ["/1", "/2", "/3"]) {
    ask(path);
    await lab.clock.run({ ms: 100 });
  }
  const { received } = ask("/4");
  await lab.clock.run({ ms: 100 });
  expect(received.text).toMatch(/^HTTP\/1.1 503 /);
  expect(states(lab)).toEqual(["503 SQ"]);
});

test("a client that disconnects leaves the queue, and its request never reaches the backend", async () => {
  const { lab, order, release, ask } = labOf(1);
  await lab.serve();
  ask("/1");
  await lab.clock.run({ ms: 100 });
  const leaves = ask("/2");
  await lab.clock.run({ ms: 100 });
  const stays = ask("/3");
  await lab.clock.run({ ms: 100 });
  leaves.socket.resetAndDestroy();
  await lab.clock.run({ ms: 50 });
  expect(lab.app!.proxy.pool.queue.length).toBe(1);
  release();
  await lab.clock.run({ ms: 50 });
  release();
  await lab.clock.run({ ms: 50 });
  expect(stays.received.text).toMatch(/^HTTP\/1.1 200 /);
  expect(order).toEqual(["/1", "/3"]);
  expect(states(lab)).toEqual(["499 CQ", "200 --", "200 --"]);
});

test("raw TCP is queued in the same queue", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", socket => socket.pipe(socket), { maxSessions: 1 });
  await lab.serve({ inspect: [] });
  const first = lab.connect();
  first.write("first");
  await lab.clock.run({ ms: 50 });
  const second = lab.connect();
  const received = collect(second);
  second.write("second");
  await lab.clock.run({ ms: 1000 });
  expect(received.text).toBe("");
  first.end();
  await lab.clock.run({ ms: 200 });
  expect(received.text).toBe("second");
});

test("a backend that comes up gets the queued requests", async () => {
  const { lab, ask } = labOf(1);
  const b = httpBackend(() => reply("b"));
  const late = lab.backend("b", b.serve);
  late.stop();
  await lab.serve({ health: { check: "tcp", intervalMs: 500, fall: 1, rise: 1 } });
  await lab.clock.run({ ms: 1000 });
  ask("/1");
  await lab.clock.run({ ms: 100 });
  const { received } = ask("/2");
  await lab.clock.run({ ms: 100 });
  expect(received.text).toBe("");
  late.start();
  await lab.clock.run({ until: () => received.text !== "", ms: 10_000 });
  expect(received.text).toMatch(/\r\n\r\nb$/);
});

test("a full board answers browsers in HTML, other clients in plain text", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", httpBackend(() => undefined).serve);
  await lab.serve({ sessionsMax: 1, queueMax: 0 });
  const first = lab.connect();
  first.write(GET);
  await lab.clock.run({ ms: 50 });
  const page = await lab.ask("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*\r\n\r\n");
  expect(page).toMatch(/^HTTP\/1.1 503 .*\r\nContent-Type: text\/html\r\n.*<h1>503 /s);
  expect(await lab.ask(GET)).toMatch(/^HTTP\/1.1 503 .*\r\nContent-Type: text\/plain\r\n/s);
  expect(await lab.ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")).toMatch(/\r\n\r\n$/);
  const cookies = `Cookie: ${"c".repeat(3000)}`;
  const long = await lab.ask(
    `GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n${cookies}\r\n\r\n`,
  );
  expect(long).toMatch(/^HTTP\/1.1 503 .*\r\nContent-Type: text\/html\r\n/s);
});

describe("clients of a full board", () => {
  async function fullBoard(settings: object = {}) {
    const lab = new EmulatedLab();
    lab.backend("a", httpBackend(() => undefined).serve);
    await lab.serve({ sessionsMax: 1, queueMax: 0, ...settings });
    lab.connect().write(GET);
    await lab.clock.run({ ms: 50 });
    const come = (text: string) => {
      const socket = lab.connect({ allowHalfOpen: true });
      const received = collect(socket);
      if (text !== "") socket.write(text);
      return received;
    };
    return { lab, come };
  }

  test("get 503 when as many connect as the board can refuse at the same time", async () => {
    const { lab, come } = await fullBoard();
    const clients = Array.from({ length: REFUSALS_MAX }, () => come(GET));
    await lab.clock.run({ ms: 100 });
    for (const { text } of clients) expect(text).toMatch(/^HTTP\/1.1 503 /);
    const { refusals } = lab.app!.proxy.admission;
    expect([refusals.full, refusals.unanswered]).toEqual([REFUSALS_MAX, 0]);
  });

  test("get 503 also while earlier refused clients keep their connections open", async () => {
    const { lab, come } = await fullBoard();
    const clients: ReturnType<typeof come>[] = [];
    for (let i = 0; i < 3 * REFUSALS_MAX; i++) {
      clients.push(come(GET));
      await lab.clock.run({ ms: 20 });
    }
    for (const { text } of clients) expect(text).toMatch(/^HTTP\/1.1 503 .*\n$/s);
    expect(lab.board.stack.objects).toBeLessThanOrEqual(2 + REFUSALS_MAX);
  });

  test("are closed without a response beyond that number, and all are counted", async () => {
    const { lab, come } = await fullBoard({ queueMax: 1, queueTimeoutMs: 500 });
    const waits = come(GET);
    await lab.clock.run({ ms: 20 });
    const clients = Array.from({ length: REFUSALS_MAX + 3 }, () => come(GET));
    await lab.clock.run({ ms: 100 });
    const answered = clients.filter(({ text }) => text !== "");
    expect(answered).toHaveLength(REFUSALS_MAX);
    await lab.clock.run({ ms: 1_000 });
    expect(waits.text).toMatch(/^HTTP\/1.1 503 /);
    const refusals = { full: REFUSALS_MAX + 3, queueTimeout: 1, noMemory: 0, unanswered: 3 };
    expect(JSON.parse((await get(lab, "/api/status")).body).refusals).toMatchObject(refusals);
    const metrics = (await get(lab, "/metrics")).body;
    expect(metrics).toContain(`hot_potato_refusals_total{reason="full"} ${REFUSALS_MAX + 3}\n`);
    expect(metrics).toContain('hot_potato_refusals_total{reason="queue-timeout"} 1\n');
    expect(metrics).toContain("hot_potato_refusals_unanswered_total 3\n");
  });
});

test("requests that find the queue full are counted among the refusals", async () => {
  const { lab, ask } = labOf(1);
  await lab.serve({ queueMax: 1, queueTimeoutMs: 500 });
  for (const path of ["/1", "/2", "/3"]) {
    ask(path);
    await lab.clock.run({ ms: 20 });
  }
  await lab.clock.run({ ms: 1_000 });
  const { refusals } = lab.app!.proxy.admission;
  expect([refusals.full, refusals.queueTimeout]).toEqual([1, 1]);
});
