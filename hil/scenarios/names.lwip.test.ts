import { Network, seeded } from "net-mock-socket";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import { PeerNetwork } from "../../emulator/lwip/peer-network.ts";
import { configurationOf, FirmwareBoard, ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import { DnsServer, FORGED_ADDRESS } from "../../emulator/src/dns-server.ts";
import { xsFirmware } from "../../emulator/xs/firmware.ts";

// Host names with the firmware's own UDP over the chip's TCP stack: the DNS server is a port of the peer's lwIP.

const NAME = "nas.home";

let clock: VirtualClock;
let peers: PeerNetwork;
let dns: DnsServer;
let board: FirmwareBoard;
let lines: string[];

beforeEach(() => {
  clock = new VirtualClock();
  peers = new PeerNetwork(inject("firmwareBoard")!, clock);
  dns = new DnsServer({ clock, host: peers });
  lines = [];
  board = new FirmwareBoard({
    kind: ourBoard(),
    clock,
    wire: new Network({ clock }).host("board"), // nothing is plugged into this network
    address: BOARD_ADDRESS,
    dnsServers: [PEER_ADDRESS],
    random: seeded(1),
    heldBytes: () => peers.heldBytes,
    onLine: line => lines.push(line),
  });
  const server = peers.createServer({ allowHalfOpen: false, noDelay: true });
  server.on("connection", socket => {
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    socket.on("error", () => {}); // the board is switched off at the end
  });
  server.listen({ port: 8080 });
});

afterEach(() => board.unplug());

async function boot(): Promise<void> {
  const backends = [{ name: "nas", address: NAME, port: 8080 }];
  const time = { server: "" }; // or its name would be asked for as well
  const configuration = configurationOf({ backends, time, health: { check: "none" } });
  board.bootFirmware(configuration, {}, (given, options) => xsFirmware(given, options, peers));
  await clock.run({ ms: 5_000 });
}

/** The first line of the answer to a request. */
async function get(): Promise<string> {
  const client = peers.connect({
    host: BOARD_ADDRESS,
    port: 80,
    allowHalfOpen: false,
    noDelay: true,
  });
  let received = "";
  client.on("data", bytes => {
    received += String(bytes);
  });
  client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await clock.run({ until: () => received.includes("\r\n\r\n"), ms: 60_000 });
  client.destroy();
  return received.split("\r\n")[0];
}

test("a backend by name is resolved and reached, and asked for again when its time is up", async () => {
  dns.set(NAME, [PEER_ADDRESS], 5);
  await boot();
  expect(await get()).toBe("HTTP/1.1 200 OK");
  await clock.run({ ms: 20_000 });
  expect(dns.asked.length).toBeGreaterThan(3);
  expect(new Set(dns.asked)).toEqual(new Set([NAME]));
  expect(lines.filter(line => /^[EW] /.test(line))).toEqual([]);
});

test("an answer is believed only with the question's id, and silence for ten minutes changes nothing", async () => {
  dns.set(NAME, [PEER_ADDRESS], 5);
  await boot();
  dns.fault = "wrong-id";
  await clock.run({ ms: 60_000 });
  dns.fault = "silent";
  await clock.run({ ms: 600_000 });
  expect(await get()).toBe("HTTP/1.1 200 OK");
  expect(lines.join("\n")).not.toContain(FORGED_ADDRESS);
  expect(board.fatal).toBeUndefined();
});
