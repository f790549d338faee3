import { type MockSocket, Network, seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { type Keyword, Keywords } from "../../../firmware/src/net/keywords.ts";
import { PIPE_EVENTS } from "../../../firmware/src/net/pipe.ts";
import type { NativePipeOptions } from "../../../firmware/src/platform.ts";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { profileOf } from "../boards/profile.ts";
import { VirtualClock } from "../clock.ts";
import type { BoardPlatform, TCP, TCPOptions } from "../platform.ts";
import { bytes, text } from "../testing.ts";
import { PIPE_BYTES } from "./account.ts";

// Claims of emulator/lwip/pipes.lwip.test.ts, on an emulated ESP32 that has pipes: `from` is a client's connection, `to` one to a server.

const KIND = { ...esp32({ sockets: "own" }), pipes: true };
const END: Keyword = { keyword: "END", match: "anywhere", in: "text" };

/** A peer of the board, and all that it has received. */
function peerOf(socket: MockSocket) {
  const peer = { socket, received: "" };
  socket.on("error", () => {});
  socket.on("data", (piece: Buffer) => {
    peer.received += piece.toString("latin1");
  });
  return peer;
}

async function connected(own: Partial<TCPOptions> = {}) {
  const clock = new VirtualClock();
  const network = new Network({ clock, latencyMs: 1 });
  const wire = network.host("board", profileOf(KIND));
  const host = network.host("peer");
  const servers: ReturnType<typeof peerOf>[] = [];
  host.createServer({ allowHalfOpen: true }, socket => servers.push(peerOf(socket))).listen(7);
  const board = new Board({ kind: KIND, clock, wire, random: seeded(1) });
  let platform: BoardPlatform | undefined;
  board.boot(given => {
    platform = given;
  });
  await clock.run({ until: () => platform!.link.address !== undefined });
  const { TCP, Listener, Search } = platform!;
  const events: string[] = [];
  const noted = (name: string, also: Partial<TCPOptions> = {}): TCPOptions => ({
    nodelay: true,
    onReadable(this: TCP, count) {
      events.push(`${name} readable ${count}`);
      also.onReadable?.call(this, count);
    },
    onWritable() {},
    onPiped(this: TCP, event) {
      events.push(`${name} ${PIPE_EVENTS[event]}`);
      also.onPiped?.call(this, event);
    },
    onEnd: () => events.push(`${name} ended`),
    onError: code => events.push(`${name} ${code}`),
  });
  let accepted: TCP | undefined;
  const listener = new Listener({
    port: 80,
    onReadable() {
      accepted = new TCP({ from: listener.read(), ...noted("from", own) });
    },
  });
  const to = new TCP({ address: host.address, port: 7, ...noted("to") });
  const client = peerOf(host.connect({ host: "board", port: 80, allowHalfOpen: true }));
  await clock.run({ until: () => accepted !== undefined && servers.length === 1 });
  const quiet = () => clock.run({ ms: 100 });
  await quiet();
  return {
    board,
    platform: platform!,
    client,
    server: servers[0],
    from: accepted!,
    to,
    events,
    quiet,
    /** The events since the last call. */
    told: () => events.splice(0),
    searching: (...keywords: Keyword[]) => ({ search: new Search!(new Keywords(keywords)) }),
  };
}

async function piped(options: NativePipeOptions = {}, own: Partial<TCPOptions> = {}) {
  const bench = await connected(own);
  bench.from.pipe!(bench.to, options);
  return bench;
}

describe("a pipe ends", () => {
  test("with the peer's FIN, when every byte before it has passed", async () => {
    const { client, server, from, quiet, told } = await piped();
    client.socket.write("one");
    await quiet();
    expect(told()).toEqual(["from first"]);
    client.socket.end(" two");
    await quiet();
    expect([told(), server.received]).toEqual([["from end", "from ended"], "one two"]);
    expect([from.passed, from.waitsFor, from.heldBytes]).toEqual([7, 0, 0]);
  });

  test("when the bytes that were asked for have passed, and the rest is announced", async () => {
    const { client, server, from, to, quiet, told } = await piped({ bytes: 5 });
    client.socket.write("hello world");
    await quiet();
    expect(told()).toEqual(["from first", "from done", "from readable 6"]);
    expect([server.received, text(from.read()!)]).toEqual(["hello", " world"]);
    expect(to.write(bytes(", by hand"))).toBeGreaterThan(0);
    await quiet();
    expect(server.received).toBe("hello, by hand");
  });

  test("with a reset of the sender, behind the bytes before it", async () => {
    const { client, server, quiet, told } = await piped();
    client.socket.write("cut");
    await quiet();
    client.socket.resetAndDestroy();
    await quiet();
    expect([told(), server.received]).toEqual([
      ["from first", "from from-error", "from reset"],
      "cut",
    ]);
  });

  test("with a reset of the receiver: what the sender sends on is readable", async () => {
    const { client, server, from, quiet, told } = await piped();
    server.socket.resetAndDestroy();
    await quiet();
    expect(told().sort()).toEqual(["from to-error", "to reset"]);
    client.socket.write("late");
    await quiet();
    expect([told(), text(from.read()!)]).toEqual([["from readable 4"], "late"]);
  });

  test("with the last byte of a keyword, wherever the segments are cut", async () => {
    const bench = await connected();
    const { client, server, from, to, quiet, told } = bench;
    const STOP: Keyword = { keyword: "STOP", match: "line", in: "any" };
    from.pipe!(to, bench.searching(END, STOP));
    client.socket.write("a STOP b\nSTO");
    await quiet();
    client.socket.write("P\nrest");
    await quiet();
    expect(told()).toEqual(["from first", "from found", "from readable 4"]);
    expect([server.received, from.passed]).toEqual(["a STOP b\nSTOP\n", 14]);
  });

  test("by close of the receiver, and close of the sender frees the receiver", async () => {
    const { board, client, from, to, quiet, told } = await piped();
    client.socket.write("x");
    await quiet();
    to.close();
    await quiet();
    expect(told()).toEqual(["from first", "from to-error"]);
    from.close();
    expect(board.stack.objects).toBe(0);
  });

  test("by unpipe, with the number of bytes that have passed", async () => {
    const { client, server, from, to, quiet, told } = await piped();
    client.socket.write("12");
    await quiet();
    from.unpipe!();
    client.socket.write("345");
    await quiet();
    expect([told(), from.passed]).toEqual([["from first", "from readable 3"], 2]);
    from.read(new Uint8Array(1));
    expect(from.unread!(bytes("+"))).toBe(true);
    from.pipe!(to, { bytes: 2 });
    await quiet();
    expect([told(), from.passed]).toEqual([["from first", "from done", "from readable 1"], 2]);
    expect(server.received).toBe("12+4");
  });
});

test("behind a control byte text is no longer searched, keywords of any stream are", async () => {
  const bench = await connected();
  const { client, server, from, to, quiet, told } = bench;
  from.pipe!(to, bench.searching(END));
  client.socket.write("EN\0END");
  await quiet();
  expect([told(), server.received]).toEqual([["from first", "from binary"], "EN\0END"]);
  from.unpipe!();
  from.pipe!(to, bench.searching(END, { keyword: "STOP", match: "anywhere", in: "any" }));
  client.socket.write("\0END STOP.");
  await quiet();
  expect(told()).toEqual(["from first", "from found", "from readable 1"]);
});

test("while it runs nothing is read or written by hand, and no other pipe begins", async () => {
  const { client, from, to, quiet } = await piped();
  client.socket.write("x");
  await quiet();
  expect([from.read(), from.readable, to.writable]).toEqual([undefined, 0, 0]);
  expect(() => to.write(bytes("y"))).toThrow("would block");
  expect(() => from.unread!(bytes("y"))).toThrow("in use");
  expect(() => from.pipe!(to, {})).toThrow("in use");
});

test("a slow receiver holds the sender up: no more than window and send buffer are on the board", async () => {
  const { board, client, server, from, quiet } = await piped();
  expect([from.waitsFor, from.heldBytes]).toEqual([0, 0]);
  server.socket.pause();
  const sent = "0123456789".repeat(20_000);
  client.socket.write(sent);
  for (let i = 0; i < 5; i++) await quiet();
  expect(from.waitsFor).toBe(1);
  const { receiveWindowBytes, sendBufferBytes } = board.kind;
  expect(from.heldBytes).toBeGreaterThan(receiveWindowBytes);
  expect(from.heldBytes).toBeLessThanOrEqual(receiveWindowBytes + sendBufferBytes);
  server.socket.resume();
  for (let i = 0; i < 30; i++) await quiet();
  expect(server.received === sent).toBe(true);
  expect([from.waitsFor, from.heldBytes]).toEqual([0, 0]);
});

test("without memory for a segment the bytes pass when there is some", async () => {
  const { board, client, server, quiet, told } = await piped();
  const free = board.stack.exhaustHeap();
  board.stack.hold(-200); // the received segment, and not the one to be sent
  client.socket.write("later");
  await quiet();
  expect([told(), server.received]).toEqual([[], ""]);
  free();
  for (let i = 0; i < 10; i++) await quiet();
  expect([told(), server.received]).toEqual([["from first"], "later"]);
});

test("it takes memory until its sender is closed or begins another pipe", async () => {
  const { board, from, to } = await connected();
  const before = board.stack.heldBytes;
  from.pipe!(to, {});
  expect(board.stack.heldBytes - before).toBe(PIPE_BYTES);
  from.unpipe!();
  from.pipe!(to, {});
  to.pipe!(from, {});
  expect(board.stack.heldBytes - before).toBe(2 * PIPE_BYTES);
  from.close(true);
  to.close(true);
  expect(board.stack.heldBytes).toBeLessThan(before);
  const other = await connected();
  other.board.stack.exhaustHeap();
  expect(() => other.from.pipe!(other.to, {})).toThrow(new RangeError("no memory"));
});

test("callbacks may close both sides, or begin another pipe, which has events of its own", async () => {
  const bench = await piped(
    { bytes: 2 },
    {
      onPiped(this: TCP, event) {
        if (PIPE_EVENTS[event] !== "done") return;
        if (this.passed === 2) this.pipe!(bench.to, { bytes: 3 });
        else {
          bench.to.close();
          this.close();
        }
      },
    },
  );
  bench.client.socket.write("1234567");
  await bench.quiet();
  expect(bench.told()).toEqual(["from first", "from done", "from first", "from done"]);
  expect([bench.server.received, bench.board.stack.objects]).toEqual(["12345", 0]);
});

test("an object that takes the connection over gets the events of its pipe", async () => {
  const { platform, client, from, quiet, told, events } = await piped();
  client.socket.write("x");
  await quiet();
  expect(told()).toEqual(["from first"]);
  const other: TCP = new platform.TCP({
    from,
    onPiped: event => events.push(`other ${PIPE_EVENTS[event]} ${other.passed}`),
  });
  client.socket.end("y");
  await quiet();
  expect(told()).toEqual(["other end 2"]);
});

test("what is wrong is refused, and nothing begins", async () => {
  const { platform, client, server, from, to, quiet, told } = await connected();
  const pipe =
    (options: object, target: unknown = to) =>
    () =>
      from.pipe!(target as TCP, options as NativePipeOptions);
  for (const count of [0, -1, 1.5, Number.NaN, 2 ** 60]) {
    expect(pipe({ bytes: count })).toThrow(new RangeError("invalid bytes"));
  }
  expect(pipe({ search: {} })).toThrow("invalid search");
  expect(pipe({ fromFraming: "chunked" })).toThrow("not emulated: a pipe with framing");
  expect(pipe({ toFraming: "chunked" })).toThrow("not emulated: a pipe with framing");
  expect(pipe({}, from)).toThrow("invalid to");
  expect(pipe({}, new platform.TCP())).toThrow("invalid to");
  expect(() => new platform.TCP().pipe!(to, {})).toThrow("invalid");
  expect(new platform.TCP().passed).toBeUndefined();
  client.socket.write("x");
  await quiet();
  expect([told(), server.received]).toEqual([["from readable 1"], ""]);
});
