import { afterEach, beforeEach, expect, test } from "vitest";
import type { Peer } from "../conformance/target.ts";
import type { Machine } from "../xs/machine.ts";
import type { LwipTarget } from "./conformance.ts";
import { ProgramBoard } from "./program-board.ts";

/** Features that the firmware's own sockets have and the SDK's lack, as a program on XS sees it, on real lwIP. */

const PORT = 80;

/** Every program has `note(text)`; `connect(options, callbacks)` and `serve(callbacks)` note all events. */
const PRELUDE = `
  const note = text => board.log(text);
  const noted = own => ({
    onReadable(bytes) { note("readable " + bytes); own.onReadable?.call(this, bytes); },
    onWritable(room) { note("writable"); own.onWritable?.call(this, room); },
    onError(code) { note("error " + code); own.onError?.call(this, code); },
    ...(own.onEnd && { onEnd() { note("end"); own.onEnd.call(this); } }),
  });
  const textOf = buffer => String.fromCharCode(...new Uint8Array(buffer));
  const bytesOf = text => Uint8Array.from(text, c => c.charCodeAt(0));
  const connect = (options, own = {}) => new TCP({ ...options, ...noted(own) });
  const serve = own => new Listener({ port: ${PORT}, onReadable() {
    for (let from; (from = this.read()); ) new TCP({ from, ...noted(own) });
  } });
`;

let board: LwipTarget;
let machine: Machine;
let programs: ProgramBoard;

beforeEach(async () => {
  programs = await ProgramBoard.boot();
  ({ board, machine } = programs);
});

afterEach(() => programs.stop());

function run(program: string): void {
  programs.run(`${PRELUDE} ${program}`);
}

async function client(): Promise<Peer> {
  const peer = board.connect(PORT);
  await board.quiet();
  return peer;
}

test("after the peer's FIN the program writes on, and end() is the FIN behind it", async () => {
  run(`serve({
    onReadable() { this.request = textOf(this.read()); },
    onEnd() { this.write(bytesOf("you said " + this.request)); this.end(); },
  })`);
  const peer = await client();
  peer.send("hello");
  peer.finish();
  await board.until("the answer", () => peer.ending === "finished");
  expect(peer.received).toBe("you said hello");
  expect(board.lines).toEqual(["writable", "readable 5", "end"]);
});

test("end() leaves reading open: a client that has sent all still gets the answer", async () => {
  const server = await board.listen();
  run(`connect({ address: "${server.address}", port: ${server.port} }, {
    onWritable() { if (!this.asked) { this.asked = true; this.write(bytesOf("ask")); this.end(); } },
    onReadable() { note(textOf(this.read())); },
    onEnd() { this.close(); },
  })`);
  await board.until("the question", () => server.peers[0]?.ending === "finished");
  server.peers[0].send("answer");
  server.peers[0].finish();
  await board.quiet();
  expect(board.lines.filter(line => line !== "writable")).toEqual(["readable 6", "answer", "end"]);
  expect(board.objects).toBe(0);
});

test("onError says what happened: a refusal, a reset, an end without onEnd, no answer", async () => {
  const refusing = await board.refusing();
  run(`connect({ address: "${refusing.address}", port: ${refusing.port} })`);
  await board.quiet();
  expect(board.lines.splice(0)).toEqual(["error refused"]);

  run("serve({})");
  const reset = await client();
  reset.reset();
  await board.quiet();
  expect(board.lines.splice(0)).toEqual(["writable", "error reset"]);

  const finished = await client();
  finished.finish();
  await board.quiet();
  expect(board.lines.splice(0)).toEqual(["writable", "error end"]);

  run(`connect({ address: "10.0.0.77", port: 1 })`);
  await board.until("the time-out", () => board.lines.length > 0);
  expect(board.lines.splice(0)).toEqual(["error timeout"]);
});

test("a conversion of an argument may close the socket", async () => {
  const server = await board.listen();
  run(`
    const options = { address: "${server.address}", port: ${server.port}, format: "number" };
    globalThis.sockets = [new TCP(options), new TCP(options)];
  `);
  await board.quiet();
  run(`
    const tried = operation => { try { operation(); note("done"); } catch (e) { note(e.constructor.name); } };
    const [one, other] = sockets;
    tried(() => { one.format = { toString() { one.close(); return "buffer"; } }; });
    tried(() => { other.write({ valueOf() { other.close(); return 65; } }); });
  `);
  expect(board.lines).toEqual(["SyntaxError", "SyntaxError"]);
  expect(board.objects).toBe(0);
});

test("a setter of target may close the object, or throw: no socket is left", async () => {
  const server = await board.listen();
  run(`
    class Closing extends TCP { set target(value) { this.close(); } }
    class Throwing extends TCP { set target(value) { throw new Error("no target"); } }
    class ClosingListener extends Listener { set target(value) { this.close(); } }
    class ThrowingListener extends Listener { set target(value) { throw new Error("no target"); } }
    const options = { address: "${server.address}", port: ${server.port}, target: 1 };
    for (const Class of [Closing, Throwing, ClosingListener, ThrowingListener]) {
      try { new Class(options); note("made"); } catch (e) { note(e.message); }
    }
    new Listener({ port: ${server.port} }).close();
  `);
  expect(board.lines).toEqual(["made", "no target", "made", "no target"]);
  expect(board.objects).toBe(0);
});

