import { describe, expect, test } from "vitest";
import { VirtualClock } from "./clock.ts";
import { DhcpServer } from "./dhcp.ts";
import { defineWiFi } from "./io/wifi.ts";
import { Station } from "./station.ts";
import { Tasks } from "./tasks.ts";

const JOIN_MS = 800;
const FIXED = { address: "10.0.0.50", mask: "255.255.255.0", gateway: "10.0.0.1" };

/** A station, its driver, and what both report, in order. */
function station() {
  const clock = new VirtualClock();
  const calls: string[] = [];
  const dhcp = new DhcpServer("10.0.0.7");
  const wifi = new Station({
    link: "wifi",
    hasPhy: true,
    clock,
    dhcp,
    rssi: -54,
    joinMs: JOIN_MS,
    onAir: online => calls.push(`air ${online}`),
    onChanged: online => calls.push(`stack ${online}`),
    onReaddressed: () => calls.push("connections are reset"),
    onAddress: address => calls.push(`network ${address}`),
  });
  const tasks = new Tasks(clock, 16, reason => calls.push(reason));
  const driver = new (defineWiFi(wifi, tasks))({
    onChanged: property => calls.push(`${property}: ${driver.connection} ${driver.address}`),
  });
  return { clock, dhcp, wifi, driver, calls };
}

async function joined() {
  const all = station();
  all.driver.connect({ SSID: "home" });
  await all.clock.run({ ms: JOIN_MS });
  all.calls.length = 0;
  return all;
}

test("the driver joins: associated first, with an address then", async () => {
  const { clock, driver, calls } = station();
  expect([driver.connection, driver.address, driver.RSSI]).toEqual([200, undefined, undefined]);
  driver.connect({ SSID: "home", password: "password-1" });
  expect(driver.connection).toBe(300);
  expect(() => driver.connect({ SSID: "home" })).toThrow("already connecting");
  await clock.run({ ms: JOIN_MS });
  expect(calls).toEqual([
    "air true",
    "network 10.0.0.7",
    "stack true",
    "connection: 400 10.0.0.7",
    "connection: 500 10.0.0.7",
    "address: 500 10.0.0.7",
  ]);
  expect([driver.MAC, driver.RSSI]).toEqual(["24:0a:c4:00:00:01", -54]);
});

test("an access point that is away is not found, which is one event", async () => {
  const { clock, wifi, driver, calls } = station();
  wifi.drop(10_000);
  driver.connect({ SSID: "home" });
  await clock.run({ ms: 5_000 });
  expect([calls, driver.connection]).toEqual([["connection: 200 undefined"], 200]);
});

test("a program that leaves the network gets no event, and may join again", async () => {
  const { clock, driver, calls } = await joined();
  driver.disconnect();
  await clock.run({ ms: 1_000 });
  expect([calls, driver.connection]).toEqual([["air false", "stack false"], 200]);
  driver.connect({ SSID: "home" });
  await clock.run({ ms: JOIN_MS });
  expect([driver.connection, driver.address]).toEqual([500, "10.0.0.7"]);
  expect(calls).not.toContain("connections are reset");
});

test("a network that is lost is an event, and the connections are reset if the next address is another", async () => {
  const { clock, dhcp, wifi, driver, calls } = await joined();
  wifi.drop(1_000);
  dhcp.address = "10.0.0.8";
  await clock.run({ ms: 1_000 });
  expect(calls).toEqual(["air false", "stack false", "connection: 200 undefined"]);
  driver.connect({ SSID: "home" });
  await clock.run({ ms: JOIN_MS });
  expect(calls.slice(4, 6)).toEqual(["connections are reset", "network 10.0.0.8"]);
});

