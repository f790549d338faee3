import { afterEach, beforeEach, expect, test } from "vitest";
import type { Machine } from "../xs/machine.ts";
import type { LwipTarget } from "./conformance.ts";
import { ProgramBoard } from "./program-board.ts";

/** The firmware's own class UDP, as a program on XS sees it, on real lwIP. */

const PORT = 5353;
/** The board's own address: what it sends there, it receives. */
const OWN = "10.0.0.2";

/** Every program has `note(text)`, and `show(datagram)`, which notes one with its sender. */
const PRELUDE = `
  const note = text => board.log(String(text));
  const textOf = buffer => String.fromCharCode(...new Uint8Array(buffer));
  const bytesOf = text => Uint8Array.from(text, c => c.charCodeAt(0));
  const show = datagram => note(datagram && textOf(datagram) + " from " + datagram.address + ":" + datagram.port);
  const readAll = function () { for (let d; (d = this.read()); ) show(d); };
  const tried = operation => { try { operation(); note("done"); } catch (e) { note(e.constructor.name + ": " + e.message); } };
`;

let board: LwipTarget;
let machine: Machine;
let programs: ProgramBoard;

beforeEach(async () => {
  programs = await ProgramBoard.boot();
  ({ board, machine } = programs);
});

afterEach(() => programs.stop());

/** Runs a program, and what follows from it; the lines that it has noted since. */
async function run(program: string): Promise<string[]> {
  machine.evaluate(`{ ${PRELUDE} ${program} }`);
  await board.quiet();
  return board.lines.splice(0);
}

test("a datagram is sent to an address and a port, and the answer has its sender", async () => {
  const { address, port } = board.echo(9);
  const lines = await run(`
    const socket = new UDP({ onReadable(count) { note(count); readAll.call(this); note(this.read()); } });
    socket.write(bytesOf("hello"), "${address}", ${port});
    socket.write(bytesOf("again").buffer, "${address}", ${port});
    socket.write(new Uint8Array(), "${address}", ${port});
  `);
  expect(lines).toEqual(
    ["hello", "again", ""].flatMap(text => ["1", `${text} from 10.0.0.1:9`, "undefined"]),
  );
});

test("broadcasts are sent, and the answers received", async () => {
  const { port } = board.echo(9);
  const lines = await run(`
    const socket = new UDP({ onReadable: readAll });
    for (const address of ["255.255.255.255", "10.255.255.255"]) socket.write(bytesOf(address), address, ${port});
  `);
  expect(lines).toEqual(["255.255.255.255 from 10.0.0.1:9", "10.255.255.255 from 10.0.0.1:9"]);
});

test("a port is one socket's until it is closed, and 0 is a free one", async () => {
  const lines = await run(`
    const one = new UDP({ port: ${PORT} }), free = new UDP({});
    note(one.port);
    note(free.port >= 1024);
    tried(() => new UDP({ port: ${PORT} }));
    one.close();
    one.close();
    tried(() => new UDP({ port: ${PORT} }).close());
    tried(() => one.port);
    tried(() => one.read());
    tried(() => one.write(bytesOf("x"), "10.0.0.1", 9));
  `);
  expect(lines.slice(0, 4)).toEqual([String(PORT), "true", "Error: bind failed", "done"]);
  expect(lines.slice(4).map(line => line.split(":")[0])).toEqual([
    "SyntaxError",
    "SyntaxError",
    "SyntaxError",
  ]);
});

test("an argument of the wrong kind is refused, and holds nothing", async () => {
  const lines = await run(`
    for (const options of [{ port: -1 }, { port: 65536 }, { port: undefined }, { timeToLive: 0 }, { timeToLive: 256 },
      { format: "number" }, { onReadable: 1 }]) tried(() => new UDP({ port: ${PORT}, ...options }));
    const socket = new UDP({ port: ${PORT}, timeToLive: 255, format: "buffer", target: 7 });
    note(socket.target + socket.format);
    const bytes = bytesOf("x");
    for (const address of ["", "here", "0.0.0.0", "1".repeat(100), {}]) tried(() => socket.write(bytes, address, 9));
    for (const port of [0, -1, 65536, 65589]) tried(() => socket.write(bytes, "10.0.0.1", port));
    tried(() => socket.write(new ArrayBuffer(65508), "10.0.0.1", 9));
    tried(() => socket.write(new ArrayBuffer(1472), "10.0.0.1", 9));
    tried(() => socket.write("text", "10.0.0.1", 9));
    for (const group of ["10.0.0.1", "255.255.255.255", "x"]) tried(() => socket.add(group));
    tried(() => socket.remove("224.0.0.251"));
  `);
  expect(lines).toEqual([
    "RangeError: invalid port",
    "RangeError: invalid port",
    "Error: invalid",
    "RangeError: invalid timeToLive",
    "RangeError: invalid timeToLive",
    "RangeError: invalid format",
    "Error: not a function",
    "7buffer",
    ...["invalid IP address", "invalid IP address", "invalid IP address"].map(
      message => `RangeError: ${message}`,
    ),
    expect.stringContaining("Error"),
    "RangeError: invalid IP address",
    ...Array(4).fill("RangeError: invalid port"),
    "RangeError: too long",
    "done",
    expect.stringContaining("TypeError"),
    "RangeError: not a multicast group",
    "RangeError: not a multicast group",
    "RangeError: invalid IP address",
    "RangeError: not joined",
  ]);
});

