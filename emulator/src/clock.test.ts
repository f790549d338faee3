import { expect, test } from "vitest";
import { RealClock, VirtualClock } from "./clock.ts";

/** Sets alarms at these times; what rang, and when. */
function ringing(clock: VirtualClock, ...times: number[]): string[] {
  const rung: string[] = [];
  times.forEach((ms, i) => {
    clock.after(ms, () => rung.push(`${"abcdefgh"[i]}@${clock.now()}`));
  });
  return rung;
}

test("virtual time advances only in run", async () => {
  const clock = new VirtualClock();
  const rung = ringing(clock, 0, 5);
  await new Promise(resolve => setImmediate(resolve));
  expect([clock.now(), rung]).toEqual([0, []]);
});

test("alarms ring at their time, those of one instant in the order in which they were set", async () => {
  const clock = new VirtualClock();
  const rung = ringing(clock, 30, 10, 20, 10, 0, 30);
  expect(await clock.run()).toBe(true);
  expect(rung).toEqual(["e@0", "b@10", "d@10", "c@20", "a@30", "f@30"]);
});

test("however many alarms there are, they ring in order", async () => {
  const clock = new VirtualClock();
  const rung: number[] = [];
  const times = Array.from({ length: 500 }, (_, i) => (i * 7919) % 257);
  for (const ms of times) clock.after(ms, () => rung.push(clock.now()));
  await clock.run();
  expect(rung).toEqual(times.sort((a, b) => a - b));
});

test("an alarm set for now rings after those that are already due, and not inside the call", async () => {
  const clock = new VirtualClock();
  const rung: string[] = [];
  clock.after(5, () => {
    clock.after(0, () => rung.push("set by the first"));
    rung.push("first");
  });
  clock.after(5, () => rung.push("second"));
  await clock.run();
  expect(rung).toEqual(["first", "second", "set by the first"]);
  expect(clock.now()).toBe(5);
});

test("an alarm in the past rings now: time never goes back", async () => {
  const clock = new VirtualClock();
  await clock.run({ ms: 10 });
  const rung = ringing(clock, -5);
  await clock.run();
  expect(rung).toEqual(["a@10"]);
});

test("a pause too short for the numbers of the clock still moves the time", async () => {
  const clock = new VirtualClock();
  await clock.run({ ms: 36_401.29 });
  const start = clock.now();
  expect(start + 3e-12).toBe(start);
  let rung = 0;
  clock.after(3e-12, () => {
    rung = clock.now();
  });
  await clock.run();
  expect(rung).toBeGreaterThan(start);
});

test("a cancelled alarm never rings, and cancelling late or twice does nothing", async () => {
  const clock = new VirtualClock();
  const rung: string[] = [];
  const first = clock.after(1, () => rung.push("first"));
  const second = clock.after(2, () => rung.push("second"));
  second();
  second();
  expect(clock.pending).toBe(1);
  await clock.run();
  first();
  expect(rung).toEqual(["first"]);
  expect(clock.pending).toBe(0);
});

test("among thousands of cancelled alarms the others ring in their order", async () => {
  const clock = new VirtualClock();
  const rung: number[] = [];
  const expected: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const at = 1 + ((i * 7919) % 1000);
    const cancel = clock.after(at, () => rung.push(at));
    if (i % 50 === 0) expected.push(at);
    else clock.after(0, cancel);
  }
  await clock.run();
  expect(rung).toEqual(expected.sort((a, b) => a - b));
  expect(clock.pending).toBe(0);
});

test("run stops after so many milliseconds, and the next run goes on from there", async () => {
  const clock = new VirtualClock();
  const rung = ringing(clock, 10, 11);
  expect(await clock.run({ ms: 10 })).toBe(false);
  expect([clock.now(), rung]).toEqual([10, ["a@10"]]);
  expect(await clock.run({ ms: 10 })).toBe(true);
  expect([clock.now(), rung]).toEqual([20, ["a@10", "b@11"]]);
});

test("run stops as soon as its condition holds, and returns false when it never will", async () => {
  const clock = new VirtualClock();
  const rung = ringing(clock, 10, 20, 30);
  expect(await clock.run({ until: () => rung.length === 2 })).toBe(true);
  expect(clock.now()).toBe(20);
  expect(await clock.run({ until: () => rung.length === 4 })).toBe(false);
  expect(clock.now()).toBe(30);
});

test("promises settle between two alarms", async () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  clock.after(1, () => {
    void Promise.resolve()
      .then(() => {})
      .then(() => order.push("promise"));
  });
  clock.after(1, () => order.push("alarm"));
  await clock.run();
  expect(order).toEqual(["promise", "alarm"]);
});

test("real time: alarms ring after the call, in order; cancelled ones never", async () => {
  const clock = new RealClock();
  const start = clock.now();
  const rung: string[] = [];
  clock.after(0, () => rung.push("cancelled"))();
  clock.after(1, () => rung.push("cancelled too"))();
  clock.after(0, () => rung.push("now"));
  expect(rung).toEqual([]);
  await new Promise<void>(resolve => clock.after(2, resolve));
  expect(rung).toEqual(["now"]);
  expect(clock.now()).toBeGreaterThan(start);
});
