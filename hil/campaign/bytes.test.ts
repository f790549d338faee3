import { expect, test } from "vitest";
import { bytesOf, StreamCheck } from "./bytes.ts";

const receives = (...pieces: Buffer[]) => {
  const listening = new StreamCheck(7, 1_000, "END");
  for (const piece of pieces) listening.feed(piece);
  return { correct: listening.correct, complete: listening.complete };
};
const END = Buffer.from("END");

test("a stream is known wherever it is cut, and complete with its last byte", () => {
  expect(receives(bytesOf(7, 0, 400))).toEqual({ correct: true, complete: false });
  expect(receives(bytesOf(7, 0, 400), bytesOf(7, 400, 600), END)).toEqual({
    correct: true,
    complete: true,
  });
  const whole = Buffer.concat([bytesOf(7, 0, 1_000), END]);
  expect(receives(whole.subarray(0, 1_001), whole.subarray(1_001))).toEqual({
    correct: true,
    complete: true,
  });
});

test.each([
  ["a byte is lost", [bytesOf(7, 0, 400), bytesOf(7, 401, 599)]],
  ["a byte comes twice", [bytesOf(7, 0, 400), bytesOf(7, 399, 10)]],
  ["two pieces change places", [bytesOf(7, 400, 400), bytesOf(7, 0, 400)]],
  ["it is another stream", [bytesOf(8, 0, 400)]],
  ["more comes than there is", [bytesOf(7, 0, 1_000), Buffer.from("ENDs")]],
  ["the tail is wrong", [bytesOf(7, 0, 1_000), Buffer.from("AND")]],
])("a stream is not correct when %s", (_what, pieces) => {
  expect(receives(...pieces)).toEqual({ correct: false, complete: false });
});
