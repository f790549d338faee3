import net from "node:net";
import { seeded } from "net-mock-socket";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Board } from "../../src/board.ts";
import { esp32 } from "../../src/boards/esp32.ts";
import { RealClock } from "../../src/clock.ts";
import type { BoardPlatform } from "../../src/platform.ts";
import { CASES } from "../cases.ts";
import { play } from "../remote/play.ts";
import { TestHost } from "./host.ts";

// The program of the chip on an emulated board, with the host on the other end of real sockets.

/** The cases listen on fixed ports: on Linux at an address of 127/8 that no other process listens on. */
const HOST =
  process.platform === "linux"
    ? `127.${64 + (process.pid >> 16)}.${(process.pid >> 8) & 255}.${process.pid & 255}`
    : "127.0.0.1";
const KIND = { ...esp32(), joinMs: 0 };

let host: TestHost;
let board: Board;
let lines: string[];
let boots: number;

function program(platform: BoardPlatform): void {
  boots++;
  const restart = () =>
    setImmediate(() => {
      board.unplug();
      board.boot(program);
    });
  play({ ...platform, host: { address: HOST, port: host.port }, restart });
}

beforeEach(async () => {
  host = await TestHost.open(HOST, 0);
  lines = [];
  boots = 0;
  board = new Board({
    kind: KIND,
    clock: new RealClock(),
    wire: { ...net, connect: options => net.connect({ ...options, localAddress: HOST }) },
    random: seeded(1),
    publish: port => ({ host: HOST, port }),
    onLine: line => lines.push(line),
  });
  board.boot(program);
});

afterEach(() => {
  board.unplug();
  host.close();
});

test.each([
  "a connection knows its peer's address and port", // the host listens
  "a refusal gives one onError and no onWritable", // the host has a port that refuses
  "clients are accepted in the order in which they connected", // the host connects
  "bytes keep their order over many segments and odd reads", // it sends
  "bytes and FIN that arrived before it was accepted are delivered afterwards", // it finishes
  "after a reset, bytes that arrived before it can be read, then onError", // it resets
  "closing sends the written bytes, then FIN", // the peer receives
])("%s (played with the host)", async name => {
  const outcome = await host.play(name, 7, KIND);
  expect(["ok", "part"]).toContain(outcome.result);
  expect(lines[0]).toMatch(`ok 7 - ${name}`);
});

test("a failed case reports what it has seen; the next one runs on a board that has restarted", async () => {
  const name = "a write returns the room that is left";
  const failed = await host.play(name, 1, { ...KIND, sendBufferBytes: 2000 });
  expect(failed).toMatchObject({ result: "not ok", seen: "Error: room: is 7192, expected 1000" });

  expect(await host.play(name, 1, KIND)).toMatchObject({ result: "ok" });
  expect(boots).toBe(2);
  expect(lines).toEqual([
    `not ok 1 - ${name} # Error: room: is 7192, expected 1000`,
    `ok 1 - ${name}`,
  ]);
});

test("a case that needs control over the board is skipped with a reason", async () => {
  const powerless = await host.play("an exception at boot ends the board as well", 2, KIND);
  expect(powerless).toMatchObject({ result: "skip", seen: "a program cannot cut its own power" });
  const blind = await host.play("closing twice is harmless", 3, KIND);
  expect(blind).toMatchObject({ result: "part" });
  const harmful = CASES.find(({ not }) => not?.chip)!;
  expect(await host.play(harmful.name, 4, KIND)).toMatchObject({ seen: harmful.not!.chip });
  expect(lines[0]).toContain("# SKIP a program cannot cut its own power");
});

test("a board that stops during a case has failed it", async () => {
  const outcome = host.play(
    "a sender is stopped by what is left unread, and only whole segments let it go on",
    1,
    KIND,
  );
  while (board.stack.objects < 2) await new Promise(resolve => setImmediate(resolve));
  board.unplug();
  expect(await outcome).toMatchObject({ result: "not ok", seen: "the board ended" });
});

test("after the last case the board prints the number of cases, and stops", async () => {
  await host.end(80);
  while (lines.length === 0) await new Promise(resolve => setImmediate(resolve));
  expect(lines).toEqual(["1..80"]);
  expect(boots).toBe(1);
});

test("the wait ends for a board that is known to be absent", async () => {
  board.unplug();
  const lost = host.play("closing twice is harmless", 1, KIND);
  host.absent("no such file");
  await expect(lost).rejects.toThrow("no such file");
});

test("a client that is no board fails a case and does no harm", async () => {
  board.unplug();
  const stranger = net.connect(host.port, HOST, () => stranger.write("GET / HTTP/1.1\r\n\r\n"));
  stranger.on("error", () => {});
  const outcome = await host.play("closing twice is harmless", 1, KIND);
  expect(outcome).toMatchObject({
    result: "not ok",
    seen: expect.stringContaining("not one of our boards"),
  });
  stranger.destroy();
});
