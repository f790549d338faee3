import type { Answer } from "dns-packet";
import multicastDns, { type MulticastDNS } from "multicast-dns";
import { seeded } from "net-mock-socket";
import { afterEach, expect, test } from "vitest";
import { configurationOf, FirmwareBoard, ourBoard } from "../../emulator/proxy/firmware-board.ts";
import { MDNS_PORT } from "../kit/mdns-peer.ts";
import { browse } from "./named-boards.ts";

// An emulated board on real sockets, found by multicast-dns: on the loopback interface, whose packets no other host receives.

const LOOPBACK = "127.0.0.1";

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A board with this name, and its log from the moment on when it has claimed one. */
async function named(hostname: string): Promise<string> {
  let claim = (_name: string) => {};
  const claimed = new Promise<string>(resolve => {
    claim = resolve;
  });
  const board = new FirmwareBoard({
    kind: { ...ourBoard(), joinMs: 0 },
    random: seeded(1),
    multicast: true,
    publish: port => (port === MDNS_PORT ? { port, host: "0.0.0.0" } : { port: 0, host: LOOPBACK }),
    onLine: line => {
      const name = / mdns: claimed name=(\S+)/.exec(line)?.[1];
      if (name !== undefined) claim(name);
    },
  });
  ends.push(() => {
    board.app?.stop();
    board.unplug();
  });
  const document = {
    backends: [{ address: LOOPBACK, port: 1 }],
    health: { check: "none" },
    network: { hostname },
  };
  board.bootFirmware(configurationOf(document), { build: "live" });
  return claimed;
}

/** multicast-dns as another host on the loopback interface. */
function peer(): MulticastDNS {
  const other = multicastDns({ interface: LOOPBACK, bind: "0.0.0.0" });
  ends.push(() => other.destroy());
  return other;
}

test("a board is found by browsing, with its name, ports, version and build", async () => {
  const name = await named("live-browsed");
  const boards = await browse(1000, [LOOPBACK]);
  expect(boards.find(board => board.name === name)).toMatchObject({
    name: "live-browsed.local",
    address: LOOPBACK,
    port: 80,
    adminPort: 8404,
    build: "live",
  });
});

test("multicast-dns resolves the board's name and its services", async () => {
  await named("live-resolved");
  const other = peer();
  const answers = new Map<string, unknown>();
  const all = new Promise<void>(resolve => {
    other.on("response", ({ answers: given }) => {
      collect(given);
      if (answers.size === 3) resolve();
    });
  });
  const collect = (given: readonly Answer[]) => {
    for (const answer of given) {
      if (/^live-resolved(\._http._tcp)?\.local$/.test(answer.name))
        answers.set(answer.type, (answer as { data: unknown }).data);
    }
  };
  const asking = setInterval(() => {
    other.query([
      { name: "live-resolved.local", type: "A" },
      { name: "live-resolved._http._tcp.local", type: "SRV" },
      { name: "live-resolved._http._tcp.local", type: "TXT" },
    ]);
  }, 300);
  ends.push(() => clearInterval(asking));
  await all;
  expect(answers.get("A")).toBe(LOOPBACK);
  expect(answers.get("SRV")).toMatchObject({ port: 8404, target: "live-resolved.local" });
  expect(String(answers.get("TXT"))).toBe("path=/");
});

test("a name that multicast-dns defends goes to the other host; the board takes the next one", async () => {
  const other = peer();
  other.on("query", ({ questions }) => {
    if (!questions.some(({ name }) => name === "live-taken.local")) return;
    other.respond([{ name: "live-taken.local", type: "A", ttl: 120, data: "192.0.2.1" }]);
  });
  expect(await named("live-taken")).toBe("live-taken-2.local");
});
