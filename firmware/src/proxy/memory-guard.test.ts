import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import type { Event } from "../log/event.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";
import { MemoryGuard, SESSION_BYTES_MAX } from "./memory-guard.ts";

/** A machine with so much free memory, and sessions that hold 5 KB each. */
function bench(free: number | undefined, sessions = 3) {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const state = { free, sessions, spared: 0 };
  const vitals = {
    resetReason: undefined,
    get freeHeapBytes() {
      return state.free;
    },
  };
  const memory = new MemoryGuard({ clock, vitals } as unknown as Platform, e => events.push(e), {
    get sessions() {
      return state.sessions;
    },
    closeIdle: () => {
      state.spared++;
    },
    shed: () => {
      if (state.sessions === 0) return false;
      state.sessions--;
      state.free! += 5_000;
      return true;
    },
  });
  memory.watch();
  return { clock, events, state, memory };
}

test.each([
  ["the looks are the rarer the more there is", 30_000, 100],
  [
    "there is a look each second while it is enough for all, whatever else may take it",
    70_000,
    1000,
  ],
])("with enough memory nobody is bothered: %s", async (_, spare, lookMs) => {
  const { clock, events, state, memory } = bench(MEMORY_RESERVE_BYTES + spare);
  state.free = 0;
  await clock.run({ ms: lookMs - 10 });
  expect(memory.low).toBe(false);
  await clock.run({ ms: 20 });
  expect(memory.low).toBe(true);
  expect(events).toMatchObject([{ level: "W", what: "memory-low", free: 0 }]);
});

test("a newcomer for whom it may not be enough brings the next look nearer", async () => {
  const { clock, state, memory } = bench(MEMORY_RESERVE_BYTES + 3 * SESSION_BYTES_MAX);
  state.sessions = 4;
  memory.watch();
  state.free = 0;
  await clock.run({ ms: 250 });
  expect(memory.low).toBe(true);
});

test("below the reserve what nobody would miss goes; and when still less is left sessions, one by one, no more than it takes", async () => {
  const { clock, state, memory } = bench(MEMORY_RESERVE_BYTES - 1);
  await clock.run({ ms: 15 });
  expect([memory.low, memory.shed, state.spared, state.sessions]).toEqual([true, 0, 1, 3]);
  state.free = 0;
  await clock.run({ ms: 10 });
  expect([memory.shed, state.sessions, state.free]).toEqual([1, 2, 5_000]);
  await clock.run({ ms: 200 });
  expect([memory.shed, state.sessions, state.free]).toEqual([2, 1, 10_000]);
});

test("each change is told once, and who ends last takes the alarm along", async () => {
  const { clock, events, state, memory } = bench(0, 0);
  state.sessions = 1;
  await clock.run({ ms: 200 });
  state.free = MEMORY_RESERVE_BYTES;
  memory.stopWatching();
  expect(events.map(event => "what" in event && event.what)).toEqual(["memory-low", "memory-ok"]);
  expect([memory.low, clock.pending]).toEqual([false, 0]);
});

test("who comes after a quiet time is not judged by what was left before it", async () => {
  const { clock, state, memory } = bench(0, 1);
  await clock.run({ ms: 200 });
  state.sessions = 0;
  memory.stopWatching(); // the last one's bytes are still on their way
  expect(memory.low).toBe(true);
  await clock.run({ ms: 60_000 });
  state.free = MEMORY_RESERVE_BYTES;
  memory.watch();
  expect(memory.low).toBe(false);
});

test("where memory has no limit nobody looks", () => {
  const { clock, memory } = bench(undefined);
  expect([memory.low, clock.pending]).toEqual([false, 0]);
});
