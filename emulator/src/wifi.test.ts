import { expect, test } from "vitest";
import { VirtualClock } from "./clock.ts";
import { WifiStation } from "./wifi.ts";

function station() {
  const clock = new VirtualClock();
  const calls: string[] = [];
  const wifi = new WifiStation({
    clock,
    address: "10.0.0.7",
    rssi: -54,
    joinMs: 800,
    onAir: online => calls.push(`air ${online} at ${clock.now()}`),
    onChanged: online => calls.push(`stack ${online} at ${clock.now()}`),
    onReaddressed: () => calls.push(`stack readdressed at ${clock.now()}`),
  });
  wifi.watch(() => calls.push(`program ${wifi.address} at ${clock.now()}`));
  return { clock, wifi, calls };
}

test("the address is known after the time to join, and the stack is called first", async () => {
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run({ ms: 799 });
  expect([wifi.address, calls]).toEqual([undefined, []]);
  await clock.run({ ms: 1 });
  expect(calls).toEqual(["air true at 800", "stack true at 800", "program 10.0.0.7 at 800"]);
});

test("joining twice joins once", async () => {
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run({ ms: 500 });
  wifi.join();
  await clock.run();
  expect(calls).toEqual(["air true at 800", "stack true at 800", "program 10.0.0.7 at 800"]);
});

test("a station that leaves loses its address at once, and may join again", async () => {
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run();
  calls.length = 0;
  wifi.leave();
  expect(calls).toEqual(["stack false at 800", "program undefined at 800"]);
  wifi.join();
  await clock.run();
  expect(wifi.address).toBe("10.0.0.7");
});

test("left before it has joined, it never joins, and no callback is called", async () => {
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run({ ms: 500 });
  wifi.leave();
  wifi.leave();
  await clock.run();
  expect([wifi.address, calls, clock.pending]).toEqual([undefined, [], 0]);
});

test("a Wi-Fi that drops is away for its time: first the network, then the stack, then the program is called", async () => {
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run();
  calls.length = 0;
  wifi.drop(20_000);
  expect(wifi.address).toBeUndefined();
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
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run();
  calls.length = 0;
  wifi.drop(1000);
  wifi.drop(500);
  await clock.run({ ms: 600 });
  wifi.drop(2000);
  await clock.run();
  expect(calls.filter(line => line.startsWith("program"))).toEqual([
    "program undefined at 800",
    "program 10.0.0.7 at 3400",
  ]);
});

test("power off during a drop: it stays away until join", async () => {
  const { clock, wifi } = station();
  wifi.join();
  await clock.run();
  wifi.drop(1000);
  wifi.leave();
  wifi.drop(1000);
  await clock.run();
  expect(wifi.address).toBeUndefined();
  wifi.join();
  await clock.run();
  expect(wifi.address).toBe("10.0.0.7");
});

test("a program that throws in the callback ends the board: nothing joins afterwards", async () => {
  const { clock, wifi } = station();
  wifi.join();
  await clock.run();
  wifi.watch(() => wifi.leave());
  wifi.drop(1000);
  await clock.run();
  expect([wifi.address, clock.pending]).toEqual([undefined, 0]);
});

test("an address that DHCP renews is another one: first the stack, then the program is called; it stays after a drop", async () => {
  const { clock, wifi, calls } = station();
  wifi.join();
  await clock.run();
  calls.length = 0;
  wifi.renew("10.0.0.7");
  expect(calls).toEqual([]);
  wifi.renew("10.0.0.8");
  expect(calls).toEqual(["stack readdressed at 800", "program 10.0.0.8 at 800"]);
  wifi.drop(100);
  await clock.run();
  expect(wifi.address).toBe("10.0.0.8");
});

test("renewed before it has joined, it joins with the new address", async () => {
  const { clock, wifi, calls } = station();
  wifi.renew("10.0.0.8");
  wifi.join();
  await clock.run();
  expect([wifi.address, calls.at(-1)]).toEqual(["10.0.0.8", "program 10.0.0.8 at 800"]);
});
