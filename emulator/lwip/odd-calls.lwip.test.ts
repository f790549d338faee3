import { afterEach, beforeEach, expect, test } from "vitest";
import type { Machine } from "../xs/machine.ts";
import type { LwipTarget } from "./conformance.ts";
import { ProgramBoard } from "./program-board.ts";

/**
 * Programs of random calls with odd arguments and receivers, on XS and real lwIP under AddressSanitizer: conversions and callbacks
 * close sockets, bytes and resets arrive meanwhile. Nothing but an exception may come of it, and every socket can be closed.
 */

const SEEDS = 24;
const ROUNDS = 12;
const CALLS_PER_ROUND = 40;
const BOARD_PORT = 80;
const ECHO_PORT = 9;

let board: LwipTarget;
let machine: Machine;
let programs: ProgramBoard;

beforeEach(async () => {
  programs = await ProgramBoard.boot();
  ({ board, machine } = programs);
});

afterEach(() => programs.stop());

/** Defines `calls(count)`, which makes random calls, and `closeAll()`. The same seed makes the same calls. */
function program(seed: number, port: number): string {
  return `
  let state = ${seed};
  const below = limit => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
  const pick = list => list[below(list.length)];
  const all = [];
  const counts = { calls: 0, exceptions: 0, callbacks: 0, others: [] };
  const attempt = operation => {
    counts.calls++;
    try { return operation(); }
    catch (e) {
      counts.exceptions++;
      if (!(e instanceof Error)) counts.others.push(String(e));
    }
  };
  const closed = new Set();
  // The receiver of the call that is made.
  let current;
  /** Most often one that is open. */
  const some = () => {
    const open = all.filter(socket => !closed.has(socket));
    return open.length > 0 && below(10) ? pick(open) : all.length ? pick(all) : undefined;
  };
  const close = (socket, reset) => { socket.close(reset); closed.add(socket); };
  const closeSome = () => { const socket = below(2) ? current : some(); if (socket) close(socket, below(3) === 0); };
  const bytes = length => Uint8Array.from({ length }, () => below(256));
  const closing = () => ({ valueOf() { closeSome(); return 1 + below(100); }, toString() { closeSome(); return "10.0.0.1"; } });
  const odd = () => pick([
    () => undefined, () => null, () => true, () => -1, () => 0, () => 1, () => 5, () => 70000, () => 2 ** 31, () => 1.5, () => NaN,
    () => "", () => "number", () => "buffer", () => "x".repeat(100), () => ({}), () => [], () => () => {}, () => Symbol("odd"),
    () => 10n, () => bytes(3), () => new ArrayBuffer(0), () => bytes(900).buffer, () => new DataView(new ArrayBuffer(8), 3, 2),
    () => "10.0.0.1", () => "224.0.0.251", () => "chunked", some,
    closing, closing, closing, closing, closing,
    () => ({ valueOf() { throw new Error("odd"); }, toString() { throw new Error("odd"); } }),
  ])();
  const callback = () => function () {
    counts.callbacks++;
    current = this;
    if (below(3)) attempt(() => { const read = this.read(); if (read instanceof TCP) keep(read); });
    if (below(4) === 0) step();
  };
  const keep = socket => { if (socket && !all.includes(socket)) all.push(socket); return socket; };
  const CALLBACKS = ["onReadable", "onWritable", "onEnd", "onError", "onPiped"];
  const options = right => {
    const given = {};
    for (const name of CALLBACKS) if (below(2)) given[name] = below(12) ? callback() : odd();
    for (const [name, value] of Object.entries(right)) given[name] = below(8) ? value : odd();
    for (const name of ["nodelay", "keepalive", "format", "timeToLive", "from", "port"]) if (below(20) === 0) given[name] = odd();
    if (below(10) === 0) Object.defineProperty(given, pick(["port", "format", "target"]), { get() { closeSome(); return odd(); } });
    return given;
  };
  const classes = [TCP, TCP, TCP, Listener, UDP];
  const right = Class => Class === TCP
    ? below(4) ? { address: "10.0.0.1", port: ${port} } : { from: some() }
    : Class === Listener ? { port: pick([${BOARD_PORT}, 81, 0]) } : { port: pick([0, 5000, 5001]) };
  class Odd extends TCP { set target(value) { if (below(2)) this.close(); else throw new Error("odd"); } }
  const create = () => {
    const Class = pick(classes);
    const given = options(right(Class));
    // An object of which the constructor throws cannot be closed by the program: it must hold nothing.
    if (Class === TCP && below(10) === 0) keep(new Odd({ ...given, target: 1 }));
    else keep(below(12) ? new Class(given) : below(2) ? new Class() : new Class(odd()));
  };
  const METHODS = ["read", "write", "end", "close", "unread", "pipe", "unpipe", "add", "remove"];
  const PROPERTIES = ["port", "dropped", "format", "remoteAddress", "remotePort", "readable", "writable", "passed", "waitsFor",
    "heldBytes", "found", "searchState", "target"];
  const args = (name, socket) => {
    if (below(8) === 0) return Array.from({ length: below(5) }, odd);
    const given = rightArgs(name, socket);
    if (below(3) === 0) given[below(given.length + 1)] = odd();
    return given;
  };
  const rightArgs = (name, socket) => {
    if (name === "write") return socket instanceof UDP ? [bytes(below(50)), pick(["10.0.0.1", "10.0.0.2", "255.255.255.255"]), pick([${ECHO_PORT}, 5000])] : [bytes(1 + below(900))];
    if (name === "unread") return [bytes(1 + below(200))];
    if (name === "pipe") return [some(), options(pick([{}, { bytes: below(1000) }, { toFraming: "chunked" }, { fromFraming: "chunked", bytes: 100 }]))];
    if (name === "add" || name === "remove") return ["224.0.0." + below(6)];
    return below(2) ? [] : [odd()];
  };
  const step = () => {
    const socket = some();
    if (!socket || below(5) === 0) return attempt(create);
    current = socket;
    if (below(6) === 0) return attempt(() => { if (below(2)) return socket[pick(PROPERTIES)]; socket[pick(PROPERTIES)] = odd(); });
    const Class = below(12) ? socket.constructor : pick(classes);
    const name = below(10) === 0 || !Class.prototype ? pick(METHODS) : pick(METHODS.filter(each => each in Class.prototype));
    if (name === "close") return below(4) ? undefined : attempt(() => close(socket, below(2) ? odd() : undefined));
    current = socket;
    const method = Class.prototype?.[name] ?? socket[name];
    return attempt(() => {
      const result = method.call(below(20) ? socket : odd(), ...args(name, socket));
      if (result instanceof TCP) keep(result);
    });
  };
  globalThis.calls = count => { while (count-- > 0) step(); };
  globalThis.closeAll = () => {
    for (const socket of all) attempt(() => close(socket, below(2) === 0));
    board.log(JSON.stringify(counts));
  };
`;
}

