import { expect, test } from "vitest";
import { VirtualClock } from "../../../emulator/src/clock.ts";
import fc from "../../../hil/kit/properties.ts";
import { Deadlines, type Timed } from "./deadlines.ts";

/** A clock that counts the alarms that are set on it, and objects that note when they expire. */
function bench() {
  const clock = new VirtualClock();
  let alarms = 0;
  const deadlines = new Deadlines({
    now: () => clock.now(),
    after: (ms, task) => {
      alarms++;
      return clock.after(ms, task);
    },
  });
  const expired: [string, number][] = [];
  const failures: unknown[] = [];
  const timed = (name: string, task = () => {}): Timed => ({
    deadlineMs: 0,
    place: -1,
    expired: () => {
      expired.push([name, clock.now()]);
      task();
    },
    failed: error => failures.push(error),
  });
  return { clock, deadlines, timed, expired, failures, alarms: () => alarms };
}

test("of many objects each expires once, to the millisecond, however its deadline was moved", async () => {
  const step = fc.record({
    object: fc.nat(4),
    ms: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    pauseMs: fc.nat(40),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async steps => {
      const { clock, deadlines, timed, expired } = bench();
      const objects = Array.from({ length: 5 }, (_, index) => timed(String(index)));
      const due = new Map<string, number>();
      const wanted: [string, number][] = [];
      const pass = async (ms: number) => {
        await clock.run({ ms });
        for (const [name, atMs] of due) {
          if (atMs > clock.now()) continue;
          wanted.push([name, atMs]);
          due.delete(name);
        }
      };
      for (const { object, ms, pauseMs } of steps) {
        if (ms === undefined) {
          deadlines.cancel(objects[object]);
          due.delete(String(object));
        } else {
          deadlines.setDeadline(objects[object], ms);
          due.set(String(object), clock.now() + ms);
        }
        await pass(pauseMs);
      }
      await pass(100);
      const inOrder = (one: [string, number], other: [string, number]) =>
        one[1] - other[1] || one[0].localeCompare(other[0]);
      expect(expired.toSorted(inOrder)).toEqual(wanted.toSorted(inOrder));
      expect(expired.map(([, atMs]) => atMs)).toEqual(
        wanted.map(([, ms]) => ms).toSorted((a, b) => a - b),
      );
      await clock.run();
      expect(clock.pending).toBe(0);
    }),
  );
});

test("a deadline that is moved with each byte, and sessions that follow each other, set one alarm a second", async () => {
  const { clock, deadlines, timed, expired, alarms } = bench();
  for (let session = 0; session < 100; session++) {
    const one = timed(String(session));
    for (let byte = 0; byte < 10; byte++) {
      deadlines.setDeadline(one, 1000);
      await clock.run({ ms: 1 });
    }
    deadlines.cancel(one);
  }
  expect([alarms(), expired]).toEqual([2, []]);
});

test("what expires may set its deadline again, cancel another's, and throw", async () => {
  const { clock, deadlines, timed, expired, failures } = bench();
  const other = timed("other");
  const again = timed("again", () => {
    if (clock.now() < 30) deadlines.setDeadline(again, 10);
    deadlines.cancel(other);
    throw new Error("bug");
  });
  deadlines.setDeadline(again, 10);
  deadlines.setDeadline(other, 10);
  await clock.run();
  expect(expired).toEqual([
    ["again", 10],
    ["again", 20],
    ["again", 30],
  ]);
  expect(failures).toHaveLength(3);
});
