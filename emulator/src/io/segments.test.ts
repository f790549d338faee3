import { expect, test } from "vitest";
import { esp32 } from "../boards/esp32.ts";
import { Segments } from "./segments.ts";

const KIND = { ...esp32(), segmentBytes: 100, segmentsQueuedMax: 3 };

function queue() {
  const account = {
    held: 0,
    hold: (bytes: number) => {
      account.held += bytes;
    },
    hasHeap: () => true,
  };
  return { account, segments: new Segments(KIND, account) };
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
  const { account, segments } = queue();
  segments.add(10, false);
  const one = account.held;
  expect(one).toBeGreaterThan(KIND.segmentBytes);
  segments.add(90, true);
  segments.add(1, false);
  expect(account.held).toBe(2 * one);
  segments.acked(99);
  expect(account.held).toBe(2 * one);
  segments.acked(1);
  expect(account.held).toBe(one);
  segments.clear();
  expect(account.held).toBe(0);
});

test("a segment that is trimmed takes the memory of its bytes, and nothing is added to it", () => {
  const { account, segments } = queue();
  segments.add(100, false);
  const overhead = account.held - 100;
  segments.trim();
  expect(account.held).toBe(100 + overhead);
  segments.add(10, false);
  segments.trim();
  expect(account.held).toBe(110 + 2 * overhead);
  segments.add(10, true);
  expect(segments.count).toBe(3);
  expect(account.held).toBe(210 + 3 * overhead);
  segments.acked(120);
  expect(account.held).toBe(0);
});

test("memory that is not worth a copy stays with its segment", () => {
  const { account, segments } = queue();
  segments.add(69, false);
  const whole = account.held;
  segments.trim();
  expect(account.held).toBe(whole);
  segments.add(31, true);
  expect(segments.count).toBe(1);
});
