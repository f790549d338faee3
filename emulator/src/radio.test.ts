import { expect, test } from "vitest";
import { VirtualClock } from "./clock.ts";
import { Radio } from "./radio.ts";

function station() {
  const clock = new VirtualClock();
  const told: string[] = [];
  const radio = new Radio({
    clock,
    address: "10.0.0.7",
    rssi: -54,
    joinMs: 800,
    onChanged: online => told.push(`stack ${online} at ${clock.now()}`),
  });
  radio.watch(() => told.push(`program ${radio.address} at ${clock.now()}`));
  return { clock, radio, told };
}

test("the address comes when joining takes its time, and the stack hears of it first", async () => {
  const { clock, radio, told } = station();
  radio.join();
  await clock.run({ ms: 799 });
  expect([radio.address, told]).toEqual([undefined, []]);
  await clock.run({ ms: 1 });
  expect(told).toEqual(["stack true at 800", "program 10.0.0.7 at 800"]);
});

test("joining twice is joining once", async () => {
  const { clock, radio, told } = station();
  radio.join();
  await clock.run({ ms: 500 });
  radio.join();
  await clock.run();
  expect(told).toEqual(["stack true at 800", "program 10.0.0.7 at 800"]);
});

test("a radio that leaves loses its address at once, and may join again", async () => {
  const { clock, radio, told } = station();
  radio.join();
  await clock.run();
  told.length = 0;
  radio.leave();
  expect(told).toEqual(["stack false at 800", "program undefined at 800"]);
  radio.join();
  await clock.run();
  expect(radio.address).toBe("10.0.0.7");
});

test("left before it has joined, it never joins, and nobody is told", async () => {
  const { clock, radio, told } = station();
  radio.join();
  await clock.run({ ms: 500 });
  radio.leave();
  radio.leave();
  await clock.run();
  expect([radio.address, told, clock.pending]).toEqual([undefined, [], 0]);
});
