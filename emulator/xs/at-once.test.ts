import { expect, test } from "vitest";
import { atOnce } from "./at-once.ts";

test("the error of a task is thrown when no task is under way any more, and no further one has started", async () => {
  let underWay = 0;
  let started = 0;
  const tasks = Array.from({ length: 1_000 }, (_, i) => async () => {
    started++;
    underWay++;
    await Promise.resolve();
    if (i !== 0) for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    underWay--;
    if (i === 0) throw Error("cannot compile");
  });
  await expect(atOnce(tasks)).rejects.toThrow("cannot compile");
  expect(underWay).toBe(0);
  expect(started).toBeLessThan(1_000);
});

test("every task runs, each once", async () => {
  const ran: number[] = [];
  await atOnce(Array.from({ length: 100 }, (_, i) => async () => void ran.push(i)));
  expect(ran.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
});
