import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { banner } from "../../emulator/src/reset.ts";
import type { EmulatedAdapter } from "./emulated-port.ts";

const END = 0xc0;
const ESCAPE = 0xdb;
const ESCAPED: Record<number, number> = { 220: END, 221: ESCAPE };

/** Value of the register that identifies an ESP32. */
const MAGIC = 0x40001000;

/** An ESP32 of revision 0 with a flash of 4 MB, and the MAC address 24:0a:c4:12:34:56. */
const REGISTERS: Record<number, number> = {
  1073745920: 0x00f01d83, // identifies an ESP32
  1073061892: 0xc4123456,
  1073061896: 0x0000240a,
  1072963712: 0x001640ef, // the flash's id, after a command to ask for it
};

/**
 * A board with the ROM's loader, entered by the control lines: as much of esptool's protocol (its
 * documentation, "Serial Protocol") as it takes to identify a chip and write its flash.
 */
export class LoaderBoard implements EmulatedAdapter {
  plugged = true;
  onBytes: ((bytes: Uint8Array) => void) | undefined;
  readonly flash = Buffer.alloc(0x10_000, 0xff);
  /** The board has the auto-reset circuit, by which the lines select the loader. */
  autoReset = true;
  magic = REGISTERS[MAGIC];
  /** Offset of a bit that the flash does not keep. */
  brokenAt: number | undefined;
  #loader = false;
  #stub = false;
  #lines = "--";
  #received: number[] = [];
  #deflated: Uint8Array[] = [];
  #sizes = { bytes: 0, blocks: 0, address: 0 };

  set({ dtr, rts }: { dtr: boolean; rts: boolean }): void {
    const now = `${dtr ? "D" : "-"}${rts ? "R" : "-"}`;
    if (this.#lines === "-R" && now !== "-R") {
      this.#loader = this.autoReset && now === "D-";
      this.#stub = false;
      const lines = banner("power-on", this.#loader ? "download" : "flash");
      this.onBytes?.(Buffer.from(lines.map(line => `${line}\r\n`).join("")));
    }
    this.#lines = now;
  }

  unplug(): void {
    this.plugged = false;
  }

  send(bytes: Uint8Array): number {
    if (!this.#loader) return 0;
    for (const byte of bytes) {
      if (byte !== END) this.#received.push(byte);
      else if (this.#received.length > 0) this.#command(unescaped(this.#received.splice(0)));
    }
    return 0;
  }

  #command(packet: Buffer): void {
    const op = packet[1];
    const data = packet.subarray(8);
    const word = (at: number) => data.readUInt32LE(at);
    switch (op) {
      case 0x08: // SYNC
        for (let i = 0; i < 8; i++) this.#reply(op, { value: 0x20120707 });
        break;
      case 0x0a: // READ_REG
        this.#reply(op, { value: word(0) === MAGIC ? this.magic : (REGISTERS[word(0)] ?? 0) });
        break;
      case 0x05: // MEM_BEGIN, MEM_DATA, WRITE_REG, FLASH_DEFL_END
      case 0x07:
      case 0x09:
      case 0x12:
        this.#reply(op);
        break;
      case 0x06: // MEM_END: the loaded program runs
        this.#reply(op);
        this.#stub = true;
        this.#send(Buffer.from("OHAI"));
        break;
      case 0x10: // FLASH_DEFL_BEGIN
        this.#deflated = [];
        this.#sizes = { bytes: word(0), blocks: word(4), address: word(12) };
        this.#reply(op);
        break;
      case 0x11: // FLASH_DEFL_DATA
        this.#deflated.push(Buffer.from(data.subarray(16, 16 + word(0))));
        if (this.#deflated.length === this.#sizes.blocks) this.#write();
        this.#reply(op);
        break;
      case 0x13: // SPI_FLASH_MD5
        this.#reply(op, { body: this.#checksum(word(0), word(4)) });
        break;
      default: // as the ROM: an unknown command is answered eight times
        for (let i = 0; i < 8; i++) this.#reply(0xff, { status: [1, 5] });
    }
  }

  #checksum(address: number, count: number): Uint8Array {
    return createHash("md5")
      .update(this.flash.subarray(address, address + count))
      .digest();
  }

  #write(): void {
    const bytes = inflateSync(Buffer.concat(this.#deflated));
    if (bytes.byteLength !== this.#sizes.bytes) throw new Error("not what was announced");
    this.flash.set(bytes, this.#sizes.address);
    if (this.brokenAt !== undefined) this.flash[this.brokenAt] ^= 1;
  }

  #reply(
    op: number,
    reply: { value?: number; body?: Uint8Array; status?: readonly number[] } = {},
  ): void {
    const { value = 0, body = new Uint8Array(0), status = [0, 0] } = reply;
    const end = Buffer.from(this.#stub ? status : [...status, 0, 0]);
    const head = Buffer.alloc(8);
    head[0] = 1;
    head[1] = op;
    head.writeUInt16LE(body.byteLength + end.byteLength, 2);
    head.writeUInt32LE(value >>> 0, 4);
    this.#send(Buffer.concat([head, body, end]));
  }

  #send(packet: Buffer): void {
    const bytes = [...packet].flatMap(byte =>
      byte === END ? [ESCAPE, 0xdc] : byte === ESCAPE ? [ESCAPE, 0xdd] : [byte],
    );
    this.onBytes?.(Uint8Array.from([END, ...bytes, END]));
  }
}

function unescaped(bytes: number[]): Buffer {
  const plain: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    plain.push(bytes[i] === ESCAPE ? ESCAPED[bytes[++i]] : bytes[i]);
  }
  return Buffer.from(plain);
}
