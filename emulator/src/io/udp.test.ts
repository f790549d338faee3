import { expect, test } from "vitest";
import { esp32 } from "../boards/esp32.ts";
import type { UDP } from "../platform.ts";
import { bytes, onBench, text } from "../testing.ts";

// Read from modules/io/socket/lwip/udp.c @ 48ee02d; the function is named with each test.

async function talking() {
  const bench = onBench();
  const platform = await bench.online();
  const peer = bench.network.host("peer");
  const received: string[] = [];
  const socket = peer.createSocket("udp4", (message, from) => {
    received.push(`${message} ${from.address}:${from.port}`);
  });
  socket.bind(7000);
  const counts: number[] = [];
  const udp: UDP = new platform.UDP({ port: 9000, onReadable: count => counts.push(count) });
  const send = (what: string) => socket.send(Buffer.from(what), 9000, "board");
  return { ...bench, platform, peer, received, counts, udp, send };
}

test("a datagram arrives whole, with its sender (xs_udp_read)", async () => {
  const { clock, udp, send, peer } = await talking();
  send("hello");
  send("");
  await clock.run();
  const datagram = udp.read()!;
  expect([text(datagram), datagram.address, datagram.port]).toEqual(["hello", peer.address, 7000]);
  expect(udp.read()?.byteLength).toBe(0);
  expect(udp.read()).toBe(undefined);
});

test("a datagram goes to the address and port that write names (xs_udp_write)", async () => {
  const { clock, udp, received, peer, board } = await talking();
  expect(udp.write(bytes("ping"), peer.address, 7000)).toBe(undefined);
  await clock.run();
  expect(received).toEqual([`ping ${board.wifi.address}:9000`]);
});

test("one onReadable counts all that wait; those left are announced with the next (udpDeliver)", async () => {
  const { clock, udp, send, counts } = await talking();
  for (const what of ["a", "b", "c"]) send(what);
  await clock.run();
  expect(counts).toEqual([3]);
  udp.read();
  await clock.run({ ms: 1000 });
  expect(counts).toEqual([3]);
  send("d");
  await clock.run();
  expect(counts).toEqual([3, 3]);
});

test("a datagram that was read before its event was delivered is not announced (udpDeliver)", async () => {
  const { clock, udp, send, counts } = await talking();
  send("a");
  let early: ArrayBuffer | undefined;
  await clock.run({
    until: () => {
      early ??= udp.read();
      return early !== undefined;
    },
  });
  await clock.run();
  expect([text(early), counts]).toEqual(["a", []]);
});

test("the queue is limited by the heap: further datagrams are lost, and the board goes on (udpReceive)", async () => {
  const bench = onBench({ kind: { ...esp32(), heapBytes: 3000 } });
  const { UDP, vitals } = await bench.online();
  const udp = new UDP({ port: 9000 });
  const socket = bench.network.host("peer").createSocket("udp4");
  for (let i = 0; i < 10; i++) socket.send(Buffer.alloc(900), 9000, "board");
  await bench.clock.run();
  expect(vitals.freeHeapBytes).toBe(0);
  let got = 0;
  while (udp.read() !== undefined) got++;
  expect(got).toBe(3);
  expect([vitals.freeHeapBytes, vitals.heapFloorBytes]).toEqual([3000, 0]);
  expect(bench.board.fatal).toBe(undefined);
});

test("larger than a frame: a datagram leaves in fragments, and never arrives (CONFIG_LWIP_IP4_REASSEMBLY)", async () => {
  const { clock, udp, received, peer, counts, network } = await talking();
  udp.write(new Uint8Array(5000).fill(65), peer.address, 7000);
  const socket = network.host("peer").createSocket("udp4");
  socket.send(Buffer.alloc(1473), 9000, "board");
  await clock.run();
  expect([received.length, counts]).toEqual([1, []]);
  socket.send(Buffer.alloc(1472), 9000, "board");
  await clock.run();
  expect(counts).toEqual([1]);
});

test("options are refused in the port's order and words (xs_udp_constructor)", async () => {
  const bench = onBench();
  const { UDP } = bench.boot();
  expect(() => new UDP({ onReadable: 1 as never, port: -1 })).toThrow("not a function");
  expect(() => new UDP({ port: -1 })).toThrow("no network");
  await bench.clock.run({ ms: 2000 });
  for (const port of [-1, 65_536]) {
    expect(() => new UDP({ port })).toThrow(new RangeError("invalid port"));
  }
  for (const timeToLive of [0, 256]) {
    expect(() => new UDP({ timeToLive })).toThrow(new RangeError("invalid timeToLive"));
  }
  expect(() => new UDP({ format: "number" })).toThrow(new RangeError("invalid format"));
  const first = new UDP({ port: 9000, target: 7, format: "" });
  expect([first.target, first.format]).toEqual([7, "buffer"]);
  expect(() => (first.format = "number")).toThrow(RangeError);
  expect(() => new UDP({ port: 9000 })).toThrow("bind failed");
  first.close();
  new UDP({ port: 9000 });
  for (let i = 1; i < 16; i++) new UDP({});
  expect(() => new UDP({})).toThrow(new RangeError("no socket"));
});