test("without an interface for it, a datagram or a group is an error with its name", async () => {
  expect(
    await run(`
    globalThis.socket = new UDP({ port: ${PORT} });
    tried(() => socket.add("224.0.0.251"));
  `),
  ).toEqual(["Error: unreachable"]); // this lwIP has no groups
  programs.platform.link.rejoin!();
  await board.until("the end of the network", () => programs.platform.link.address === undefined);
  expect(
    await run(`
    tried(() => socket.write(bytesOf("x"), "192.0.2.1", 9));
    tried(() => new UDP({}));
    socket.close();
  `),
  ).toEqual(["Error: unreachable", "Error: no network"]);
});

test("the queue is bounded by number and by bytes; what is dropped is counted", async () => {
  const lines = await run(`
    globalThis.socket = new UDP({ port: ${PORT}, onReadable(count) { note(count + " wait, " + this.dropped + " dropped"); } });
    for (let i = 0; i < 9; i++) tried(() => socket.write(bytesOf("x"), "${OWN}", ${PORT}));
  `);
  // lwIP takes eight packets of what the board sends to itself (CONFIG_LWIP_LOOPBACK_MAX_PBUFS).
  expect(lines).toEqual([...Array(8).fill("done"), "Error: no memory", "8 wait, 0 dropped"]);
  expect(
    await run(`for (let i = 0; i < 8; i++) socket.write(bytesOf("y"), "${OWN}", ${PORT});`),
  ).toEqual(["16 wait, 0 dropped"]);
  expect(
    await run(`for (let i = 0; i < 3; i++) socket.write(bytesOf("z"), "${OWN}", ${PORT});`),
  ).toEqual([]);
  expect(
    await run(`
    note(socket.dropped);
    while (socket.read());
    for (let i = 0; i < 7; i++) socket.write(new ArrayBuffer(1400), "${OWN}", ${PORT});
  `),
  ).toEqual(["3", "5 wait, 5 dropped"]);
});

test("a callback may close its socket and any other; a setter of target, too", async () => {
  const lines = await run(`
    const sockets = [];
    const close = () => { for (const socket of sockets) socket.close(); };
    for (let i = 0; i < 3; i++) sockets.push(new UDP({ port: ${PORT} + i, onReadable() { note("closing"); close(); } }));
    for (let i = 0; i < 3; i++) sockets[0].write(bytesOf("x"), "${OWN}", ${PORT} + i);
    class Closing extends UDP { set target(value) { this.close(); } }
    class Throwing extends UDP { set target(value) { throw new Error("no target"); } }
    for (const Class of [Closing, Throwing]) tried(() => new Class({ port: 9, target: 1 }));
    const one = new UDP({ port: 9 });
    tried(() => one.write(bytesOf("x"), { toString() { one.close(); return "10.0.0.1"; } }, 9));
    const other = new UDP({ port: 9 });
    tried(() => other.write(bytesOf("x"), "10.0.0.1", { valueOf() { other.close(); return 9; } }));
  `);
  expect(lines).toEqual([
    "done",
    "Error: no target",
    expect.stringContaining("SyntaxError"),
    expect.stringContaining("SyntaxError"),
    "closing",
  ]);
});

test("an open socket and its callback survive a collection of garbage", async () => {
  const { address, port } = board.echo(9);
  await run(`new UDP({ port: ${PORT}, onReadable: readAll }).write(bytesOf("one"), "${address}", ${port});
    for (let i = 0; i < 20000; i++) ({ i });`);
  expect(await run(`new UDP({}).write(bytesOf("two"), "${OWN}", ${PORT});`)).toEqual([
    expect.stringMatching(/^two from 10.0.0.2:\d+$/),
  ]);
});
