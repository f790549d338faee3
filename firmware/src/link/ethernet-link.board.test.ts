import { expect, test } from "vitest";
import { ourEthernetBoard } from "../../../emulator/proxy/firmware-board.ts";
import { parseLine } from "../../../firmware/tools/log-line.ts";
import { get, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, says } from "../../../hil/kit/emulated-lab.ts";

const FIXED = { address: "10.0.0.99", netmask: "255.255.0.0", gateway: "10.0.255.254" };

async function labOf(settings: object = {}) {
  const lab = new EmulatedLab(ourEthernetBoard(), { dhcp: true });
  lab.backend("a", says("a"));
  await lab.serve({ adminPort: 8404, inspect: [], ...settings }, { token: TOKEN });
  return lab;
}

async function answer(lab: EmulatedLab): Promise<string> {
  const client = lab.connect();
  const received = collect(client);
  client.write("hello");
  await lab.clock.run({ until: () => received.text !== "" || client.closed, ms: 60_000 });
  return received.text;
}

/** The lines of the link: its address, or what has become of it. */
function net(lab: EmulatedLab): string[] {
  const lines = lab.lines.flatMap(line => parseLine(line) ?? []).filter(({ on }) => on === "net");
  return lines.map(({ what, values }) => what ?? values.ip!);
}

test("the board joins by cable without credentials, and serves", async () => {
  const lab = await labOf();
  expect(await answer(lab)).toBe("a: hello");
  expect(lab.events("net").map(({ values }) => values)).toEqual([
    { ip: "10.0.0.1", name: "hot-potato", by: "dhcp" },
  ]);
  expect(lab.dhcp!.last).toEqual({ hostname: "hot-potato" });
  const { kind, mac } = lab.board.platform!.link;
  expect([kind, mac]).toEqual(["ethernet", expect.stringMatching(/^24:0a:c4:/)]);
  const status = JSON.parse((await get(lab, "/api/status")).body);
  expect(status.network).toMatchObject({ kind: "ethernet", by: "dhcp" });
});

test("the cable is pulled out: clients wait, and are served when it is plugged in again", async () => {
  const lab = await labOf();
  lab.wifiDrop(30_000);
  await lab.clock.run({ ms: 100 });
  expect([net(lab), lab.board.platform!.link.address]).toEqual([["10.0.0.1", "lost"], undefined]);
  await lab.clock.run({ ms: 60_000 });
  expect(net(lab)).toEqual(["10.0.0.1", "lost", "join-failed", "10.0.0.1"]);
  expect(await answer(lab)).toBe("a: hello");
});

test("a board that starts without a cable says so, and serves as soon as there is one", async () => {
  const lab = new EmulatedLab(ourEthernetBoard(), { dhcp: true });
  lab.backend("a", says("a"));
  const serving = lab.serve({ inspect: [] });
  lab.wifiDrop(120_000);
  await serving;
  expect(net(lab)).toEqual([...Array(5).fill("join-failed"), "10.0.0.1"]);
  expect(await answer(lab)).toBe("a: hello");
});

test("without a PHY the log says so again and again, and the console works", async () => {
  const lab = new EmulatedLab(ourEthernetBoard(), { dhcp: true, hasPhy: false });
  lab.backend("a", says("a"));
  lab.boot({ inspect: [] }); // it is never ready
  await lab.clock.run({ ms: 10_000 });
  const said = lab.lines.filter(line => line.includes("net: join-failed"));
  expect(said[0]).toContain('error="Error: no Ethernet PHY answers"');
  expect(said.length).toBeGreaterThan(2);
  expect([lab.board.isRunning, lab.board.fatal]).toEqual([true, undefined]);
});

test("a static address needs no DHCP server, but a cable", async () => {
  const lab = await labOf({ network: FIXED });
  expect(lab.events("net")[0].values).toMatchObject({ ip: FIXED.address, by: "static" });
  lab.dhcp!.answers = false;
  lab.wifiDrop(25_000);
  await lab.clock.run({ ms: 15_000 });
  expect(lab.board.platform!.link.address).toBe(undefined);
  await lab.clock.run({
    until: () => lab.board.platform!.link.address === FIXED.address,
    ms: 60_000,
  });
  expect(await answer(lab)).toBe("a: hello");
});

test("wifi on the console of a board with Ethernet is refused in words", async () => {
  const lab = await labOf();
  const outcome = lab.app?.runtime.joinWifi("home", "secret");
  expect(outcome).toEqual({ complaints: ["wifi: this machine has no Wi-Fi"] });
});
