import { describe, expect, test } from "vitest";
import type { AdminClient } from "../../emulator/proxy/workbench/admin-client.ts";
import { VirtualClock } from "../../emulator/src/clock.ts";
import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import { SerialDevice, type SerialDeviceOptions } from "./serial-device.ts";
import { Transcript } from "./transcript.ts";

/** A board that serves, and whose console answers as the test wants. */
function bench(addressOf?: SerialDeviceOptions["addressOf"]) {
  const clock = new VirtualClock();
  const transcript = new Transcript(clock);
  const typed: string[] = [];
  const asked: string[] = [];
  const board = {
    transcript,
    incidents: { note() {} },
    boots: 1,
    address: "10.0.0.7",
    version: "0.1.0",
    build: "1f09c2ab",
    /** The console's answer to each command. */
    answer: "ok" as string | undefined,
    link: {
      open: true,
      async send(text: string) {
        if (text.trim() !== "") typed.push(text.trim());
        if (board.answer !== undefined) transcript.add(Buffer.from(`> x\r\n${board.answer}\r\n`));
      },
    },
    async to(state: string) {
      asked.push(state);
    },
    async reset() {
      asked.push("reset");
      board.boots++;
    },
    async release() {
      asked.push("release");
    },
  };
  const device = new SerialDevice({
    board: board as unknown as RigBoard,
    played: { kind: "serial", identity: "usb 1-2", path: "/dev/ttyUSB0" },
    addressOf,
  });
  return { clock, board, device, typed, asked };
}

test("it reports the board's firmware and address", () => {
  const { device, board } = bench();
  expect(device.played()).toEqual({
    ...{ kind: "serial", identity: "usb 1-2", path: "/dev/ttyUSB0" },
    ...{ address: "10.0.0.7", firmware: "0.1.0 build 1f09c2ab" },
  });
  board.build = undefined as never; // a build of another maker reports none
  expect(device.played().firmware).toBe("0.1.0");
});

test("its ports are at the address that it logged last, or where `addressOf` says", () => {
  const { device, board } = bench();
  expect(device.addressOf(80)).toEqual({ host: "10.0.0.7", port: 80 });
  board.address = "10.0.0.9";
  expect(device.addressOf(80)).toEqual({ host: "10.0.0.9", port: 80 });
  const mapped = bench(port => ({ host: "127.0.0.1", port: port + 8000 }));
  expect(mapped.device.addressOf(80)).toEqual({ host: "127.0.0.1", port: 8080 });
});

test("its admin port is at its current address, although it was not reset", async () => {
  const { device, board } = bench(() => ({ host: board.address, port: 1 }));
  const asked = async () => String(await device.admin.status().catch((error: Error) => error));
  board.address = "127.0.0.2"; // where nothing listens
  expect(await asked()).toContain("127.0.0.2");
  board.address = "127.0.0.3";
  expect(await asked()).toContain("127.0.0.3");
});

describe("the token for changes", () => {
  test("is set once for each boot, and differs for each run", async () => {
    const { device, typed } = bench();
    await device.ready();
    await device.ready();
    expect(typed).toEqual([expect.stringMatching(/^temporary-token [\w-]{24}$/)]);
    await device.reset();
    expect(typed).toEqual([typed[0], typed[0]]);
    const other = bench();
    await other.device.ready();
    expect(other.typed).not.toEqual([typed[0]]);
  });

  test("is set again if setting it has failed", async () => {
    const { device, board, typed } = bench();
    board.answer = "error the token is too short";
    await expect(device.ready()).rejects.toThrow("at the console: error the token is too short");
    board.answer = "ok";
    await device.ready();
    expect(typed).toHaveLength(2);
  });
});

test("a configuration that the board refuses is the firmware's fault, with all complaints", async () => {
  const { device } = bench();
  const refusing = { change: async () => ({ complaints: ["backends: none", "port: 0"] }) };
  Object.defineProperty(device, "admin", { value: refusing as unknown as AdminClient });
  const configured = device.configure({ backends: [] });
  await expect(configured).rejects.toThrow("the board refuses a document: backends: none; port: 0");
  await expect(configured).rejects.toMatchObject({ blame: "firmware" });
});

test("an error at the console rejects, a silent console does not answer, a lost port is neither", async () => {
  const { clock, device, board } = bench();
  board.answer = "error no backend is called x";
  await expect(device.type("drain x")).rejects.toThrow(BoardError);
  expect(await device.answers()).toBe(true); // an error is an answer

  board.answer = undefined;
  const mute = device.answers();
  await clock.run({ ms: 10_000 });
  expect(await mute).toBe(false);

  board.link.send = () => Promise.reject(new Error("the serial port is gone"));
  await expect(device.answers()).rejects.toThrow("the serial port is gone");
});

test("release resets the board, which ends token and configuration, unless its port is gone", async () => {
  const { device, asked } = bench();
  await device.release();
  expect(asked).toEqual(["reset", "release"]);
  const pulled = bench();
  pulled.board.link.open = false;
  await pulled.device.release();
  expect(pulled.asked).toEqual(["release"]);
});