describe("a lease", () => {
  test("is renewed at half of its time, without an event", async () => {
    const { clock, dhcp, driver, calls } = await joined();
    await clock.run({ ms: 3 * dhcp.ms });
    expect([calls.filter(text => text.startsWith("connection:")), driver.connection]).toEqual([
      [],
      500,
    ]);
    expect(dhcp.requests).toBe(7);
    expect(dhcp.last).toEqual({ hostname: "espressif", wanted: "10.0.0.7" });
  });

  test("that is refused is replaced by another, the connections are reset, and the driver says nothing", async () => {
    const { clock, dhcp, driver, calls } = await joined();
    dhcp.address = "10.0.0.8";
    await clock.run({ ms: dhcp.ms / 2 });
    expect(calls).toEqual([
      "connections are reset",
      "stack false",
      "network 10.0.0.8",
      "stack true",
    ]);
    expect([driver.connection, driver.address]).toEqual([500, "10.0.0.8"]);
  });

  test("that a silent server does not renew ends at its end: an IPv6 address is left", async () => {
    const { clock, dhcp, driver, wifi } = await joined();
    dhcp.answers = false;
    await clock.run({ ms: dhcp.ms - 1 });
    expect(driver.address).toBe("10.0.0.7");
    await clock.run({ ms: 1 });
    expect([driver.connection, driver.address, wifi.address]).toEqual([500, "fe80::1", undefined]);
    dhcp.answers = true;
    await clock.run({ ms: 60_000 });
    expect(driver.address).toBe("10.0.0.7");
  });

  test("has the DNS servers of the last renewal", async () => {
    const { clock, dhcp, wifi } = await joined();
    dhcp.dnsServers = ["10.0.0.53"];
    expect(wifi.interfaceState?.dnsServers).toEqual([]);
    await clock.run({ ms: dhcp.ms / 2 });
    expect(wifi.interfaceState).toMatchObject({
      netmask: "255.255.0.0",
      gateway: "10.0.255.254",
      dnsServers: ["10.0.0.53"],
    });
  });

  test("is searched for after 2, 4, 8, 16, 32 s, and then once a minute", async () => {
    const { clock, dhcp, driver } = station();
    dhcp.answers = false;
    driver.connect({ SSID: "home" });
    const seenMs: number[] = [];
    let requests = 0;
    await clock.run({
      ms: 200_000,
      until: () => {
        if (dhcp.requests > requests) seenMs.push(clock.now() - JOIN_MS);
        requests = dhcp.requests;
        return false;
      },
    });
    expect(seenMs).toEqual([0, 2_000, 6_000, 14_000, 30_000, 62_000, 122_000, 182_000]);
    expect(driver.connection).toBe(400);
  });
});

describe("configure", () => {
  test("before joining: the host name is in the request, a static address needs none", async () => {
    const { clock, dhcp, driver } = station();
    driver.configure({ hostname: "potato" });
    driver.connect({ SSID: "home" });
    await clock.run({ ms: JOIN_MS });
    expect(dhcp.last).toEqual({ hostname: "potato" });
    driver.disconnect();
    driver.configure({ static: FIXED });
    driver.connect({ SSID: "home" });
    await clock.run({ ms: JOIN_MS });
    expect([driver.connection, driver.address, dhcp.requests]).toEqual([500, "10.0.0.50", 1]);
    driver.disconnect();
    expect(driver.address).toBe("10.0.0.50"); // of the interface, although it has no network
  });

  test.each([
    [{ hostname: "p".repeat(33) }, "set hostname failed"],
    [{ static: { ...FIXED, address: "10.0.0.256" } }, "invalid address"],
    [{ static: { ...FIXED, mask: "" } }, "invalid mask"],
    [{ static: { ...FIXED, gateway: "router" } }, "invalid gateway"],
  ])("refuses %j", (options, error) => {
    expect(() => station().driver.configure(options)).toThrow(error);
  });
});

test("without power the station has no network, and no settings of the program", async () => {
  const { wifi, driver } = await joined();
  driver.configure({ hostname: "potato", static: FIXED });
  wifi.leave();
  expect([wifi.address, wifi.hostname, wifi.interfaceAddress]).toEqual([
    undefined,
    "espressif",
    undefined,
  ]);
});

test("from a static address to DHCP there is no address until the lease, which is reported once", async () => {
  const { clock, driver, calls } = await joined();
  driver.configure({ static: FIXED });
  await clock.run({ ms: 100 });
  calls.length = 0;
  driver.configure({ static: false });
  expect(calls).toEqual(["connections are reset", "stack false", "network 10.0.0.7", "stack true"]);
});
