import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import type { Event } from "../log/event.ts";
import { Deadlines } from "../net/deadlines.ts";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";
import { MemoryGuard, SESSION_BYTES_MAX } from "./memory-guard.ts";

/** A machine with so much free memory, and sessions that hold 5 KB each. */
function bench(free: number | undefined, sessions = 3) {
  const clock = new VirtualClock();
  const events: Event[] = [];
  const state = { free, sessions, held: 0, idleClosed: 0 };
  const vitals = {
    resetReason: undefined,
    get freeHeapBytes() {
      return state.free;
    },
  };
  const platform = { clock, vitals } as unknown as Platform;
  const users = {
    get sessions() {
      return state.sessions;
    },
    closeIdle: () => {
      state.idleClosed++;
    },
    refuseHeld: () => {
      if (state.held === 0) return false;
      state.held--;
      state.free! += 1_000;
      return true;
    },
    shed: () => {
      if (state.sessions === 0) return false;
      state.sessions--;
      state.free! += 5_000;
      return true;
    },
  };
  const memory = new MemoryGuard(platform, e => events.push(e), users, new Deadlines(clock));
  memory.watch();
  return { clock, events, state, memory };
}

test.each([
  ["memory is checked the more seldom, the more is free", 30_000, 100],
  [
    "it is checked each second while there is enough for all sessions, because not only they take memory",
    80_000,
    1000,
  ],
])("with enough memory no session is ended: %s", async (_, spare, checkMs) => {
  const { clock, events, state, memory } = bench(MEMORY_RESERVE_BYTES + spare);
  state.free = 0;
  await clock.run({ ms: checkMs - 10 });
  expect(memory.low).toBe(false);
  await clock.run({ ms: 20 });
  expect(memory.low).toBe(true);
  expect(events).toMatchObject([{ level: "W", what: "memory-low", free: 0 }]);
});

test("a client that may need more memory than is free brings the next check forward", async () => {
  const { clock, state, memory } = bench(MEMORY_RESERVE_BYTES + 3 * SESSION_BYTES_MAX);
  state.sessions = 4;
  memory.watch();
  state.free = 0;
  await clock.run({ ms: 270 });
  expect(memory.low).toBe(true);
});

test("below the reserve idle connections are closed; when still less is left, sessions are ended one by one, no more than needed", async () => {
  const { clock, state, memory } = bench(MEMORY_RESERVE_BYTES - 1);
  await clock.run({ ms: 15 });
  expect([memory.low, memory.shed, state.idleClosed, state.sessions]).toEqual([true, 0, 1, 3]);
  state.free = 0;
  await clock.run({ ms: 10 });
  expect([memory.shed, state.sessions, state.free]).toEqual([1, 2, 5_000]);
  await clock.run({ ms: 200 });
  expect([memory.shed, state.sessions, state.free]).toEqual([2, 1, 10_000]);
});

test("each change is reported once, and no timer is left when the last session has ended", async () => {
  const { clock, events, state, memory } = bench(0, 0);
  state.sessions = 1;
  await clock.run({ ms: 200 });
  state.free = MEMORY_RESERVE_BYTES;
  memory.compare();
  await clock.run();
  expect(events.map(event => "what" in event && event.what)).toEqual(["memory-low", "memory-ok"]);
  expect([memory.low, clock.pending]).toEqual([false, 0]);
});

test("a client that connects after a pause is not refused because memory was low before it", async () => {
  const { clock, state, memory } = bench(0, 1);
  await clock.run({ ms: 200 });
  state.sessions = 0;
  memory.compare(); // the last one's bytes are still on their way
  expect(memory.low).toBe(true);
  await clock.run({ ms: 60_000 });
  state.free = MEMORY_RESERVE_BYTES;
  memory.watch();
  expect(memory.low).toBe(false);
});

test("memory is not checked where the machine gives no limit", () => {
  const { clock, memory } = bench(undefined);
  expect([memory.low, clock.pending]).toEqual([false, 0]);
});

test("clients that are held are refused one by one, before any session is ended", async () => {
  const { clock, state, memory } = bench(MEMORY_RESERVE_BYTES - 1_500);
  state.held = 4;
  await clock.run({ ms: 100 });
  expect([state.held, state.sessions, memory.shed, memory.low]).toEqual([2, 3, 0, false]);
  state.free = 0;
  state.held = 1;
  memory.watch();
  await clock.run({ ms: 15 });
  expect([state.held, state.sessions, memory.shed]).toEqual([0, 3, 0]);
  await clock.run({ ms: 10 });
  expect([state.held, state.sessions, memory.shed]).toEqual([0, 2, 1]);
});
