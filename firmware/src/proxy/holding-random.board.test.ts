import { type MockSocket, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { mendedBoard, ourBoard } from "../../../emulator/proxy/firmware-board.ts";
import { mass } from "../../../hil/kit/emulated-lab.ts";
import { post } from "../../../hil/kit/http-lab.ts";
import { alpn, clientHello, name } from "../net/hellos/testing.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import { asleep } from "./testing.ts";

const RUNS = mass(32);

/** Events of a run. */
const EVENTS = 40;

const PAUSES_MS = [1, 20, 100, 900, 4_000, 20_000];

const HELLO = Buffer.from(clientHello(name("a.home"), alpn("h2"))).toString("latin1");

/** Bytes that a client sends at once: requests, a part of one, several, a hello, a line. */
const TEXTS = [
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n",
  "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
  post("x".repeat(20_000)),
  post("x".repeat(200)).slice(0, -100),
  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "GET /c HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
  `GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(3_000)}\r\n\r\n`,
  HELLO,
  HELLO.slice(0, 60),
  "PLAY 1\n",
  "x",
  "",
];

/** Answers some requests, resets others, and forgets the rest. */
function unreliable(random: () => number) {
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb";
  return (socket: MockSocket) => {
    socket.on("error", () => {});
    socket.on("data", () => {
      const what = random();
      if (what < 0.3) socket.end(answer);
      else if (what < 0.5) socket.resetAndDestroy();
    });
  };
}

test.each(Array.from({ length: RUNS }, (_, run) => run))(
  "clients, machine, memory and operator do what they like, and nothing of a held client is left: run %i",
  async run => {
    const random = seeded(run * 7_919 + 13);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
    const mode = pick(["auto", "auto", "http", "tcp"]);
    const hasTls = mode === "auto" && random() < 0.6;
    const wakeFor = [];
    if (mode !== "tcp") wakeFor.push({ protocol: "http" });
    if (mode !== "http") wakeFor.push({ firstLine: "PLAY " });
    if (hasTls) wakeFor.push({ sni: ["a.home"] });
    const board = random() < 0.4 ? ourBoard() : mendedBoard();
    const hasOther = random() < 0.5;
    const world = await asleep({
      board,
      inspect: [],
      machine: random() < 0.4 ? { wakeFor } : {},
      backend: random() < 0.4 ? { maxSessions: 2 } : {},
      holdMs: pick([5_000, 30_000, 240_000]),
      heldMax: pick([0, 1, 3, 6]),
      queueMax: pick([0, 2, 4]),
      sticky: mode === "tcp" ? "none" : pick(["none", "source", "cookie"]),
      routes: hasTls ? [{}, { sni: ["*"] }] : [],
      listeners: [{ port: 80, mode }],
      sessionsMax: pick([undefined, 3, 16]),
      retries: pick([0, 1, 3]),
      ...(hasOther ? { other: { maxSessions: 1, serve: unreliable(random) } } : {}),
    });
    const { lab, a } = world;
    const { proxy, runtime } = lab.app!;
    const sockets: MockSocket[] = [];
    let isReady = false;
    let takenBytes = 0;
    const takeMemory = () => {
      const bytes = lab.board.heap.freeBytes - MEMORY_RESERVE_BYTES + 500;
      if (takenBytes === 0 && bytes > 0 && bytes < 1_000_000) takenBytes = bytes;
      else takenBytes = -takenBytes;
      lab.board.stack.hold(takenBytes);
      takenBytes = Math.max(0, takenBytes);
    };
    for (let event = 0; event < EVENTS; event++) {
      const what = random();
      const socket = sockets.length === 0 ? undefined : pick(sockets);
      if (what < 0.45 || socket === undefined) {
        sockets.push(world.client(pick(TEXTS)).socket);
      } else if (what < 0.6) {
        if (random() < 0.5) socket.end();
        else socket.resetAndDestroy();
      } else if (what < 0.68) {
        if (socket.writable) socket.write(pick(TEXTS));
      } else if (what < 0.78) {
        isReady = !isReady;
        if (isReady) a.start();
        else a.stop();
      } else if (what < 0.82) {
        takeMemory();
      } else if (what < 0.85) {
        runtime.setKey("retries", String(Math.floor(random() * 4)));
      } else if (what < 0.87) {
        lab.setState("a", pick(["ready", "maint", "drain"]));
      }
      await lab.clock.run({ ms: pick(PAUSES_MS) });
      const { pool } = proxy;
      expect(pool.machines![0].held).toBe(pool.queue.held);
      expect(pool.queue.held).toBeLessThanOrEqual(6);
    }
    if (takenBytes > 0) takeMemory();
    for (const socket of sockets) socket.destroy();
    await lab.clock.run({ ms: 400_000 });
    expect(lab.lines.filter(line => line.startsWith("E "))).toEqual([]);
    expect(lab.board.fatal).toBeUndefined();
    await world.expectNothingHeld();
  },
);