test("the arguments of a write are read in the port's order: address, port, bytes (xs_udp_write)", async () => {
  const { clock, udp, received, peer } = await talking();
  const symbol = Symbol("no") as never;
  const write = udp.write as (...given: unknown[]) => void;
  for (const given of [
    [symbol, "10.0.0.2", 1],
    [bytes("x"), symbol, 1],
    [bytes("x"), "1.1", symbol],
  ]) {
    expect(() => write.apply(udp, given)).toThrow(TypeError);
  }
  expect(() => write.call(udp, symbol, "no", 1)).toThrow(new RangeError("invalid IP address"));
  for (const given of [[], [bytes("x")], [bytes("x"), "10.0.0.2"]]) {
    expect(() => write.apply(udp, given)).toThrow(SyntaxError);
  }
  const [a, b, c, d] = peer.address.split(".").map(Number);
  write.call(udp, bytes("short"), `${a}.${(b * 256 + c) * 256 + d}`, "7000.5");
  write.call(udp, bytes("wrapped"), peer.address, 65_536 + 7000);
  await clock.run();
  expect(received.map(line => line.split(" ")[0])).toEqual(["short", "wrapped"]);
});

test("its members take no other receiver (xsmcGetHostDataValidate)", async () => {
  const { udp, platform } = await talking();
  const { prototype } = platform.UDP;
  const foreign: unknown[] = [{}, [], "a string", undefined, platform.TCP, new platform.TCP()];
  for (const receiver of foreign) {
    for (const member of ["read", "write", "add", "remove", "close"] as const) {
      const call = prototype[member] as (...given: unknown[]) => unknown;
      expect(() => call.call(receiver, bytes("x"), "10.0.0.2", 1), member).toThrow(SyntaxError);
    }
    expect(Reflect.get(prototype, "format", receiver as object)).toBe("buffer"); // JavaScript in udp.js
  }
  expect(udp.read()).toBe(undefined);
});

test("where to send is checked in each write, and a lost network throws (resolveIP, xs_udp_write)", async () => {
  const { udp, board, peer } = await talking();
  for (const address of ["backend.local", "300.1.1.1", ""]) {
    expect(() => udp.write(bytes("x"), address, 1)).toThrow(new RangeError("invalid IP address"));
  }
  expect(() => udp.write("text" as never, peer.address, 1)).toThrow(TypeError);
  board.wifi.drop(1000);
  expect(() => udp.write(bytes("x"), peer.address, 7000)).toThrow("UDP send failed");
});

test("after close no callback is called, and every call throws (xs_udp_close)", async () => {
  const { clock, udp, send, counts, platform, network } = await talking();
  const before = platform.vitals.freeHeapBytes;
  send("a");
  await clock.run({ until: () => platform.vitals.freeHeapBytes < before }); // it waits, announced
  udp.close();
  udp.close();
  send("b");
  await clock.run();
  expect(counts).toEqual([]);
  expect(platform.vitals.freeHeapBytes).toBe(before);
  expect(() => udp.read()).toThrow(SyntaxError);
  expect(() => udp.write(bytes("x"), "10.0.0.2", 1)).toThrow(SyntaxError);
  expect(network.netstat("board")).toEqual([]);
});

test("without power a socket is closed, and its heap free again", async () => {
  const { clock, send, board, counts, network } = await talking();
  send("a");
  board.unplug();
  await clock.run();
  expect([counts, network.netstat("board"), board.heap.freeBytes]).toEqual([
    [],
    [],
    esp32().heapBytes,
  ]);
});

test("what is not modelled throws", async () => {
  const { udp, platform } = await talking();
  const not = /^not emulated: /;
  expect(() => udp.add("224.0.0.251")).toThrow(not);
  expect(() => udp.remove("224.0.0.251")).toThrow(not);
  expect(() => udp.add("255.255.255.255")).toThrow("broadcast is not multicast");
  expect(() => udp.write(bytes("x"), "255.255.255.255", 9)).toThrow(not);
  expect(() => udp.write(bytes("x"), "224.0.0.251", 5353)).toThrow(not);
  expect(() => udp.write(bytes("x"), "fe80::1", 1)).toThrow(not);
  expect(() => udp.write(new Uint8Array(65_508), "10.0.0.2", 1)).toThrow(not);
  expect(() => new platform.UDP({ timeToLive: 1 })).toThrow(not);
  const { network } = onBench();
  const { connect, createServer } = network.host("board");
  const bare = onBench({ wire: { connect, createServer } });
  const { UDP } = await bare.online();
  expect(() => new UDP({})).toThrow("not emulated: UDP on this wire");
});

