import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { change, documentOf } from "../../../hil/kit/admin-lab.ts";
import { get, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { NETWORK_TRIAL_MS } from "../config/network.ts";
import { ADDRESS_CHECK_MS } from "./network-link.ts";

const FIXED = { address: "10.0.0.99", netmask: "255.255.0.0", gateway: "10.0.255.254" };

async function labOf(settings: object = {}, leaseMs = 86_400_000): Promise<EmulatedLab> {
  const lab = new EmulatedLab(undefined, { dhcp: true });
  lab.dhcp!.ms = leaseMs;
  lab.backend("a", answersUnlessHeld);
  await lab.serve({ adminPort: 8404, ...settings }, { token: TOKEN });
  return lab;
}

/** A backend that never answers "hold". */
function answersUnlessHeld(socket: MockSocket): void {
  socket.once("data", (bytes: Buffer) => {
    if (!bytes.includes("hold")) socket.end(`a: ${bytes}`);
  });
}

/** Runs the board until it has another address than now. */
async function rejoined(lab: EmulatedLab, address: string): Promise<void> {
  await lab.clock.run({
    until: () => lab.board.platform!.link.address === address,
    ms: NETWORK_TRIAL_MS,
  });
  expect(lab.board.platform!.link.address).toBe(address);
}

const addresses = (lab: EmulatedLab) => lab.events("net").map(({ values }) => values);

describe("DHCP", () => {
  test("sees the host name, and its address, netmask, router and DNS servers are those of the board", async () => {
    const lab = await labOf({ network: { hostname: "potato-2" } });
    const { link } = lab.board.platform!;
    lab.dhcp!.dnsServers = ["10.0.0.53"];
    expect(lab.dhcp!.last).toEqual({ hostname: "potato-2" });
    expect(addresses(lab)).toEqual([
      { ip: "10.0.0.1", name: "potato-2", by: "dhcp", rssi: expect.any(String) },
    ]);
    expect(link.interfaceState).toMatchObject({ netmask: "255.255.0.0", gateway: "10.0.255.254" });
    await lab.clock.run({ ms: lab.dhcp!.ms }); // renewed at half of its time
    expect(link.dnsServers).toEqual(["10.0.0.53"]);
  });

  test("gives another address at a renewal: the driver is silent, and within 10 s the log names it", async () => {
    const lab = await labOf({}, 120_000);
    lab.dhcp!.address = "10.0.0.77";
    const client = lab.connect();
    const received = collect(client);
    client.write("hold");
    await lab.clock.run({ ms: 50_000 });
    expect([client.closed, addresses(lab).length]).toEqual([false, 1]);
    await lab.clock.run({ until: () => client.closed });
    expect(received.error).toBe("ECONNRESET");
    const renewedMs = lab.clock.now();
    await lab.clock.run({ until: () => addresses(lab).length === 2 });
    expect(lab.clock.now() - renewedMs).toBeLessThanOrEqual(ADDRESS_CHECK_MS);
    expect(addresses(lab)[1].ip).toBe("10.0.0.77");
    expect(await lab.ask("hello")).toContain("a: hello");
  });

  test("that is silent does not take the address before the lease ends; then the board looks for a server without an end", async () => {
    const lab = await labOf();
    const { dhcp } = lab;
    dhcp!.answers = false;
    await lab.clock.run({ ms: dhcp!.ms - 60_000 });
    expect(lab.board.platform!.link.address).toBe("10.0.0.1");
    await lab.clock.run({ ms: 120_000 });
    expect(lab.board.platform!.link.address).toBe(undefined);
    expect(lab.events("net", "lost")).toHaveLength(1);
    await lab.clock.run({ ms: 600_000 });
    dhcp!.answers = true;
    await rejoined(lab, "10.0.0.1");
    expect(await lab.ask("hello")).toContain("a: hello");
  });
});

describe("a static address", () => {
  test("is used after a start, and the board sends nothing to the DHCP server", async () => {
    const lab = await labOf({ network: { ...FIXED, dns: ["9.9.9.9"] } });
    expect(addresses(lab)).toMatchObject([{ ip: "10.0.0.99", name: "hot-potato", by: "static" }]);
    expect(lab.board.platform!.link.dnsServers).toEqual(["9.9.9.9"]);
    expect(lab.dhcp!.requests).toBe(0);
    expect(await lab.ask("hello")).toContain("a: hello");
  });

  test("that is new is saved when a request with the token arrives over it", async () => {
    const lab = await labOf();
    const answer = await change(lab, { network: FIXED });
    expect(JSON.parse(answer.body).done).toBe(
      "in force; it is saved after a trial of 120 s if a request, with the token if one is set, arrives at 10.0.0.99",
    );
    await rejoined(lab, "10.0.0.99");
    await get(lab, "/api/status", { token: TOKEN });
    await lab.clock.run({ ms: NETWORK_TRIAL_MS });
    expect(lab.events("config", "saved")).toHaveLength(1);
    lab.board.reset();
    await rejoined(lab, "10.0.0.99");
  });

  test.each<[string, (lab: EmulatedLab) => unknown]>([
    ["no request arrives over it", () => undefined],
    ["only requests without the token arrive over it", lab => get(lab, "/api/status")],
  ])("that is new is taken back if %s", async (_, meanwhile) => {
    const lab = await labOf();
    lab.app!.runtime.setKey("network", FIXED);
    await rejoined(lab, "10.0.0.99");
    await meanwhile(lab);
    await lab.clock.run({ ms: NETWORK_TRIAL_MS });
    await rejoined(lab, "10.0.0.1");
    expect(lab.events("config", "rolled-back").at(-1)!.values).toEqual({ why: "unconfirmed" });
    expect((await get(lab, "/api/status", { token: TOKEN })).status).toBe(200);
    expect(await documentOf(lab)).not.toHaveProperty("network");
  });

  test("that is new is not confirmed by a request that arrives before the network is left", async () => {
    const lab = await labOf();
    lab.app!.runtime.setKey("network", FIXED);
    await get(lab, "/api/status", { token: TOKEN });
    expect(lab.board.wifi.address).toBe("10.0.0.1");
    await lab.clock.run({ ms: NETWORK_TRIAL_MS + 1_000 });
    expect(lab.events("config", "rolled-back").at(-1)!.values).toEqual({ why: "unconfirmed" });
  });

  test("that is on trial is gone after a power cut", async () => {
    const lab = await labOf();
    lab.app!.runtime.setKey("network", FIXED);
    await rejoined(lab, "10.0.0.99");
    const powerOn = lab.powerLoss();
    await lab.clock.run({ ms: 5_000 });
    powerOn();
    await rejoined(lab, "10.0.0.1");
  });

  test("is left for DHCP when the key is emptied, which is on trial, too", async () => {
    const lab = await labOf({ network: FIXED });
    lab.app!.runtime.setKey("network", {});
    await rejoined(lab, "10.0.0.1");
    await get(lab, "/api/status", { token: TOKEN });
    await lab.clock.run({ ms: NETWORK_TRIAL_MS });
    expect(lab.events("config", "saved")).toHaveLength(1);
    expect(lab.board.platform!.link.address).toBe("10.0.0.1");
  });
});

test("a network without a DHCP server is one that locks out: the static address comes back", async () => {
  const lab = await labOf({ network: FIXED });
  lab.dhcp!.answers = false;
  lab.app!.runtime.setKey("network", { hostname: "potato-2" });
  await lab.clock.run({ ms: NETWORK_TRIAL_MS + 30_000 });
  await rejoined(lab, "10.0.0.99");
  expect(lab.events("config", "rolled-back").at(-1)!.values).toEqual({ why: "no-network" });
});

test("another host name is sent to the DHCP server, and on trial; other DNS servers are used at once, and saved after 30 s", async () => {
  const lab = await labOf();
  expect(lab.app!.runtime.setKey("network.hostname", "potato-2")).toMatchObject({
    done: expect.stringMatching(/ 120 s if .* arrives at the address that DHCP gives then$/),
  });
  expect(lab.board.platform!.link.address).toBe(undefined);
  await rejoined(lab, "10.0.0.1");
  expect(lab.dhcp!.last?.hostname).toBe("potato-2");
  await get(lab, "/api/status", { token: TOKEN });
  await lab.clock.run({ ms: NETWORK_TRIAL_MS });
  expect(lab.events("config", "saved")).toHaveLength(1);

  lab.app!.runtime.setKey("network.dns", ["9.9.9.9"]);
  expect(lab.board.platform!.link).toMatchObject({ address: "10.0.0.1", dnsServers: ["9.9.9.9"] });
  await lab.clock.run({ ms: 31_000 });
  expect(lab.events("config", "saved")).toHaveLength(2);
});

test("without an admin port a new address needs no request", async () => {
  const lab = await labOf({ adminPort: 0 });
  lab.app!.runtime.setKey("network", FIXED);
  await lab.clock.run({ ms: NETWORK_TRIAL_MS + 1_000 });
  expect(lab.events("config", "saved")).toHaveLength(1);
  expect(lab.board.wifi.address).toBe("10.0.0.99");
});

test("a Wi-Fi that is away for a minute is joined again, and the DHCP server gives the address", async () => {
  const lab = await labOf();
  lab.wifiDrop(60_000);
  await lab.clock.run({ ms: 59_000 });
  expect(lab.events("net", "join-failed").length).toBeGreaterThan(3);
  await rejoined(lab, "10.0.0.1");
  expect(await lab.ask("hello")).toContain("a: hello");
});
