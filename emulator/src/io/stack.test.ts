import { type MockSocket, Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { profileOf } from "../boards/profile.ts";
import { VirtualClock } from "../clock.ts";
import type { BoardPlatform, TCP } from "../platform.ts";
import { text } from "../testing.ts";
import type { TcpState } from "./tcp-state.ts";

// Claims that need faults of the network or of the board, and so cannot be a case of `conformance`.

/** A board on a network, with a `peer` that listens on port 7. */
async function bench(kind = esp32()) {
  const clock = new VirtualClock();
  const network = new Network({ clock, latencyMs: 1, traceLines: 40 });
  const wire = network.host("board", profileOf(kind));
  const peer = network.host("peer");
  const received: string[] = [];
  /** The peer's ends, in the order in which the board has connected. */
  const peers: MockSocket[] = [];
  const server = peer.createServer({ allowHalfOpen: true }, socket => {
    peers.push(socket);
    socket.on("data", (bytes: Buffer) => received.push(bytes.toString("latin1")));
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
  const dial = (): TCP =>
    new platform!.TCP({
      address: peer.address,
      port: 7,
      onReadable: count => events.push(`readable ${count}`),
      onWritable: () => events.push("writable"),
      onError: () => events.push("error"),
    });
  return { clock, network, board, platform: platform!, peer, peers, received, events, dial };
}

const ONE = new Uint8Array(1);

test("without heap there is no socket, a SYN makes an empty socket, a write kills its connection", async () => {
  const { clock, board, platform, peer, events, dial } = await bench();
  const tcp = dial();
  let announced = 0;
  const listener = new platform.Listener({
    port: 80,
    onReadable: count => {
      announced = count;
    },
  });
  await clock.run({ until: () => events.includes("writable") });

  const undo = board.stack.exhaustHeap();
  expect(dial).toThrow(new RangeError("no socket"));
  expect(() => new platform.Listener({ port: 81 })).toThrow(new Error("no socket"));
  const client = peer.connect({ host: "board", port: 80 });
  client.on("error", () => {});
  await clock.run({ ms: 100 });
  expect([announced, client.connecting]).toEqual([1, true]);
  listener.read()!.close();
  expect(tcp.write(ONE)).toBeUndefined();
  await clock.run({ ms: 100 });
  expect(events.at(-1)).toBe("error");
  tcp.close();

  undo();
  undo(); // once is enough
  await clock.run({ until: () => !client.connecting });
  dial();
  expect(board.fatal).toBeUndefined();
});

test("bytes for which there is no heap are lost, and come again", async () => {
  const { clock, board, platform, peer } = await bench();
  let unread = 0;
  const listener = new platform.Listener({
    port: 80,
    onReadable: () => {
      new platform.TCP({
        from: listener.read(),
        onReadable: count => {
          unread = count;
        },
      });
    },
  });
  const client = peer.connect({ host: "board", port: 80 });
  await clock.run({ ms: 100 });
  const undo = board.stack.exhaustHeap();
  client.write("hello");
  await clock.run({ ms: 150 });
  expect(unread).toBe(0);
  undo();
  await clock.run({ ms: 1_000 });
  expect(unread).toBe(5);
});

test("all heap that connections held is free again when they are freed, however they ended", async () => {
  const { clock, network, board, peer, events, dial } = await bench();
  const sockets = [dial(), dial(), dial(), dial()];
  await clock.run({ until: () => events.length === 4 });
  const idle = board.stack.heldBytes;
  for (const tcp of sockets) tcp.write(new Uint8Array(5_000));
  expect(board.stack.heldBytes).toBeGreaterThan(idle + 4 * 5_000);
  for (const socket of peer.sockets) socket.write("hello");
  await clock.run({ ms: 100 });
  sockets[0].read();
  sockets[0].close();
  sockets[1].close(); // over unread bytes
  network.resetConnections("board");
  await clock.run({ ms: 100 });
  for (const tcp of sockets) tcp.close();
  await clock.run({ ms: 300_000 });
  expect(board.stack.heldBytes).toBe(0);
});

test("a program that closes its sockets after the power went changes no account", async () => {
  const { clock, board, peer, events, dial } = await bench();
  const tcp = dial();
  await clock.run({ until: () => events.length === 1 });
  for (const socket of peer.sockets) socket.write("unread");
  await clock.run({ ms: 100 });
  board.unplug();
  tcp.close();
  await clock.run();
  const { objects, connections, heldBytes } = board.stack;
  expect([objects, connections, heldBytes]).toEqual([0, 0, 0]);
});

test("a connection to a peer that vanished is given up after twelve retransmissions", async () => {
  const { clock, network, events, dial } = await bench();
  const tcp = dial();
  await clock.run({ until: () => events.length === 1 });
  network.vanish("peer");
  tcp.write(ONE);
  await clock.run({ until: () => events.includes("error") });
  const sent = network.trace.lines.filter(line => line.includes("DATA 1 lost"));
  expect(sent).toHaveLength(1 + 12);
  expect(events).toEqual(["writable", "error"]);
});

test("a connection that lwIP gives up makes tcp.c write to freed memory: counted, and the board goes on", async () => {
  const { clock, network, board, peer, platform, events, dial } = await bench();
  dial();
  await clock.run({ until: () => events.length === 1 });
  for (const socket of peer.sockets) socket.resetAndDestroy();
  await clock.run({ until: () => events.includes("error") });
  expect(board.stack.freedPointers).toBe(0); // the block is freed after a reset was told

  const established = dial();
  await clock.run({ until: () => events.filter(event => event === "writable").length === 2 });
  network.vanish("peer");
  dial(); // its SYN is not answered
  await clock.run({ until: () => events.filter(event => event === "error").length === 2 });
  expect([board.stack.freedPointers, board.fatal]).toEqual([1, undefined]);
  established.write(ONE);
  await clock.run({ until: () => events.filter(event => event === "error").length === 3 });
  expect([board.stack.freedPointers, board.fatal]).toEqual([2, undefined]);
  const silent = new platform.TCP({ address: peer.address, port: 7 });
  silent.close(); // it is freed by close, without a callback
  await clock.run({ ms: 60_000 });
  expect(board.stack.freedPointers).toBe(2);
});

test("a power cut does no harm with an announcement under way and a waiting client that has reset", async () => {
  const { clock, board, platform, peer } = await bench();
  const listener = new platform.Listener({ port: 80, onReadable: () => {} });
  board.tasks.stall(1_000);
  const client = peer.connect({ host: "board", port: 80 });
  await clock.run({ ms: 100 });
  client.resetAndDestroy();
  await clock.run({ ms: 100 });
  board.unplug();
  listener.close();
  expect([board.fatal, board.stack.freedPointers]).toEqual([undefined, 0]);
});

test("a FIN between close and the event that was under way makes lwIP close by itself; once that is acknowledged, the second close ends the board", async () => {
  const closedTwice = async (stallMs: number) => {
    const { clock, board, peer, events, dial } = await bench();
    const tcp = dial();
    await clock.run({ until: () => events.length === 1 });
    board.tasks.stall(stallMs);
    tcp.write(ONE); // its flush waits
    tcp.close();
    for (const socket of peer.sockets) socket.end();
    await clock.run({ ms: 1_000 });
    return [board.fatal?.startsWith("freed memory"), board.stack.connections];
  };
  const finAndAnswerMs = 3; // FIN there, FIN back, ACK
  expect(await closedTwice(finAndAnswerMs - 1)).toEqual([undefined, 0]);
  expect(await closedTwice(finAndAnswerMs + 1)).toEqual([true, 0]);
});

test("no keepalive is sent: the connection to a silent peer stays open", async () => {
  const { clock, network, board, events, dial } = await bench();
  dial();
  await clock.run({ until: () => events.length === 1 });
  network.vanish("peer");
  await clock.run({ ms: 7 * 24 * 3_600_000 });
  expect([events, board.stack.connections]).toEqual([["writable"], 1]);
});

test("the timeout of retransmissions falls to three turns of the slow timer, and no further", async () => {
  const turnMs = 100;
  /** Turns until a byte that was lost is sent again, after so many that were answered at once. */
  const turns = async (answered: number): Promise<number> => {
    const kind = esp32({ sdkconfig: "CONFIG_LWIP_TCP_TMR_INTERVAL=50" });
    const { clock, network, events, dial } = await bench(kind);
    const tcp = dial();
    for (let count = 0; count < answered; count++) {
      await clock.run({ until: () => events.length > count });
      tcp.write(ONE);
    }
    await clock.run({ until: () => events.length > answered });
    const sentMs: number[] = [];
    network.rule(({ kind }) => {
      if (kind !== "DATA") return "pass";
      return sentMs.push(clock.now()) === 1 ? "drop" : "pass";
    });
    tcp.write(ONE);
    await clock.run({ until: () => sentMs.length === 2 });
    return Math.ceil((sentMs[1] - sentMs[0]) / turnMs);
  };
  const all = await Promise.all(Array.from({ length: 10 }, (_, answered) => turns(answered)));
  expect(all).toEqual([15, 12, 9, 7, 6, 5, 4, 3, 3, 3]);
});

/** Brings a new connection into a state of closing, and keeps it there. Returns the peer's end. */
async function closing(
  { clock, network, peers, dial }: Awaited<ReturnType<typeof bench>>,
  state: TcpState,
): Promise<MockSocket> {
  const before = peers.length;
  const tcp = dial();
  await clock.run({ until: () => peers.length > before });
  const peer = peers[before];
  if (state !== "FIN_WAIT_2") {
    network.rule(({ kind, fromPort }) =>
      kind === "FIN" && fromPort === peer.remotePort ? "drop" : "pass",
    );
  }
  if (state === "LAST_ACK") peer.end();
  await clock.run({ ms: 10 });
  tcp.close();
  await clock.run({ ms: 10 });
  if (state === "CLOSING") peer.end();
  await clock.run({ ms: 10 });
  return peer;
}

test("a full board gives up by state: LAST_ACK, CLOSING, FIN_WAIT_2, FIN_WAIT_1; established connections stay, and no callback is called", async () => {
  const states: TcpState[] = ["FIN_WAIT_1", "FIN_WAIT_2", "CLOSING", "LAST_ACK"];
  const set = await bench({ ...esp32(), connectionsMax: 1 + states.length });
  const { clock, network, dial, peers } = set;
  const resets: string[] = [];
  network.rule(({ kind, from }) => {
    if (kind === "RST") resets.push(from.name);
    return "pass";
  });
  dial();
  await clock.run({ until: () => peers.length === 1 });
  const ports = new Map<number, TcpState>();
  for (const state of states) ports.set((await closing(set, state)).remotePort!, state);
  const left = () =>
    network.netstat("board").flatMap(({ local }) => ports.get(Number(local.split(":")[1])) ?? []);
  expect(left()).toEqual(states);
  for (let count = states.length - 1; count >= 0; count--) {
    dial();
    await clock.run({ ms: 10 });
    expect(left()).toEqual(states.slice(0, count));
  }
  expect(dial).toThrow(new RangeError("no socket"));
  expect(peers.filter(({ destroyed }) => destroyed)).toEqual([]);
  expect(resets).toEqual([]);
});

test("of several in one state the one is given up first that received nothing for longest, whichever was opened first", async () => {
  const { clock, network, board, peers, dial } = await bench({ ...esp32(), connectionsMax: 2 });
  const sockets = [dial(), dial()];
  await clock.run({ until: () => peers.length === 2 });
  await clock.run({ ms: 4 * board.kind.timerMs });
  peers[0].write("x");
  await clock.run({ ms: 10 });
  sockets[0].read();
  for (const tcp of sockets) tcp.close();
  await clock.run({ ms: 10 });
  dial();
  await clock.run({ ms: 10 });
  const local = network.netstat("board").map(row => Number(row.local.split(":")[1]));
  expect(local).toContain(peers[0].remotePort);
  expect(local).not.toContain(peers[1].remotePort);
});

test("in LAST_ACK what was lost is sent again until 2 x MSL have passed, then the board forgets it without a word", async () => {
  const settings = ["CONFIG_LWIP_TCP_MSL=30000", "CONFIG_LWIP_TCP_TMR_INTERVAL=50"];
  const { clock, network, board, peers, events, dial } = await bench(
    esp32({ sdkconfig: settings.join("\n") }),
  );
  const tcp = dial();
  await clock.run({ until: () => peers.length === 1 });
  const sentMs: number[] = [];
  let resets = 0;
  network.rule(({ kind, from }) => {
    if (from.name !== "board") return "pass";
    if (kind === "DATA") sentMs.push(clock.now());
    if (kind === "RST") resets++;
    return "drop";
  });
  tcp.write(ONE);
  await clock.run({ ms: 10 });
  peers[0].end();
  await clock.run({ until: () => events.includes("error") });
  const heardMs = clock.now();
  tcp.close();
  await clock.run({ ms: 59_900 });
  const turns = sentMs.map(ms => Math.round((ms - sentMs[0]) / 100));
  expect(turns).toEqual([0, 12, 12 + 24, 84, 180, 372]); // the next one would be after 75.6 s
  expect(board.stack.connections).toBe(1);
  await clock.run({ until: () => board.stack.connections === 0 });
  expect(clock.now() - heardMs).toBeLessThanOrEqual(60_000 + 100);
  expect(resets).toBe(0);
  expect(board.stack.heldBytes).toBe(0);
});

test("a connection that closes while its peer is slow is not given up, but by a peer that stays silent", async () => {
  const { clock, network, board, peers, dial } = await bench();
  const { finWaitTimeoutMs, timerMs } = board.kind;
  const [silent, slow] = [dial(), dial()];
  await clock.run({ until: () => peers.length === 2 });
  silent.close();
  await clock.run({ ms: finWaitTimeoutMs - 2 * timerMs });
  expect(board.stack.connections).toBe(2);
  await clock.run({ ms: 4 * timerMs });
  expect(board.stack.connections).toBe(1);

  const release = network.hold("board", "peer");
  slow.write(new Uint8Array(5_000));
  slow.close();
  await clock.run({ ms: 2 * finWaitTimeoutMs });
  expect(board.stack.connections).toBe(1); // in FIN_WAIT_1, as long as it is sent again
  release();
  await clock.run({ ms: 10 });
  expect(peers[1].bytesRead).toBe(5_000);
  await clock.run({ ms: 2 * timerMs });
  expect(board.stack.connections).toBe(0); // the peer had been silent for long when it closed
});

test("the times of closing count from the last segment that arrived before it", async () => {
  const { clock, board, peers, dial } = await bench();
  const { timeWaitMs, timerMs } = board.kind;
  const tcp = dial();
  await clock.run({ until: () => peers.length === 1 });
  await clock.run({ ms: timeWaitMs - 1_000 });
  peers[0].on("end", () => peers[0].end());
  tcp.close();
  await clock.run({ ms: 10 });
  expect(board.stack.remembered).toBe(1);
  await clock.run({ ms: 1_000 + 2 * timerMs });
  expect(board.stack.remembered).toBe(0);
});

test("mended sockets survive what ends a board with the SDK's, and count it", async () => {
  const { clock, network, board, peer, events, dial } = await bench({
    ...esp32(),
    socketsMended: true,
  });
  const tcp = dial();
  await clock.run({ until: () => events.length === 1 });
  for (const socket of peer.sockets) {
    socket.write("last words");
    socket.end();
  }
  await clock.run({ ms: 100 });
  network.resetConnections("peer");
  await clock.run({ ms: 100 });
  expect(text(tcp.read())).toBe("last words");
  await clock.run({ ms: 100 });
  expect(events.at(-1)).toBe("error");
  tcp.close();
  expect([board.fatal, board.stack.freedPointers, board.stack.objects]).toEqual([undefined, 1, 0]);
});
