import { spawn } from "node:child_process";
import { once } from "node:events";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from "vitest";
import { serve } from "../../backends/src/serve.ts";
import { buildTapBoard } from "../../emulator/lwip/board.ts";
import { BOARD_ADDRESS, PEER_ADDRESS } from "../../emulator/lwip/engine-network.ts";
import { NetworkNamespace } from "../../emulator/lwip/network-namespace.ts";
import { onThisComputer, PATIENCE_MS } from "../kit/patience.ts";
import { makeTapNamespace, TapBoard } from "../kit/tap-board.ts";
import { missing } from "./reference-proxies.ts";

// The magic packets of the firmware as they leave the chip's TCP stack: whole Ethernet frames that tcpdump has captured, compared with what the
// standards say. The checks of the bytes share no code with the firmware or the emulator.

/** A frame and when it was captured, in seconds. */
interface Captured {
  readonly atS: number;
  readonly frame: Buffer;
}

/** The output of tcpdump: a header of 24 bytes, and for each frame one of 16 (pcap, draft-ietf-opsawg-pcap). */
class Capture {
  readonly frames: Captured[] = [];
  /** Resolves when it captures. */
  readonly ready: Promise<unknown>;
  #rest = Buffer.alloc(0);
  #isBegun = false;
  #program: ReturnType<typeof spawn>;

