import { expect, test } from "vitest";
import { esp32 } from "../src/boards/esp32.ts";
import { ECHO, OPTIONS } from "./programs.ts";
import { runProgram } from "./run.ts";
import { firmwareSdkconfig } from "./settings.ts";

interface Echo {
  readonly hash: string;
  readonly packets: number;
  readonly ms: number;
  readonly whole: number;
  readonly reset: number;
  readonly blocksLeft: number;
  readonly controlBlocksLeft: number;
}

const CLIENTS = 12;

/** Clients of an echo server, over two copies of lwIP. */
function echo(world: {
  seed: number;
  startMs?: number;
  loss?: number;
  reorder?: number;
  reset?: number;
}): Promise<Echo> {
  const { seed, startMs = 0, loss = 0, reorder = 0, reset = 0 } = world;
  return runProgram(ECHO, seed, startMs, loss, reorder, reset, 0);
}

test("lwIP was built with the options of the chip", async () => {
  const board = esp32({ sdkconfig: firmwareSdkconfig() });
  const options = await runProgram<Record<string, unknown>>(OPTIONS);
  for (const name of [
    "receiveWindowBytes",
    "sendBufferBytes",
    "segmentBytes",
    "segmentsQueuedMax",
    "timerMs",
    "timeWaitMs",
    "finWaitTimeoutMs",
    "listenersMax",
  ] as const) {
    expect([name, options[name]]).toEqual([name, board[name]]);
  }
  expect(options.controlBlocks).toBe(board.connectionsMax);
  // Timers ring between two ticks of their interval.
  expect(options.failedMs).toBeGreaterThan(board.connectTimeoutMs - 2 * board.timerMs);
  expect(options.failedMs).toBeLessThanOrEqual(board.connectTimeoutMs + 2 * board.timerMs);
});

test("two copies of lwIP exchange every byte over a calm wire, and keep no memory", async () => {
  const { whole, reset, blocksLeft, controlBlocksLeft } = await echo({ seed: 1 });
  expect({ whole, reset, blocksLeft, controlBlocksLeft }).toEqual({
    whole: CLIENTS,
    reset: 0,
    blocksLeft: 0,
    controlBlocksLeft: 0,
  });
});

test("the same seed is the same world, to the last packet; another seed is another", async () => {
  const weather = { loss: 30, reorder: 50, reset: 5 };
  const worlds = await Promise.all([2, 2, 3].map(seed => echo({ seed, ...weather })));
  expect(worlds[1]).toEqual(worlds[0]);
  expect(worlds[2].hash).not.toBe(worlds[0].hash);
});

test.each([10, 11, 12, 13])(
  "loss and reordering delay bytes and lose none (seed %i)",
  async seed => {
    const { whole, ms, blocksLeft } = await echo({ seed, loss: 30, reorder: 50 });
    expect([whole, blocksLeft]).toEqual([CLIENTS, 0]);
    expect(ms).toBeGreaterThan(1000); // a segment was sent again
  },
);

test("after a reset on the wire both ends know, and no client has wrong bytes", async () => {
  const { whole, reset, blocksLeft, controlBlocksLeft } = await echo({ seed: 20, reset: 20 });
  expect(reset).toBeGreaterThan(0);
  expect(whole + reset).toBe(CLIENTS);
  expect([blocksLeft, controlBlocksLeft]).toEqual([0, 0]);
});

test("time may wrap around: a board that has run for 49 days", async () => {
  const early = await echo({ seed: 4, loss: 20 });
  const late = await echo({ seed: 4, loss: 20, startMs: 2 ** 32 - 1000 });
  expect({ ...late, hash: "" }).toEqual({ ...early, hash: "" });
});
