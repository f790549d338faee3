import { describe, expect, test } from "vitest";
import { ourBoard } from "../../../emulator/proxy/firmware-board.ts";
import { change } from "../../../hil/kit/admin-lab.ts";
import { get, TOKEN } from "../../../hil/kit/admin-port.ts";
import { HttpClient } from "../../../hil/kit/http-lab.ts";
import { shareOf } from "../net/connection-budget.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import { asleep } from "./testing.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const PAGE = "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n";
const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

describe("clients that are held", () => {
  test("are at most heldMax: the next one gets 503 and when to come back, a browser its page", async () => {
    const world = await asleep({ heldMax: 2 });
    const held = [world.client(GET), world.client(GET)];
    await world.lab.clock.run({ ms: 10_000 });
    await world.ready();
    const bootS = Math.round(world.machine.lastBootMs! / 1000);
    await world.sleeps();
    for (const { socket } of held) socket.destroy();
    const again = [world.client(GET_ONCE), world.client(GET_ONCE)];
    await world.lab.clock.run({ ms: 4_000 });
    const { line, fields } = await new HttpClient(world.lab).ask(GET);
    expect(line).toMatch(/ 503 /);
    const afterS = Number(fields.find(([name]) => name === "Retry-After")?.[1]);
    expect(Math.abs(afterS - (bootS - 4))).toBeLessThanOrEqual(1);
    expect(world.lines.at(-1)).toMatchObject({ state: "SQ", why: "held-full" });
    expect((await new HttpClient(world.lab).ask(PAGE)).body.toString()).toContain("waking up");
    expect([world.refusals.heldFull, world.refusals.full, world.machine.held]).toEqual([1, 0, 2]);
    again[0].socket.resetAndDestroy();
    const last = world.client(GET_ONCE);
    await world.lab.clock.run({ ms: 1_000 });
    await world.ready();
    expect(last.received.text).toMatch(/^HTTP\/1.1 200 /);
    await world.expectNothingHeld();
  });

  test("never take all slots: others are served meanwhile, and so is the operator", async () => {
    const world = await asleep({
      sessionsMax: 6,
      heldMax: 16,
      queueMax: 0,
      routes: [{ path: "/b", backends: ["b"] }, { backends: ["a"] }],
      other: {
        serve: socket => socket.on("data", () => socket.end("HTTP/1.1 204 No\r\n\r\n")),
      },
    });
    for (let i = 0; i < 8; i++) {
      world.client(GET, { host: `client${i % 3}` });
      await world.lab.clock.run({ ms: 200 });
    }
    await world.lab.clock.run({ ms: 10_000 });
    expect(world.machine.held).toBe(shareOf(6));
    const { line } = await new HttpClient(world.lab).ask("GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(line).toMatch(/ 204 /);
    expect((await get(world.lab, "/api/status")).status).toBe(200);
  });

  test("leave the queue of the backends that are awake as long as it was", async () => {
    const world = await asleep({
      queueMax: 1,
      routes: [{ path: "/b", backends: ["b"] }, { backends: ["a"] }],
      other: { serve: () => {}, maxSessions: 1 },
    });
    const atB = "GET /b HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const text of [GET, GET, atB, atB, atB]) {
      world.client(text);
      await world.lab.clock.run({ ms: 100 });
    }
    const { queue } = world.lab.app!.proxy.pool;
    expect([queue.held, queue.length, world.refusals.full]).toEqual([2, 3, 1]);
  });

  test("are not idle and not slow: none is ended for clients that wait for a slot", async () => {
    const world = await asleep({
      sessionsMax: 4,
      heldMax: 2,
      queueTimeoutMs: 20_000,
      bytesPerSecondMin: 1_000,
    });
    const held = [
      world.client(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n${"x".repeat(900)}`),
      world.client(GET_ONCE),
    ];
    await world.lab.clock.run({ ms: 500 });
    for (let i = 0; i < 4; i++) world.client("POST / HTTP/1.1\r\n"); // two slots, two in the queue
    await world.lab.clock.run({ ms: 15_000 });
    for (const { socket } of held) expect(socket.closed).toBe(false);
    expect(world.machine.held).toBe(2);
    held[0].socket.write("x".repeat(19_100));
    await world.ready();
    for (const { received } of held) expect(received.text).toMatch(/^HTTP\/1.1 200 /);
  });

  test("are refused when memory is short, the youngest first, before a session is ended", async () => {
    const world = await asleep({
      board: ourBoard(),
      inspect: [],
      routes: [{ host: "a", backends: ["a"] }, { backends: ["b"] }],
      other: { serve: socket => void socket.pipe(socket) },
    });
    const stream = world.client("raw ");
    const early = world.client("");
    await world.lab.clock.run({ ms: 300 });
    const held = [];
    for (let i = 0; i < 4; i++) {
      held.push(world.client("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
      await world.lab.clock.run({ ms: 500 });
    }
    expect(world.machine.held).toBe(4);
    const { board } = world.lab;
    board.stack.hold(board.heap.freeBytes - MEMORY_RESERVE_BYTES + 200);
    await world.lab.clock.run({ until: () => world.machine.held < 4, ms: 5_000 });
    await world.lab.clock.run({ ms: 5 });
    expect(held.map(({ received }) => received.text.slice(9, 12))).toEqual(["", "", "", "503"]);
    expect(held[3].received.text).toMatch(/Retry-After: \d+\r\n.*Connection: close\r\n/s);
    expect(world.lines[0]).toMatchObject({ status: "503", state: "RQ", why: "no-memory" });
    await world.lab.clock.run({ ms: 3_000 });
    expect(world.machine.held).toBe(0);
    expect(held.map(({ received }) => received.text.slice(9, 12))).toEqual(Array(4).fill("503"));
    expect(world.lab.app!.proxy.admission.memory.shed).toBe(0);
    expect(world.refusals.noMemory).toBeGreaterThanOrEqual(4);
    stream.socket.write("goes on");
    await world.lab.clock.run({ ms: 300 });
    expect(stream.received.text).toBe("raw goes on");
    const late = await new HttpClient(world.lab).ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(late.line).toMatch(/ 503 /);
    early.socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await world.lab.clock.run({ ms: 300 });
    expect(early.received.text).toMatch(/^HTTP\/1.1 503 /);
    const line = world.lines.at(-1)!;
    expect([line.state, line.why, line.held]).toEqual(["RQ", "no-memory", undefined]);
  });

  test("get 503 when the proxy stops", async () => {
    const world = await asleep({ inspect: [] });
    const http = world.client(GET);
    const raw = world.client("PLAY 1\n");
    await world.lab.clock.run({ ms: 5_000 });
    world.lab.app!.proxy.stop();
    await world.lab.clock.run({ ms: 2_500 });
    expect(http.received.text).toMatch(/^HTTP\/1.1 503 /);
    expect([raw.socket.closed, raw.received.text]).toEqual([true, ""]);
    await world.expectNothingHeld();
  });
});

describe("a new configuration while clients are held", () => {
  async function reconfigured(settings: object) {
    const world = await asleep();
    world.lab.app!.runtime.token.set(TOKEN);
    const { received } = world.client(GET_ONCE);
    await world.lab.clock.run({ ms: 10_000 });
    expect((await change(world.lab, settings)).status).toBe(200);
    await world.lab.clock.run({ ms: 10_000 });
    return { world, received };
  }

  test("with the same machine: they are served when it is ready", async () => {
    const { world, received } = await reconfigured({ balance: "ewma" });
    expect([received.text, world.machine.state, world.machine.held]).toEqual(["", "waking", 1]);
    await world.ready();
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect([world.machine.wakes, world.machine.held]).toEqual([1, 0]);
  });

  test("without the machine: they get 503", async () => {
    const { world } = await reconfigured({});
    const { address } = world.a.host;
    const { received } = world.client(GET_ONCE);
    await world.lab.clock.run({ ms: 1_000 });
    const backends = [{ name: "a", address, port: 8080 }];
    expect((await change(world.lab, { machines: [], backends })).status).toBe(200);
    await world.lab.clock.run({ ms: 1_000 });
    expect(received.text).toMatch(/^HTTP\/1.1 503 /);
    expect(world.lab.app!.proxy.pool.queue.length).toBe(0);
  });
});

test("the metrics count what was refused of machines, and only where there are some", async () => {
  const world = await asleep({ machine: { wakeFor: [] } });
  await new HttpClient(world.lab).ask(GET);
  const { body } = await get(world.lab, "/metrics");
  expect(body).toContain('refusals_total{reason="asleep"} 1\n');
  expect(body).toContain('refusals_total{reason="wake-failed"} 0\n');
});
