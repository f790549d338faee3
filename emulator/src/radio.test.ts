import { expect, test } from "vitest";
import { VirtualClock } from "./clock.ts";
import { Radio } from "./radio.ts";

function station() {
  const clock = new VirtualClock();
  const calls: string[] = [];
  const radio = new Radio({
    clock,
    address: "10.0.0.7",
    rssi: -54,
    joinMs: 800,
    onAir: online => calls.push(`air ${online} at ${clock.now()}`),
    onChanged: online => calls.push(`stack ${online} at ${clock.now()}`),
    onReaddressed: () => calls.push(`stack readdressed at ${clock.now()}`),
  });
  radio.watch(() => calls.push(`program ${radio.address} at ${clock.now()}`));
  return { clock, radio, calls };
}

test("the address is known after the time to join, and the stack is called first", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run({ ms: 799 });
  expect([radio.address, calls]).toEqual([undefined, []]);
  await clock.run({ ms: 1 });
  expect(calls).toEqual(["air true at 800", "stack true at 800", "program 10.0.0.7 at 800"]);
});

test("joining twice joins once", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run({ ms: 500 });
  radio.join();
  await clock.run();
  expect(calls).toEqual(["air true at 800", "stack true at 800", "program 10.0.0.7 at 800"]);
});

test("a radio that leaves loses its address at once, and may join again", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run();
  calls.length = 0;
  radio.leave();
  expect(calls).toEqual(["stack false at 800", "program undefined at 800"]);
  radio.join();
  await clock.run();
  expect(radio.address).toBe("10.0.0.7");
});

test("left before it has joined, it never joins, and no callback is called", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run({ ms: 500 });
  radio.leave();
  radio.leave();
  await clock.run();
  expect([radio.address, calls, clock.pending]).toEqual([undefined, [], 0]);
});

test("a Wi-Fi that drops is away for its time: first the network, then the stack, then the program is called", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run();
  calls.length = 0;
  radio.drop(20_000);
  expect(radio.address).toBeUndefined();
  await clock.run();
  expect(calls).toEqual([
    "air false at 800",
    "stack false at 800",
    "program undefined at 800",
    "air true at 20800",
    "stack true at 20800",
    "program 10.0.0.7 at 20800",
  ]);
});

test("dropped again meanwhile, it returns once, when the later drop ends", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run();
  calls.length = 0;
  radio.drop(1000);
  radio.drop(500);
  await clock.run({ ms: 600 });
  radio.drop(2000);
  await clock.run();
  expect(calls.filter(line => line.startsWith("program"))).toEqual([
    "program undefined at 800",
    "program 10.0.0.7 at 3400",
  ]);
});

test("power off during a drop: it stays away until join", async () => {
  const { clock, radio } = station();
  radio.join();
  await clock.run();
  radio.drop(1000);
  radio.leave();
  radio.drop(1000);
  await clock.run();
  expect(radio.address).toBeUndefined();
  radio.join();
  await clock.run();
  expect(radio.address).toBe("10.0.0.7");
});

test("a program that throws in the callback ends the board: nothing joins afterwards", async () => {
  const { clock, radio } = station();
  radio.join();
  await clock.run();
  radio.watch(() => radio.leave());
  radio.drop(1000);
  await clock.run();
  expect([radio.address, clock.pending]).toEqual([undefined, 0]);
});

test("an address that DHCP renews is another one: first the stack, then the program is called; it stays after a drop", async () => {
  const { clock, radio, calls } = station();
  radio.join();
  await clock.run();
  calls.length = 0;
  radio.renew("10.0.0.7");
  expect(calls).toEqual([]);
  radio.renew("10.0.0.8");
  expect(calls).toEqual(["stack readdressed at 800", "program 10.0.0.8 at 800"]);
  radio.drop(100);
  await clock.run();
  expect(radio.address).toBe("10.0.0.8");
});

test("renewed before it has joined, it joins with the new address", async () => {
  const { clock, radio, calls } = station();
  radio.renew("10.0.0.8");
  radio.join();
  await clock.run();
  expect([radio.address, calls.at(-1)]).toEqual(["10.0.0.8", "program 10.0.0.8 at 800"]);
});
