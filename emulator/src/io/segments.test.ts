import { expect, test } from "vitest";
import { esp32 } from "../boards/esp32.ts";
import { Segments } from "./segments.ts";
import type { Stack } from "./stack.ts";

const KIND = { ...esp32(), segmentBytes: 100, segmentsQueuedMax: 3 };

/** Segments of a stack of which they see three members. */
function queue() {
  const stack = {
    kind: KIND,
    held: 0,
    hold: (bytes: number) => {
      stack.held += bytes;
    },
    hasHeap: () => true,
  };
  return { stack, segments: new Segments(stack as unknown as Stack) };
}

test("a write that needs more places than are left takes none of them", () => {
  const { segments } = queue();
  expect(segments.add(150, false)).toBe(true);
  expect(segments.add(101, false)).toBe(false);
  expect(segments.add(100, false)).toBe(true);
});

test("a full queue takes nothing more, even where its last segment has room", () => {
  const { segments } = queue();
  expect(segments.add(201, false)).toBe(true);
  expect(segments.add(1, true)).toBe(false);
  segments.acked(100);
  expect(segments.add(99, true)).toBe(true);
});

test("a segment is freed when all of it is acknowledged, and with it all that it took", () => {
  const { stack, segments } = queue();
  segments.add(10, false);
  const one = stack.held;
  expect(one).toBeGreaterThan(KIND.segmentBytes);
  segments.add(90, true);
  segments.add(1, false);
  expect(stack.held).toBe(2 * one);
  segments.acked(99);
  expect(stack.held).toBe(2 * one);
  segments.acked(1);
  expect(stack.held).toBe(one);
  segments.clear();
  expect(stack.held).toBe(0);
});
