import { expect, inject, test } from "vitest";
import type { Socket } from "../../backends/src/steps.ts";
import { checkSeed } from "./check.ts";
import { LwipCampaignLab } from "./on-lwip.ts";
import { again } from "./report.ts";
import { lwipTarget } from "./targets.ts";

/** Runs of each `npm test`; `npm run sim -- --target lwip` plays 200. */
const RUNS = 5;

test(`in ${RUNS} random runs on the chip's TCP stack every invariant holds, and each is the same when played twice`, async () => {
  const target = lwipTarget(inject("firmwareBoard")!);
  const broken: string[] = [];
  for (let seed = 1; seed <= RUNS; seed++) {
    const result = await checkSeed(seed, true, target);
    if (result.broken.length > 0)
      broken.push(`${again(seed, target)}: ${result.broken.join("; ")}`);
  }
  expect(broken).toEqual([]);
});

const ANSWER_BYTES = 200_000;
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Length: ${ANSWER_BYTES}\r\n\r\n${"x".repeat(ANSWER_BYTES)}`;

/** Sends a long answer to each request. */
function answers(socket: Socket): void {
  socket.on("data", () => socket.write(ANSWER));
  socket.on("error", () => {}); // the client leaves
}

function lab(heapBytes?: number): LwipCampaignLab {
  const limits =
    heapBytes === undefined ? [] : [{ kind: "board" as const, connectionsMax: 34, heapBytes }];
  return new LwipCampaignLab(inject("firmwareBoard")!, { seed: 1, parts: limits });
}

function request(lab: LwipCampaignLab, host: string): { socket: Socket; bytes: () => number } {
  let bytes = 0;
  const socket = lab.network.host(host).connect({ port: 80, host: "board" });
  socket.on("data", (piece: Buffer) => {
    bytes += piece.byteLength;
  });
  socket.on("error", () => {});
  socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  return { socket, bytes: () => bytes };
}

async function serve(board: LwipCampaignLab): Promise<void> {
  board.backend("a", answers, {});
  await board.serve({});
}

test("the weather of one host is not that of another", async () => {
  const board = lab();
  await serve(board);
  const undo = board.network.vanish("far");
  const [near, far] = [request(board, "near"), request(board, "far")];
  await board.clock.run({ ms: 2_000 });
  expect([near.bytes() > 1_000, far.bytes()]).toEqual([true, 0]);
  undo();
  await board.clock.run({ until: () => far.bytes() > 1_000, ms: 60_000 });
  expect(far.bytes()).toBeGreaterThan(1_000); // its SYN was sent again
  board.end();
});

/** The free memory that the firmware reads. */
const freeBytes = ({ app }: LwipCampaignLab) =>
  app!.runtime.parts.platform.vitals.freeHeapBytes ?? Number.NaN;

/** Clients that do not read their answers. */
const STALLED = 4;

test("the free memory that the firmware reads falls with the bytes that lwIP holds for clients that do not read", async () => {
  const board = lab();
  await serve(board);
  const before = freeBytes(board);
  const clients = Array.from({ length: STALLED }, (_, i) => request(board, `client-${i}`));
  for (const { socket } of clients) socket.pause();
  await board.clock.run({ ms: 5_000 });
  const held = before - freeBytes(board);
  // Each has a full window of the backend's bytes, and a full send queue to the client.
  expect(held).toBeGreaterThan(STALLED * board.board.kind.receiveWindowBytes);
  expect(freeBytes(board)).toBe(board.board.heap.freeBytes);
  for (const { socket } of clients) socket.resetAndDestroy();
  await board.clock.run({ ms: 300_000 });
  expect(before - freeBytes(board)).toBeLessThan(held / 4);
  board.end();
});

test("where lwIP's bytes leave little memory, the firmware ends a session for it", async () => {
  const probe = lab();
  await serve(probe);
  const free = freeBytes(probe);
  const { heapBytes } = probe.board.kind;
  probe.end();
  const board = lab(heapBytes - free + 40_000);
  await serve(board);
  for (let i = 0; i < 12; i++) request(board, `client-${i}`).socket.pause();
  await board.clock.run({ ms: 10_000 });
  const ends = board.events("http", "request").map(({ values }) => values.state);
  expect(board.events("proxy", "memory-low").length).toBeGreaterThan(0);
  expect(ends).toContain("RD"); // by the board, within an answer
  expect(board.board.fatal).toBeUndefined();
  board.end();
});