test.each(Array.from({ length: SEEDS }, (_, i) => i + 1))("seed %i", async seed => {
  const server = await board.listen();
  board.echo(ECHO_PORT);
  machine.evaluate(`{ ${program(seed, server.port)} }`);
  for (let round = 0; round < ROUNDS; round++) {
    machine.evaluate(`calls(${CALLS_PER_ROUND})`);
    const client = board.connect(BOARD_PORT);
    client.send("3\r\nEND\r\n0\r\n\r\n".repeat(1 + (round % 5)));
    await board.quiet();
    for (const peer of server.peers) {
      if (peer.ending !== "none") continue;
      if ((round + peer.port) % 5 === 0) peer.reset();
      else if ((round + peer.port) % 4 === 0) peer.finish();
      else peer.send("answer ".repeat(20));
    }
    if (round % 3 === 0) client.finish();
    else if (round % 3 === 1) client.reset();
    await board.quiet();
  }
  machine.evaluate("closeAll()");
  await board.until("the last bytes", () => board.connections === 0);
  const { calls, exceptions, callbacks, others } = JSON.parse(board.lines.at(-1)!);
  expect(others).toEqual([]);
  expect(calls).toBeGreaterThan((ROUNDS * CALLS_PER_ROUND) / 2);
  expect(exceptions).toBeGreaterThan(calls / 20);
  expect(exceptions).toBeLessThan(calls);
  expect(callbacks).toBeGreaterThan(0);
});