// The firmware's own class: firmware/native/binding-udp.c and datagrams.c, as udp.lwip.test.ts has them on real lwIP.

async function talkingOwn(heapBytes?: number) {
  const kind = esp32({ sockets: "own" });
  const bench = onBench({ kind: heapBytes === undefined ? kind : { ...kind, heapBytes } });
  const platform = await bench.online();
  const socket = bench.network.host("peer").createSocket("udp4");
  socket.bind(7000);
  const send = (count: number, bytes: number) => {
    for (let i = 0; i < count; i++) socket.send(Buffer.alloc(bytes), 9000, "board");
  };
  return { ...bench, platform, send, peer: bench.network.host("peer"), socket };
}

test("own sockets: the queue is bounded by number and by bytes, and what is dropped is counted", async () => {
  const { clock, platform, send } = await talkingOwn();
  const { freeHeapBytes } = platform.vitals;
  const counts: number[] = [];
  const udp = new platform.UDP({ port: 9000, onReadable: count => counts.push(count) });
  const open = platform.vitals.freeHeapBytes;
  expect(freeHeapBytes - open).toBe(228);
  send(19, 1);
  await clock.run();
  expect([counts, udp.dropped]).toEqual([[16], 3]);
  expect(open - platform.vitals.freeHeapBytes).toBe(16 * 37);
  while (udp.read() !== undefined);
  send(7, 1400);
  await clock.run();
  expect([counts, udp.dropped]).toEqual([[16, 5], 5]);
  udp.close();
  expect(platform.vitals.freeHeapBytes).toBe(freeHeapBytes);
});

test("own sockets: without memory no socket is opened, what arrives is dropped, and write throws", async () => {
  const { clock, platform, send, peer } = await talkingOwn(1000);
  const udp = new platform.UDP({ port: 9000 });
  send(1, 900);
  await clock.run();
  expect([udp.read(), udp.dropped]).toEqual([undefined, 1]);
  expect(() => udp.write(new Uint8Array(900), peer.address, 7000)).toThrow(new Error("no memory"));
  expect(platform.takeHeap(700)).toBe(true);
  expect(() => new platform.UDP({})).toThrow(new RangeError("no socket"));
});

test("own sockets: arguments are checked in the words of binding-udp.c", async () => {
  const { board, platform, peer } = await talkingOwn();
  for (const port of [-1, 65_536])
    expect(() => new platform.UDP({ port })).toThrow(new RangeError("invalid port"));
  expect(() => new platform.UDP({ port: undefined as never })).toThrow(new Error("invalid"));
  expect(() => new platform.UDP({ timeToLive: 256 })).toThrow(new RangeError("invalid timeToLive"));
  const udp = new platform.UDP({ port: 9000, timeToLive: 255 });
  expect(udp.port).toBe(9000);
  expect(new platform.UDP({}).port).toBeGreaterThan(1023);
  expect(() => new platform.UDP({ port: 9000 })).toThrow(new Error("bind failed"));
  const data = bytes("x");
  for (const port of [0, -1, 65_536])
    expect(() => udp.write(data, peer.address, port)).toThrow(new RangeError("invalid port"));
  for (const address of ["0.0.0.0", "here", ""])
    expect(() => udp.write(data, address, 9)).toThrow(new RangeError("invalid IP address"));
  expect(() => udp.write(new Uint8Array(65_508), peer.address, 9)).toThrow(
    new RangeError("too long"),
  );
  for (const group of ["10.0.0.1", "255.255.255.255"])
    expect(() => udp.add(group)).toThrow(new RangeError("not a multicast group"));
  expect(() => udp.remove("224.0.0.251")).toThrow(new RangeError("not joined"));
  board.wifi.drop(1000);
  expect(() => udp.write(data, peer.address, 9)).toThrow(new Error("unreachable"));
  expect(() => udp.add("224.0.0.251")).toThrow(new Error("unreachable"));
  udp.close();
  for (const use of [() => udp.port, () => udp.dropped, () => udp.read()])
    expect(use).toThrow(SyntaxError);
});

test("own sockets: a datagram to the broadcast address reaches every host", async () => {
  const { clock, platform, network } = await talkingOwn();
  const received: string[] = [];
  for (const name of ["first", "second"]) {
    const socket = network.host(name).createSocket("udp4", message => {
      received.push(`${name} ${message}`);
    });
    socket.bind(9);
  }
  const udp = new platform.UDP({});
  udp.write(bytes("all"), "255.255.255.255", 9);
  udp.write(bytes("the subnet"), "10.0.255.255", 9);
  udp.close();
  await clock.run();
  expect(received).toEqual(["first all", "second all", "first the subnet", "second the subnet"]);
});