  constructor(namespace: NetworkNamespace, filter: string) {
    const options = ["--immediate-mode", "-U", "-w", "-", "-i", NetworkNamespace.DEVICE];
    this.#program = spawn(...namespace.command("tcpdump", ...options, filter));
    this.#program.stdout!.on("data", (bytes: Buffer) => this.#take(bytes));
    this.ready = once(this.#program.stdout!, "data"); // the header
  }

  async stop(): Promise<void> {
    if (this.#program.exitCode !== null || this.#program.signalCode !== null) return;
    const ended = once(this.#program, "exit");
    this.#program.kill();
    await ended;
  }

  #take(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.#isBegun && this.#rest.byteLength >= 24) {
      expect(this.#rest.readUInt32LE(0)).toBe(0xa1b2c3d4);
      expect(this.#rest.readUInt32LE(20)).toBe(1); // Ethernet
      this.#rest = this.#rest.subarray(24);
      this.#isBegun = true;
    }
    while (this.#isBegun && this.#rest.byteLength >= 16) {
      const length = this.#rest.readUInt32LE(8);
      if (this.#rest.byteLength < 16 + length) break;
      expect(this.#rest.readUInt32LE(12)).toBe(length); // nothing was cut
      const atS = this.#rest.readUInt32LE(0) + this.#rest.readUInt32LE(4) / 1e6;
      this.frames.push({ atS, frame: this.#rest.subarray(16, 16 + length) });
      this.#rest = this.#rest.subarray(16 + length);
    }
  }
}

/** The sum of 16-bit words in one's complement (RFC 1071): 65535 over a header with its checksum, or a datagram with its pseudo header. */
function onesSum(...parts: readonly Buffer[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let at = 0; at < bytes.byteLength; at += 2) sum += (bytes[at] << 8) | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Checks one frame from the Ethernet header to the last byte, and returns the port that it is for. */
function portOf(frame: Buffer, destination: string, payload: string): number {
  expect(frame.toString("hex", 0, 6)).toBe("ffffffffffff");
  expect(frame[6] & 1).toBe(0); // a card's own address
  expect(frame.toString("hex", 12, 14)).toBe("0800");

  const ip = frame.subarray(14, 34);
  expect(ip[0]).toBe(0x45);
  const length = ip.readUInt16BE(2);
  expect(length).toBe(20 + 8 + payload.length / 2);
  expect(ip.readUInt16BE(6) & 0x3fff).toBe(0); // no fragment
  expect(ip[8]).toBeGreaterThan(0);
  expect(ip[9]).toBe(17);
  expect([...ip.subarray(12, 16)].join(".")).toBe(BOARD_ADDRESS);
  expect([...ip.subarray(16, 20)].join(".")).toBe(destination);
  expect(onesSum(ip)).toBe(0xffff);

  const udp = frame.subarray(34, 14 + length);
  expect(udp.readUInt16BE(4)).toBe(length - 20);
  const pseudo = Buffer.from([...ip.subarray(12, 20), 0, 17, ...udp.subarray(4, 6)]);
  if (udp.readUInt16BE(6) !== 0) expect(onesSum(pseudo, udp)).toBe(0xffff);
  expect(udp.toString("hex", 8)).toBe(payload);
  return udp.readUInt16BE(2);
}

const SYNC = "ffffffffffff";

/** Pauses between the packets, in seconds. */
const PAUSES_S = [0.5, 0.5, 1, 2];

/** How often packets come before the pause of ten seconds. */
const TIMES = PAUSES_S.length + 1;

/** Most that a packet may be late, in seconds. */
const LATE_S = onThisComputer(300) / 1000;

const absent = missing("tcpdump", "curl");
const without = absent.length > 0 ? ` (skipped: ${absent.join(" and ")} not installed)` : "";
const cannotStart = inject("noTap") ?? (process.env.CI ? undefined : inject("noLwip"));

describe.skipIf(cannotStart ?? without)(`magic packets${without}`, () => {
  let namespace: NetworkNamespace;

  beforeAll(async () => {
    namespace = await makeTapNamespace();
  });

  afterAll(() => namespace.close());

  test.each([
    {
      what: "an address",
      machine: { mac: "24-0A-C4-00-00-01" },
      destination: "255.255.255.255", // this board does not know its netmask
      payload: SYNC + "240ac4000001".repeat(16),
    },
    {
      what: "an address and a password, to an address of your own",
      machine: {
        mac: "02:00:5e:10:20:30",
        secureOn: "a1:B2:03:04:05:06",
        broadcast: "10.255.255.255",
      },
      destination: "10.255.255.255", // its stack has 10.0.0.0/8
      payload: `${SYNC}${"02005e102030".repeat(16)}a1b203040506`,
    },
  ])(
    "with $what are right in every byte, and come at 0, 0.5, 1, 2 and 4 s",
    async ({ machine, destination, payload }) => {
      const engine = await buildTapBoard("memory", line => process.stderr.write(`${line}\n`));
      const listener = await namespace.listen();
      const { port } = listener.address() as { port: number };
      await new Promise(closed => listener.close(closed));
      const board = await TapBoard.start(engine, namespace, {
        health: { check: "tcp" },
        backends: [{ address: PEER_ADDRESS, port, machine: "tower" }],
        machines: [{ name: "tower", ...machine }],
      });
      onTestFinished(() => board.stop());
      const filter = `udp and src host ${BOARD_ADDRESS} and (dst port 9 or 7)`;
      const capture = new Capture(namespace, filter);
      onTestFinished(() => capture.stop());
      await capture.ready;
      const curl = execa(
        ...namespace.command("curl", "-sS", "--noproxy", "*", `http://${BOARD_ADDRESS}/`),
      );
      await expect
        .poll(() => capture.frames.length, { timeout: PATIENCE_MS })
        .toBeGreaterThanOrEqual(2 * TIMES);
      const server = await serve({ name: "tower", port, behaviour: {}, network: namespace });
      expect((await curl).stdout).toBe("tower: GET /");
      await capture.stop();

      const packets = capture.frames.map(({ atS, frame }) => {
        return { atS, port: portOf(frame, destination, payload) };
      });
      expect(packets.map(({ port }) => port).slice(0, 2 * TIMES)).toEqual(
        Array.from({ length: TIMES }, () => [9, 7]).flat(),
      );
      const times = packets.filter(({ port }) => port === 9).map(({ atS }) => atS);
      for (const [index, pauseS] of PAUSES_S.entries()) {
        const wasS = times[index + 1] - times[index];
        expect(Math.abs(wasS - pauseS)).toBeLessThan(LATE_S);
      }
      await server.stop();

      await board.rest();
      board.stop();
    },
  );
});
