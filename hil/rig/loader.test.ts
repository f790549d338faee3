import { seeded } from "net-mock-socket";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { EMULATED_PATH, EmulatedBinding } from "./emulated-port.ts";
import { askChip, writeImage } from "./loader.ts";
import { BAUD, SerialLink } from "./serial-link.ts";
import { LoaderBoard } from "./testing.ts";

// esptool-js waits by timers, and so does a reset.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Runs the clock until the promise is settled. */
async function inTime<T>(promise: Promise<T>): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  while (!settled) {
    await vi.advanceTimersByTimeAsync(10);
    await new Promise(resolve => setImmediate(resolve)); // esptool-js imports modules meanwhile
  }
  return promise;
}

/** A board with the ROM's loader, and a link to it. */
async function bench() {
  const board = new LoaderBoard();
  const received: string[] = [];
  const link = new SerialLink({
    binding: new EmulatedBinding(board),
    path: EMULATED_PATH,
    onBytes: bytes => received.push(String(bytes)),
    onLost() {},
  });
  await link.connect();
  return { board, link, received };
}

/** A flash image with a bootloader in its place, and bytes that need escaping. */
function image(): Uint8Array {
  const random = seeded(1);
  const bytes = Uint8Array.from({ length: 0x9000 }, () => random() * 256);
  bytes[0x1000] = 0xe9;
  bytes.fill(0xc0, 0x2000, 0x2100);
  return bytes;
}

test("a chip reports its kind and MAC address, and its log is read again afterwards", async () => {
  const { link, received } = await bench();
  const log = vi.spyOn(console, "log");
  expect(await inTime(askChip(link))).toEqual({ chip: "ESP32", mac: "24:0a:c4:12:34:56" });
  expect([log.mock.calls, received]).toEqual([[], []]);
  await inTime(link.reset());
  expect(received.join("")).toContain("SPI_FAST_FLASH_BOOT");
  await inTime(link.close());
});

test("an image arrives in flash byte for byte, with its progress", async () => {
  const { board, link } = await bench();
  const bytes = image();
  const shares: number[] = [];
  const found = await inTime(writeImage(link, bytes, share => shares.push(share), BAUD));
  expect(found.mac).toBe("24:0a:c4:12:34:56");
  expect(board.flash.subarray(0, bytes.byteLength).equals(bytes)).toBe(true);
  expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
  await inTime(link.close());
});

test("flash that does not keep the written bytes is found", async () => {
  const { board, link } = await bench();
  board.brokenAt = 0x4321;
  await expect(inTime(writeImage(link, image(), () => {}, BAUD))).rejects.toThrow("MD5");
  await inTime(link.close());
});

test("another kind of chip is not written", async () => {
  const { board, link } = await bench();
  board.magic = 0xfff0c101;
  await expect(inTime(writeImage(link, image(), () => {}, BAUD))).rejects.toThrow(
    "the board has an ESP8266, and the firmware is for the ESP32",
  );
  expect(board.flash.every(byte => byte === 0xff)).toBe(true);
  await inTime(link.close());
});

test("a program alone is no flash image, and the board is not touched", async () => {
  const { board, link } = await bench();
  const program = Buffer.alloc(0x9000, 0xe9).fill(0, 1);
  await expect(writeImage(link, program, () => {})).rejects.toThrow("esptool merge-bin");
  await inTime(link.close());
  expect(board.flash.every(byte => byte === 0xff)).toBe(true);
});

test("for a board that does not enter its loader the error names the button", async () => {
  const { board, link } = await bench();
  board.autoReset = false;
  await expect(inTime(askChip(link))).rejects.toThrow("button BOOT");
  await inTime(link.close());
});
