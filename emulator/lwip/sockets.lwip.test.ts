import { afterEach, beforeEach, expect, test } from "vitest";
import type { Peer } from "../conformance/target.ts";
import type { Machine } from "../xs/machine.ts";
import type { LwipTarget } from "./conformance.ts";
import { ProgramBoard } from "./program-board.ts";

/**
 * Features of the firmware's own sockets that need XS's garbage collector or a faulty network; all others are cases of
 * conformance/cases/own.ts.
 */

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

test("another address of the board ends its connections, which their peers see as a reset; listeners stay", async () => {
  run("serve({})");
  const inbound = await client();
  const server = await board.listen();
  run(`connect({ address: "${server.address}", port: ${server.port} })`);
  await board.quiet();
  expect(board.lines.splice(0)).toEqual(["writable", "writable"]);

  machine.network("readdress 10.0.0.9");
  await board.quiet();
  expect(board.lines).toEqual(["error timeout", "error timeout"]);
  expect([inbound.ending, server.peers[0].ending]).toEqual(["reset", "reset"]);
  expect(board.connections).toBe(0);
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
