import { readFileSync } from "node:fs";
import type { MockSocket } from "net-mock-socket";
import { expect, test } from "vitest";
import { ourBoard } from "../../../emulator/proxy/firmware-board.ts";
import { smallPieces, stuckSessionBytes } from "../../../emulator/proxy/memory-plan.ts";
import { settingsOf } from "../../../emulator/src/boards/esp32.ts";
import { get } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, ENGINE } from "../../../hil/kit/emulated-lab.ts";
import { MEMORY_RESERVE_BYTES, MEMORY_SHED_BYTES } from "../net/memory-reserve.ts";

/** A segment and what lwIP keeps with it: with less, a write breaks its connection. */
const SEGMENT_BYTES = 1_600;

/** Bytes that each end sends into a session: more than all buffers between the two hold, on both sides. */
const POUR = Buffer.alloc(200_000, "x");

const CLIENTS = 16;

const SET = settingsOf(readFileSync("firmware/sdkconfig/sdkconfig.defaults", "utf8"));

const BOARD = ourBoard();

/** A board whose writes fail where memory is missing; writes of the firmware's own sockets wait for it. */
const SDK_BOARD = ourBoard("sdk");

/** Sessions whose peers do not read that the memory plan carries (firmware/README.md). */
const CARRIED = 4;

/** The engine takes a few steps of memory beyond `creation`, and keeps them. In Node it has memory of its own. */
const XS_GROWTH_BYTES = ENGINE === "xs" ? 4_096 : 0;

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/** Every session full in both directions: clients and backends send, and read nothing. */
async function everybodyStuck({ clients = CLIENTS, board = BOARD } = {}) {
  const lab = new EmulatedLab(board);
  const stuck: MockSocket[] = [];
  const pours = (socket: MockSocket) => {
    socket.pause();
    socket.write(POUR);
    socket.on("error", () => {});
    stuck.push(socket);
  };
  lab.backend("a", pours);
  await lab.serve({ inspect: [] });
  lab.network.link("board", { latencyMs: 2, bytesPerSecond: 300_000 });
  for (let i = 0; i < clients; i++) {
    lab.clock.after(i * 20, () => pours(lab.connect()));
  }
  await lab.clock.run({ ms: 10_000 });
  return { lab, stuck };
}

test("sixteen sessions full in both directions: the board stands, never runs out, and ends those that hold most", async () => {
  const { lab } = await everybodyStuck();
  const { board } = lab;
  const { proxy } = lab.app!;
  expect(board.fatal).toBeUndefined();
  expect(board.heap.floorBytes).toBeGreaterThan(SEGMENT_BYTES);
  expect(board.heap.freeBytes).toBeGreaterThan(MEMORY_SHED_BYTES);
  const ended = lab.events("session", "end").map(({ values }) => values.why);
  expect(new Set(ended)).toEqual(new Set(["no-memory"]));
  expect(proxy.admission.memory.shed + proxy.admission.refusals.noMemory).toBe(ended.length);
  expect(proxy.admission.memory.shed).toBeGreaterThan(0);
  // Sessions that were not ended are still open, and the memory of all others is free.
  expect(proxy.sessions).toBe(CLIENTS - ended.length);
  expect(proxy.sessions).toBeGreaterThanOrEqual(CARRIED);
});

test("as many of those as the plan carries are carried, and no session is ended", async () => {
  const { lab } = await everybodyStuck({ clients: CARRIED });
  expect(lab.app!.proxy.sessions).toBe(CARRIED);
  expect(lab.app!.proxy.admission.memory.low).toBe(false);
  const { board } = lab;
  const held = board.kind.heapBytes - board.heap.freeBytes;
  // In Node the pieces that pass are smaller than segments, and so more of them.
  expect(held).toBeLessThanOrEqual(CARRIED * stuckSessionBytes(SET, smallPieces(SET)));
  expect(held).toBeGreaterThan(0.8 * CARRIED * stuckSessionBytes(SET));
});

test.each([58_000, 63_000, 70_000, 75_000, 83_000])(
  "so it does with a heap of %i bytes: no check is too late, and each session that ends does so for memory",
  async heapBytes => {
    const { lab } = await everybodyStuck({ board: { ...BOARD, heapBytes } });
    expect(lab.board.heap.floorBytes).toBeGreaterThan(SEGMENT_BYTES);
    const ended = lab.events("session", "end").map(({ values }) => values.why);
    expect(new Set(ended)).toEqual(new Set(["no-memory"]));
  },
);

test("heads count among what a session holds: the one with the longest is ended first", async () => {
  const lab = new EmulatedLab(BOARD);
  lab.backend("a", socket => socket.resume());
  await lab.serve();
  const sockets = [10, 8_000, 3_000, 4_000].map((bytes, index) => {
    const socket = lab.connect();
    collect(socket);
    // Some are read still, the others wait for an answer.
    socket.write(
      `GET /${"a".repeat(bytes)} HTTP/1.1\r\nHost: x\r\n${index % 2 === 0 ? "\r\n" : ""}`,
    );
    return socket;
  });
  await lab.clock.run({ ms: 500 });
  const ended: number[] = [];
  for (let i = 0; i < 3; i++) {
    lab.app!.proxy.admission.shed();
    await lab.clock.run({ ms: 100 });
    ended.push(sockets.findIndex((socket, at) => socket.closed && !ended.includes(at)));
  }
  expect(ended).toEqual([1, 3, 2]);
});

