import { createHash } from "node:crypto";
import { ESPLoader, Transport } from "esptool-js";
import { BAUD, type SerialLink } from "./serial-link.ts";
import { WebSerial } from "./web-serial.ts";

/** Baud rate that every USB adapter of ESP32 boards supports; a megabyte takes about 20 s compressed. */
const FLASH_BAUD = 460_800;

/** Resets into the loader before the board is given up; esptool-js syncs five times after each. */
const ATTEMPTS = 3;

/** Where the ROM of an ESP32 looks for the second-stage bootloader, and the first byte of an image. */
const BOOTLOADER_AT = 0x1000;
const IMAGE_MAGIC = 0xe9;

/** The only chip that the firmware is built for. */
const CHIP = "ESP32";

/** A board's chip. */
export interface ChipIdentity {
  /** `ESP32`, `ESP32-S3`. */
  readonly chip: string;
  /** `24:0a:c4:12:34:56`. */
  readonly mac: string;
}

/** The chip does not obey, or not with this image; the message is one sentence. */
export class LoaderError extends Error {}

/**
 * Reads the chip's kind and MAC address through the ROM's loader. The caller resets the board afterwards,
 * because it stays in the loader.
 */
export function askChip(link: SerialLink): Promise<ChipIdentity> {
  return loading(link, BAUD, async loader => {
    await loader.detectChip("default_reset", ATTEMPTS);
    return identity(loader);
  });
}

/**
 * Writes a whole flash image (`esptool merge-bin`) and checks its MD5. The caller resets the board afterwards.
 * The image also covers NVS, which erases the board's stored Wi-Fi; flash behind the image stays.
 */
export async function writeImage(
  link: SerialLink,
  image: Uint8Array,
  progress: (share: number) => void,
  baud = FLASH_BAUD,
): Promise<ChipIdentity> {
  if (image[BOOTLOADER_AT] !== IMAGE_MAGIC) {
    throw new LoaderError(
      "the image has no bootloader at 0x1000: wanted a whole flash image for the ESP32, as `esptool merge-bin` makes it",
    );
  }
  return loading(link, baud, async loader => {
    await loader.main();
    const found = await identity(loader);
    if (found.chip !== CHIP) {
      throw new LoaderError(`the board has an ${found.chip}, and the firmware is for the ${CHIP}`);
    }
    await loader.writeFlash({
      fileArray: [{ data: image, address: 0 }],
      flashMode: "keep",
      flashFreq: "keep",
      flashSize: "keep",
      eraseAll: false,
      compress: true,
      calculateMD5Hash: bytes => createHash("md5").update(bytes).digest("hex"),
      reportProgress: (_file, written, total) => progress(written / total),
    });
    return found;
  });
}

async function identity(loader: ESPLoader): Promise<ChipIdentity> {
  return { chip: loader.chip.CHIP_NAME, mac: await loader.chip.readMac(loader) };
}

/** Runs `task` with the loader in the chip's ROM, on the link's open port. */
async function loading<T>(
  link: SerialLink,
  baudrate: number,
  task: (loader: ESPLoader) => Promise<T>,
): Promise<T> {
  return link.withPort(async port => {
    const transport = new Transport(new WebSerial(port) as never);
    transport.trace = () => {}; // it would write to the console
    const silent = { clean() {}, writeLine() {}, write() {} };
    const loader = new ESPLoader({ transport, baudrate, romBaudrate: BAUD, terminal: silent });
    try {
      return await task(loader);
    } catch (error) {
      if (!/Failed to connect/.test((error as Error).message)) throw error;
      throw new LoaderError(
        "the chip does not enter its loader: on a board without the auto-reset circuit, hold its button BOOT down meanwhile",
      );
    } finally {
      await transport.disconnect();
    }
  });
}
