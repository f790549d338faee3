import { type MockSocket, Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { profileOf } from "../boards/profile.ts";
import { VirtualClock } from "../clock.ts";
import type { BoardPlatform, TCP } from "../platform.ts";

// Claims about the firmware's own sockets that need faults of the network or of the board, and so cannot be a case of `conformance`.

/** A board on a network, connected to a `peer`. */
async function bench(settings: Partial<ReturnType<typeof esp32>> = {}) {
  const kind = { ...esp32({ sockets: "own" }), ...settings };
  const clock = new VirtualClock();
  const network = new Network({ clock, latencyMs: 1 });
  const wire = network.host("board", profileOf(kind));
  const host = network.host("peer");
  const peers: MockSocket[] = [];
  const server = host.createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => {
    peers.push(socket);
    socket.on("error", () => {});
  });
  server.listen(7);
  const board = new Board({ kind, clock, wire, random: seeded(1) });
  let platform: BoardPlatform | undefined;
  board.boot(given => {
    platform = given;
  });
  await clock.run({ until: () => platform!.link.address !== undefined });
  const events: string[] = [];
  const tcp: TCP = new platform!.TCP({
    address: host.address,
    port: 7,
    nodelay: true,
    onReadable: count => events.push(`readable ${count}`),
    onWritable: room => events.push(`writable ${room}`),
    onEnd: () => events.push("end"),
    onError: code => events.push(`error ${code}`),
  });
  await clock.run({ until: () => peers.length === 1 && events.length === 1 });
  events.length = 0;
  return { clock, network, board, platform: platform!, host, peer: peers[0], events, tcp };
}

/** Room for more than the peer's window. */
const LARGE = { sendBufferBytes: 200_000, segmentsQueuedMax: 600, heapBytes: 10_000_000 };

const ONE = new Uint8Array(1);

test("a closed connection has 60 s to send the rest, then it is reset", async () => {
  const { clock, board, peer, tcp } = await bench(LARGE);
  peer.pause();
  tcp.write(new Uint8Array(150_000)); // more than the peer's window
  tcp.close();
  await clock.run({ ms: 59_000 });
  expect([board.stack.connections, peer.destroyed]).toEqual([1, false]);
  await clock.run({ ms: 2_000 });
  expect([board.stack.connections, peer.destroyed]).toEqual([0, true]);
});

test("what a closed connection has written arrives before its FIN, however long the peer's window is shut", async () => {
  const { clock, peer, tcp } = await bench(LARGE);
  tcp.write(new Uint8Array(150_000));
  tcp.close();
  await clock.run({ ms: 50_000 });
  let received = 0;
  let ended = false;
  peer.on("end", () => {
    ended = true;
  });
  peer.on("data", (bytes: Buffer) => {
    received += bytes.byteLength;
  });
  await clock.run({ until: () => ended });
  expect(received).toBe(150_000);
});

test("without memory a write would block, and onWritable comes when there is some", async () => {
  const { clock, board, events, tcp } = await bench();
  const undo = board.stack.exhaustHeap();
  expect(() => tcp.write(ONE)).toThrow(new Error("would block"));
  await clock.run({ ms: 100 });
  undo();
  await clock.run({ until: () => events.length > 0 });
  expect(events).toEqual([`writable ${board.kind.sendBufferBytes}`]);
  expect(tcp.write(ONE)).toBe(board.kind.sendBufferBytes - 1);
});

test("a write that finds memory for a part only loses the connection", async () => {
  const { clock, board, peer, events, tcp } = await bench();
  const undo = board.stack.exhaustHeap();
  board.stack.hold(-2_000); // one segment, and not two
  expect(tcp.write(new Uint8Array(2_000))).toBeUndefined();
  await clock.run({ ms: 100 });
  expect(events).toEqual(["error memory"]);
  expect(peer.destroyed).toBe(true);
  tcp.close();
  undo();
  expect(board.stack.objects).toBe(0);
});

test("a half-closed connection stays for as long as its peer is silent; one whose FIN is never acknowledged is lost", async () => {
  const { clock, board, peer, events, tcp } = await bench();
  tcp.end!();
  await clock.run({ ms: 10 * board.kind.finWaitTimeoutMs });
  expect([board.stack.connections, events]).toEqual([1, []]);
  peer.end("bye");
  await clock.run({ until: () => events.length > 0 });
  tcp.read();
  await clock.run({ until: () => events.includes("end") });
  expect(events).toEqual(["readable 3", "end"]);

  const other = await bench();
  other.peer.end();
  await other.clock.run({ until: () => other.events.includes("end") });
  other.network.vanish("peer");
  other.tcp.end!();
  await other.clock.run({ until: () => other.events.length > 1 });
  expect(other.events).toEqual(["end", "error timeout"]);
});

test("a restart ends the round: the program's other sockets get no event", async () => {
  const { clock, board, platform, host, events, tcp } = await bench();
  const other = new platform.TCP({
    address: host.address,
    port: 7,
    onWritable() {
      try {
        platform.restart();
      } catch {
        // on the chip it never returns
      }
    },
  });
  tcp.write(ONE);
  await clock.run({ ms: 10 });
  expect(events).toEqual([]);
  other.close();
  tcp.read();
  await clock.run({ ms: 1_000 });
  expect([events, board.fatal, board.stack.objects]).toEqual([[], undefined, 0]);
});

test("events of a program that blocks while it writes flash wait until it goes on", async () => {
  const { clock, board, platform, peer, events, tcp } = await bench();
  tcp.close();
  const seen: number[] = [];
  const stalling = () => {
    seen.push(clock.now());
    board.tasks.stall(100);
  };
  for (let i = 0; i < 2; i++)
    new platform.TCP({ address: peer.localAddress!, port: 7, onWritable: stalling });
  await clock.run({ ms: 500 });
  expect(seen[1] - seen[0]).toBe(100);
  expect(events).toEqual([]);
});