test("a write takes all the room that the write before it returned", async () => {
  run(`serve({ onWritable() {
    if (this.done) return;
    this.done = true;
    let room;
    for (let i = 0; i < 20; i++) room = this.write(Uint8Array.of(97));
    note(this.write(new Uint8Array(room).fill(98)) === undefined ? "lost" : "taken");
    note(room > 0 ? "room" : "none");
    globalThis.bytes = 20 + room;
  } })`);
  const peer = await client();
  await board.quiet();
  expect(board.lines.slice(0, 3)).toEqual(["writable", "taken", "room"]);
  machine.evaluate("board.log(String(bytes))");
  expect(String(peer.received.length)).toBe(board.lines.at(-1));
});

test("after end() a write returns undefined", async () => {
  run(`serve({ onWritable() {
    if (this.done) return;
    this.done = true;
    this.end();
    note(String(this.write(bytesOf("x"))));
  } })`);
  await client();
  await board.quiet();
  expect(board.lines).toEqual(["writable", "undefined"]);
});

test("close(true) is a reset, close() a FIN", async () => {
  run("serve({ onReadable() { this.close(textOf(this.read()) === 'reset'); } })");
  const [one, other] = [await client(), await client()];
  one.send("reset");
  other.send("close");
  await board.quiet();
  expect([one.ending, other.ending]).toEqual(["reset", "finished"]);
});

test("a listener is closed and opened again on its port; connections live on meanwhile", async () => {
  run(`globalThis.listener = serve({ onReadable() { this.write(this.read()); } })`);
  const old = await client();
  machine.evaluate("listener.close()");
  const refused = await client();
  expect(refused.ending).toBe("reset");
  run("serve({ onReadable() { this.write(bytesOf('anew')); this.read(); } })");
  const peer = await client();
  old.send("still here");
  peer.send("x");
  await board.quiet();
  expect([old.received, peer.received]).toEqual(["still here", "anew"]);
});

test("a callback may close any socket, one with news that waits too", async () => {
  run(`
    const all = [];
    serve({
      onWritable() { if (!all.includes(this)) all.push(this); },
      onReadable() { for (const each of all) each.close(); },
    });
  `);
  const peers = [await client(), await client(), await client()];
  for (const peer of peers) peer.send("x");
  await board.quiet();
  expect(board.lines.filter(line => line.startsWith("readable"))).toEqual(["readable 1"]);
  expect(board.objects).toBe(0);
});

test("an open socket and its callbacks survive a collection of garbage", async () => {
  run("serve({ onReadable() { this.write(this.read()); } })");
  const peer = await client();
  machine.collectGarbage();
  peer.send("after");
  await board.quiet();
  expect(peer.received).toBe("after");
  machine.collectGarbage();
  peer.finish();
  await board.quiet();
  expect(board.lines.at(-1)).toBe("error end");
});

test("keepalive gives up a peer that has vanished, and only that", async () => {
  run("serve({ onReadable() { note(textOf(this.read())); } })");
  const server = await board.listen();
  run(`connect({ address: "${server.address}", port: ${server.port}, keepalive: 10000 })`);
  await board.quiet();
  for (let i = 0; i < 10; i++) await board.quiet();
  expect(board.lines.splice(0)).toEqual(["writable"]);
  machine.network("leave"); // probes are lost
  await board.until("the time-out", () => board.lines.length > 0);
  expect(board.lines).toEqual(["error timeout"]);
});

test("options of the wrong kind are refused, and hold nothing", () => {
  const refusal = (options: string) => {
    try {
      machine.evaluate(`new TCP(${options})`);
    } catch (error) {
      return (error as Error).message.split("\n")[0];
    }
    return undefined;
  };
  const to = `address: "10.0.0.1", port: 1`;
  expect(refusal(`{ ${to}, onEnd: 1 }`)).toContain("not a function");
  expect(refusal(`{ ${to}, keepalive: -1 }`)).toContain("invalid keepalive");
  expect(refusal(`{ ${to}, get nodelay() { throw new Error("mine") } }`)).toContain("mine");
  machine.collectGarbage();
  expect([board.objects, board.connections]).toEqual([0, 0]);
});

test("256 KiB come back byte for byte over many segments", async () => {
  run(`serve({
    onReadable() { this.pour(); }, onWritable() { this.pour?.(); },
    onEnd() { this.over = true; this.pour(); },
  });
  TCP.prototype.pour = function () {
    for (;;) {
      if (this.held === undefined) {
        this.held = this.read();
        if (this.held === undefined) break;
        this.held = new Uint8Array(this.held);
      }
      const room = Math.min(this.room ?? 1000, this.held.length);
      try { this.write(this.held.subarray(0, room)); } catch { return; }
      this.held = room < this.held.length ? this.held.subarray(room) : undefined;
    }
    if (this.over && !this.ended) { this.ended = true; this.end(); }
  };`);
  const sent = Array.from({ length: 256 * 1024 }, (_, i) =>
    String.fromCharCode((i * 31 + (i >> 8)) & 0xff),
  ).join("");
  const peer = await client();
  peer.send(sent);
  peer.finish();
  await board.until("the end", () => peer.ending === "finished");
  expect(peer.received === sent).toBe(true);
});
