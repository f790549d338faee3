import { expect, test } from "vitest";
import { machineWith } from "./engine-snapshots.ts";

const DAY_MS = 86_400_000;

/** A board that only counts: the clock's answer after `days`, in which it is not read. */
function after(days: number, text: string): number {
  let nowMs = 0;
  let alarmMs = Number.POSITIVE_INFINITY;
  const machine = machineWith("clock", {
    now: () => nowMs,
    answer: ([word, ms]) => {
      if (word === "alarm")
        alarmMs = Number(ms) < 0 ? Number.POSITIVE_INFINITY : nowMs + Number(ms);
      return "";
    },
  });
  machine.command(text);
  const endMs = days * DAY_MS;
  for (; alarmMs < endMs; machine.ringAlarm()) {
    nowMs = alarmMs;
    alarmMs = Number.POSITIVE_INFINITY;
  }
  nowMs = endMs;
  const answer = Number(machine.command(""));
  machine.end();
  return answer;
}

test.each([1, 24, 25, 50, 400])(
  "after %i days without a question the chip's clock is right",
  days => {
    expect(after(days, "keep-counting")).toBe(days * DAY_MS);
  },
);

test("without keepCounting the clock is wrong after 25 days: the ticks have wrapped", () => {
  expect(after(25, "")).not.toBe(25 * DAY_MS);
});
