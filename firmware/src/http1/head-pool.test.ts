import { expect, test } from "vitest";
import { MEMORY_RESERVE_BYTES } from "../net/memory-reserve.ts";
import type { Platform } from "../platform.ts";
import { BUFFER_BYTES } from "./head.ts";
import { HeadPool, LONG_HEADS_BYTES } from "./head-pool.ts";

const LIMITS = { headBytesMax: 9_216, headLinesMax: 101 };

function bench({ limits = LIMITS, free = undefined as number | undefined } = {}) {
  const vitals = { freeHeapBytes: free };
  const room = { heldBytes: 0, platform: { vitals } as unknown as Platform };
  return { room, vitals, heads: new HeadPool(limits, room) };
}

/** A head of so many bytes, as far as there is room for it. */
function read(heads: HeadPool, bytes: number) {
  const head = heads.take("request");
  const text = `GET /${"a".repeat(bytes - 20)} HTTP/1.1\r\n\r\n`;
  for (let at = 0; at < text.length && head.error === undefined; at += 1_436) {
    head.feed(Buffer.from(text.slice(at, at + 1_436)));
    head.keep();
  }
  return head;
}

test("a long head claims what it holds, a short one nothing, and all of it is given back", () => {
  const { room, heads } = bench();
  const short = read(heads, BUFFER_BYTES);
  expect(short.done).toBe(true);
  expect(room.heldBytes).toBe(0);
  const long = read(heads, LIMITS.headBytesMax);
  expect(long.done).toBe(true);
  expect(room.heldBytes).toBe(LIMITS.headBytesMax);
  heads.give(long);
  heads.give(short);
  expect(room.heldBytes).toBe(0);
});

test("all heads together stay within the bound: the one that does not fit is 503, and fits when another is gone", () => {
  const { room, heads } = bench();
  const held = Array.from({ length: 12 }, () => read(heads, LIMITS.headBytesMax));
  const whole = held.filter(({ done }) => done);
  expect(whole.length).toBeGreaterThanOrEqual(2);
  expect(whole.length).toBeLessThan(12);
  expect(new Set(held.map(({ error }) => error))).toEqual(new Set([undefined, 503]));
  expect(room.heldBytes).toBeLessThanOrEqual(LONG_HEADS_BYTES);
  for (const head of held) heads.give(head);
  expect(room.heldBytes).toBe(0);
  expect(read(heads, LIMITS.headBytesMax).done).toBe(true);
});

test("while memory is low a long head is refused, and a short one is read", () => {
  const { room, vitals, heads } = bench({ free: MEMORY_RESERVE_BYTES + LIMITS.headBytesMax });
  expect(read(heads, LIMITS.headBytesMax).done).toBe(true);
  vitals.freeHeapBytes = MEMORY_RESERVE_BYTES + LIMITS.headBytesMax - 1;
  expect(read(heads, LIMITS.headBytesMax).error).toBe(503);
  vitals.freeHeapBytes = 0;
  const heldBytes = room.heldBytes;
  expect(read(heads, BUFFER_BYTES).done).toBe(true);
  expect(room.heldBytes).toBe(heldBytes);
});

test.each([512, 9_216, 16_384])(
  "with heads of %i bytes one session alone may hold its head, the target once more and the head rewritten",
  headBytesMax => {
    const { room, heads } = bench({ limits: { headBytesMax, headLinesMax: 101 } });
    const head = read(heads, headBytesMax);
    expect(head.done).toBe(true);
    expect(heads.claim(headBytesMax)).toBe(true);
    expect(heads.claim(headBytesMax + 512)).toBe(true);
    heads.unclaim(headBytesMax + 512);
    heads.unclaim(headBytesMax);
    heads.give(head);
    expect(room.heldBytes).toBe(0);
  },
);

test("heads of an earlier configuration count, too", () => {
  const { room, heads } = bench();
  const later = new HeadPool(LIMITS, room);
  const head = read(heads, LIMITS.headBytesMax);
  expect(later.claim(later.bytesMax)).toBe(false);
  heads.give(head);
  expect(later.claim(later.bytesMax)).toBe(true);
});
