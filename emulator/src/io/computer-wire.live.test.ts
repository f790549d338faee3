import dgram from "node:dgram";
import { networkInterfaces } from "node:os";
import { decode, encode } from "dns-packet";
import { seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Resolver } from "../../../firmware/src/dns/resolver.ts";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { RealClock } from "../clock.ts";
import type { BoardPlatform } from "../platform.ts";
import { BroadcastDomain } from "./broadcast-domain.ts";
import { computerWire, type LookUp, lookUp, SERVICES_ADDRESS } from "./computer-wire.ts";

/** A board on this computer's network, with a resolver that knows its names by itself. */
async function bench(resolve: LookUp, broadcasts?: BroadcastDomain) {
  const board = new Board({
    kind: { ...esp32({ sockets: "own" }), joinMs: 0 },
    clock: new RealClock(),
    wire: computerWire(resolve, broadcasts),
    random: seeded(1),
    publish: () => undefined,
  });
  const platform = await new Promise<BoardPlatform>(go =>
    board.boot(given => given.link.watch(() => go(given))),
  );
  return { platform, stop: () => board.unplug() };
}

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "nas.home": ["10.0.0.9", "10.0.0.8"],
  "nas.local": ["10.0.0.7"],
};

test("a board's names are resolved as those of this computer's programs, .local and the time servers' included", async () => {
  const asked: string[] = [];
  const { platform, stop } = await bench(async name => {
    asked.push(name);
    if (name === "broken.home") throw new Error("EAI_AGAIN");
    return NAMES[name] ?? [];
  });
  try {
    const resolver = new Resolver({
      platform,
      report: () => {},
      servers: () => [SERVICES_ADDRESS],
    });
    const resolved = (name: string) => new Promise(go => resolver.resolve(name, go));
    const ttlMs = 30_000;
    expect(await resolved("nas.home")).toEqual({ addresses: ["10.0.0.9", "10.0.0.8"], ttlMs });
    expect(await resolved("nas.local")).toEqual({ addresses: ["10.0.0.7"], ttlMs });
    expect(await resolved("other.home")).toEqual({ failure: "no-such-name" });
    expect(await resolved("broken.home")).toEqual({ failure: "refused" });
    expect(await resolved("0.pool.ntp.org")).toEqual({ addresses: [SERVICES_ADDRESS], ttlMs });
    expect(asked.filter(name => name.includes("ntp"))).toEqual([]);
  } finally {
    stop();
  }
});

test("the computer's own name has its address", async () => {
  expect(await lookUp("localhost")).toContain("127.0.0.1");
});

test("the time server tells the computer's time, to clients only", async () => {
  const { platform, stop } = await bench(async () => []);
  try {
    const query = new Uint8Array(48);
    query[0] = 0x23; // version 4, client
    query.set([1, 2, 3, 4, 5, 6, 7, 8], 40);
    const answer = await new Promise<Buffer>(go => {
      const udp = new platform.UDP({ onReadable: () => go(Buffer.from(udp.read()!)) });
      udp.write(query, SERVICES_ADDRESS, 123);
    });
    expect([answer[0], answer[1]]).toEqual([0x24, 1]);
    expect([...answer.subarray(24, 32)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const ms = (answer.readUInt32BE(40) - 2_208_988_800) * 1000;
    expect(Math.abs(Date.now() - ms)).toBeLessThan(10_000);
  } finally {
    stop();
  }
});

test("a datagram to any other address or port leaves as it is", async () => {
  const { platform, stop } = await bench(async () => ["10.0.0.1"]);
  const peer = dgram.createSocket("udp4");
  try {
    const received = new Promise<string>(go => peer.on("message", bytes => go(String(bytes))));
    await new Promise<void>(go => peer.bind(0, "127.0.0.1", go));
    const query = encode({ type: "query", id: 1, questions: [{ type: "A", name: "nas.home" }] });
    new platform.UDP({}).write(query, "127.0.0.1", peer.address().port);
    expect(decode(Buffer.from(await received, "latin1")).id).toBe(1);
  } finally {
    stop();
    peer.close();
  }
});

test("what is sent to all hosts stays on the loopback interface, and programs of this process receive it without a port", async () => {
  const broadcasts = new BroadcastDomain();
  const { platform, stop } = await bench(async () => [], broadcasts);
  const peer = dgram.createSocket("udp4");
  try {
    await new Promise<void>(go => peer.bind(0, go));
    const { port } = peer.address();
    const heard: string[] = [];
    peer.on("message", (bytes, from) => heard.push(`peer: ${bytes} from ${from.address}`));
    const here = broadcasts.createSocket("udp4");
    here.on("message", (bytes: Buffer) => heard.push(`here: ${bytes}`));
    here.bind(port);
    const udp = new platform.UDP({});
    udp.write(Buffer.from("wake"), "255.255.255.255", port);
    await expect.poll(() => heard).toEqual(["here: wake", "peer: wake from 127.0.0.1"]);

    const own = Object.values(networkInterfaces())
      .flatMap(addresses => addresses ?? [])
      .filter(({ family, netmask }) => family === "IPv4" && netmask === "255.255.255.0");
    for (const { address } of own) {
      heard.length = 0;
      udp.write(Buffer.from("wake"), address.replace(/\d+$/, "255"), port);
      await expect.poll(() => heard).toEqual(["here: wake", "peer: wake from 127.0.0.1"]);
    }
    here.close();
    heard.length = 0;
    udp.write(Buffer.from("again"), "127.255.255.255", port);
    await expect.poll(() => heard).toEqual(["peer: again from 127.0.0.1"]);
  } finally {
    stop();
    peer.close();
  }
});