test("while memory is low new clients get 503, sessions in progress continue, and the operator sees why", async () => {
  const lab = new EmulatedLab(BOARD);
  lab.backend("a", socket => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await lab.serve();
  const served = lab.connect();
  const received = collect(served);
  served.write("one ");
  await lab.clock.run({ until: () => received.text === "one " });
  await lab.clock.run({ ms: 100 }); // what it took is back
  // Something else takes a little of what is kept free.
  const { board } = lab;
  const bytes = board.heap.freeBytes - MEMORY_RESERVE_BYTES + 100;
  board.stack.hold(bytes);
  await lab.clock.run({ ms: 1_000 });

  expect(await lab.ask(GET)).toMatch(/^HTTP\/1.1 503 .*\r\nRetry-After: 1\r\n/s);
  await lab.clock.run({ until: () => lab.events("session", "end").length > 0 });
  expect(lab.events("session", "end").at(-1)!.values).toMatchObject({ why: "no-memory" });
  served.write("two");
  await lab.clock.run({ until: () => received.text === "one two" });
  expect(lab.events("proxy", "memory-low")).toHaveLength(1);
  const metrics = (await get(lab, "/metrics")).body;
  expect(metrics).toContain("# TYPE hot_potato_refusals_total counter");
  expect(metrics).toContain('hot_potato_refusals_total{reason="no-memory"} 1\n');
  expect(metrics).toContain("hot_potato_memory_shed_total 0\n");
  const status = JSON.parse((await get(lab, "/api/status")).body);
  expect(status.memory).toEqual({ reserve: MEMORY_RESERVE_BYTES, refused: 1, shed: 0 });
  expect(status.heap).toBeLessThan(MEMORY_RESERVE_BYTES);

  board.stack.hold(-bytes);
  await lab.clock.run({ ms: 2_000 });
  expect(lab.events("proxy", "memory-ok")).toHaveLength(1);
  served.destroy();
  await lab.clock.run({ ms: 100 });
  expect(await lab.ask("hello")).toBe("hello");
});

test("when peers read again the board is as before, and each session that stayed has every byte", async () => {
  const { lab, stuck } = await everybodyStuck();
  const received = new Map<MockSocket, number>();
  for (const socket of stuck) {
    socket.on("data", (bytes: Buffer) => {
      received.set(socket, (received.get(socket) ?? 0) + bytes.byteLength);
    });
    socket.resume();
  }
  const stayed = lab.app!.proxy.sessions;
  await lab.clock.run({ ms: 60_000 });
  const whole = [...received.values()].filter(count => count === POUR.byteLength);
  expect(whole).toHaveLength(2 * stayed);
  expect(lab.app!.proxy.admission.memory.low).toBe(false);
  expect(lab.events("proxy", "memory-ok").length).toBeGreaterThan(0);

  for (const socket of stuck) socket.destroy();
  await lab.clock.run({ ms: 2 * lab.board.kind.timeWaitMs });
  const { heap, kind } = lab.board;
  expect(kind.heapBytes - heap.freeBytes).toBeLessThanOrEqual(XS_GROWTH_BYTES);
});

test("a request that memory ends is in the log as the board's own want: R", async () => {
  const lab = new EmulatedLab(BOARD);
  lab.backend("a", socket => {
    socket.pause();
    socket.on("error", () => {});
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${POUR.byteLength}\r\n\r\n`);
    socket.write(POUR);
  });
  await lab.serve();
  const client = lab.connect();
  client.on("error", () => {});
  client.pause();
  client.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${POUR.byteLength}\r\n\r\n`);
  client.write(POUR);
  await lab.clock.run({ ms: 1_000 });
  const give = lab.board.stack.exhaustHeap();
  await lab.clock.run({ ms: 1_000 });
  expect(lab.events("http", "request").map(({ values }) => values.state)).toEqual(["RD"]);
  give();
});

test("no backend is blamed for what breaks for want of memory", async () => {
  const lab = new EmulatedLab(SDK_BOARD);
  for (const name of ["a", "b"]) lab.backend(name, socket => socket.on("error", () => {}));
  await lab.serve({ health: { check: "none" } });
  lab.network.link("board", { latencyMs: 5 });
  for (let i = 0; i < 10; i++) {
    const client = lab.connect();
    client.on("error", () => {});
    client.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
    await lab.clock.run({ ms: 25 }); // the board is dialling now
    const give = lab.board.stack.exhaustHeap(); // and cannot write when it has been answered
    await lab.clock.run({ ms: 10 });
    give();
    await lab.clock.run({ ms: 1_000 });
  }
  const states = lab.events("http", "request").map(({ values }) => values.state);
  expect(states).toEqual(Array(10).fill("RH"));
  expect(lab.events("backend", "ejected")).toEqual([]);
});
