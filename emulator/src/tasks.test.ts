import { expect, test } from "vitest";
import { VirtualClock } from "./clock.ts";
import { type Message, Tasks } from "./tasks.ts";

function queue(lengthMax = 10) {
  const clock = new VirtualClock();
  const served: string[] = [];
  const fatal: { reason: string; error?: unknown }[] = [];
  const tasks = new Tasks(clock, lengthMax, (reason, error) => fatal.push({ reason, error }));
  const post = (name: string, then?: () => void) => {
    const message: Message = {
      next: undefined,
      deliver() {
        served.push(name);
        then?.();
      },
    };
    tasks.post(message);
  };
  return { clock, tasks, served, fatal, post };
}

test("events are served in the order in which they were posted, never inside the call", async () => {
  const { clock, served, post } = queue();
  post("a");
  post("b");
  expect(served).toEqual([]);
  await clock.run();
  expect(served).toEqual(["a", "b"]);
});

test("an event that posts is served to its end first; the one that it posted is served last", async () => {
  const { clock, served, post } = queue();
  post("a", () => {
    post("posted by a");
    served.push("end of a");
  });
  post("b");
  await clock.run();
  expect(served).toEqual(["a", "end of a", "b", "posted by a"]);
});

test("the queue serves again after it ran empty", async () => {
  const { clock, served, post } = queue();
  post("a");
  await clock.run();
  post("b");
  await clock.run();
  expect(served).toEqual(["a", "b"]);
});

test("a full queue is served; one event more is fatal, once, and nothing is served", async () => {
  const fits = queue(3);
  for (const name of ["a", "b", "c"]) fits.post(name);
  await fits.clock.run();
  expect(fits.served).toEqual(["a", "b", "c"]);
  expect(fits.fatal).toEqual([]);

  const full = queue(3);
  for (const name of ["a", "b", "c", "d"]) full.post(name);
  await full.clock.run();
  expect(full.served).toEqual([]);
  expect(full.fatal).toEqual([
    { reason: "event queue full: 3 events wait, and none is being served" },
  ]);
});

test("the event in progress takes no place in the queue, those behind it do", async () => {
  const { clock, fatal, post } = queue(2);
  post("a", () => post("in the place of a"));
  post("b");
  await clock.run();
  expect(fatal).toEqual([]);

  post("c", () => {
    post("in the place of c");
    post("one too many");
  });
  post("d");
  await clock.run();
  expect(fatal).toHaveLength(1);
});

test("an exception is fatal with its reason, and waiting events are dropped", async () => {
  const { clock, served, fatal, post } = queue();
  const error = new Error("a bug");
  post("a", () => {
    throw error;
  });
  post("b");
  await clock.run();
  expect(served).toEqual(["a"]);
  expect(fatal).toEqual([{ reason: "unhandled exception", error }]);

  post("after a reboot");
  await clock.run();
  expect(served).toEqual(["a", "after a reboot"]);
});

test("power lost while an event is served: the others are never served", async () => {
  const { clock, tasks, served, post } = queue();
  post("a", () => tasks.clear());
  post("b");
  await clock.run();
  expect(served).toEqual(["a"]);
});

test("while the task is stalled events wait, also in the middle of a turn", async () => {
  const { clock, tasks, served, post } = queue();
  post("a", () => tasks.stall(50));
  post("b");
  await clock.run({ ms: 49 });
  post("c");
  expect([served, tasks.busyMs]).toEqual([["a"], 1]);
  tasks.stall(0.5); // shorter than it is stalled anyway
  await clock.run({ ms: 1 });
  expect(served).toEqual(["a", "b", "c"]);
});

test("an interrupt's event is dropped by a full queue, and nothing is fatal", async () => {
  const { clock, tasks, served, fatal, post } = queue(1);
  const interrupt = { next: undefined, deliver: () => served.push("interrupt") };
  post("a");
  expect(tasks.offer(interrupt)).toBe(false);
  await clock.run();
  expect(tasks.offer(interrupt)).toBe(true);
  await clock.run();
  expect([served, fatal]).toEqual([["a", "interrupt"], []]);
});

test("a reset ends a hang: what is posted afterwards is served", async () => {
  const { clock, tasks, served, post } = queue();
  tasks.stall(2 ** 31 - 1);
  post("hangs");
  tasks.clear();
  post("after the reset");
  await clock.run({ ms: 10 });
  expect(served).toEqual(["after the reset"]);
});
