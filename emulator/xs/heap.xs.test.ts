import { readFileSync } from "node:fs";
import { Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { BACKENDS_MAX, MACHINES_MAX, ROUTES_MAX } from "../../firmware/src/config/settings.ts";
import { Board } from "../src/board.ts";
import { SLOT_BYTES } from "../src/boards/chip-memory.ts";
import { esp32 } from "../src/boards/esp32.ts";
import type { BoardKind } from "../src/boards/kind.ts";
import { profileOf } from "../src/boards/profile.ts";
import { VirtualClock } from "../src/clock.ts";
import { UDP_SOCKET_BYTES } from "../src/io/udp.ts";
import { xsFirmware } from "./firmware.ts";

const read = (name: string) =>
  readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");

const KIND = esp32({
  sdkconfig: read("sdkconfig/sdkconfig.defaults"),
  manifest: read("manifest.json"),
  sockets: "own",
});

/** As many backends as a configuration may have, each in as many groups. */
const LARGE = {
  backends: Array.from({ length: BACKENDS_MAX }, (_, i) => ({
    name: `backend-${i}`,
    address: "10.0.0.9",
    port: 1 + i,
  })),
  routes: Array.from({ length: ROUTES_MAX }, (_, i) => ({
    path: `/${i}`,
    backends: Array.from({ length: BACKENDS_MAX }, (_, i) => `backend-${i}`),
  })),
};

/** The firmware once it has booted and joined its network. */
async function booted(settings: object = {}, kind: BoardKind = KIND) {
  const clock = new VirtualClock();
  const random = seeded(1);
  const wire = new Network({ clock, random }).host("board", profileOf(kind));
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const board = new Board({ kind, clock, wire, random, onLine, multicast: true });
  const document = {
    backends: LARGE.backends.slice(0, 2),
    health: { check: "none" },
    ...settings,
  };
  board.boot(xsFirmware({ document }).boot);
  await clock.run({ ms: kind.joinMs + 3_000 }); // its name is announced twice meanwhile
  return { board, lines, freeBytes: board.heap.freeBytes, ready: lines.join().includes("ready") };
}

test("the firmware boots within the heap that the manifest reserves, and takes nothing of the board's but the socket of its name", async () => {
  const { freeBytes, ready, lines } = await booted();
  expect(lines.join()).toContain("mdns: claimed");
  const bytes = KIND.heapBytes - UDP_SOCKET_BYTES;
  expect({ freeBytes, ready }).toEqual({ freeBytes: bytes, ready: true });
});

test("the engine has the heap that the manifest of its board reserves", async () => {
  const { creation } = JSON.parse(read("manifest-ethernet.json"));
  const larger = { ...KIND, creation: esp32({ manifest: JSON.stringify({ creation }) }).creation! };
  const [few, many] = [await booted(LARGE), await booted(LARGE, larger)];
  const reservedBytes = SLOT_BYTES * (larger.creation.slots - KIND.creation!.slots);
  // a larger heap is collected less often, so it holds more that is garbage
  expect(many.freeBytes - few.freeBytes).toBeGreaterThan(reservedBytes / 2);
});

test("what it takes beyond that reduces the heap for connections, until the reset", async () => {
  const { board, freeBytes, ready } = await booted(LARGE);
  expect(ready).toBe(true);
  expect(KIND.heapBytes - freeBytes).toBeGreaterThan(20_000);
  board.unplug();
  expect(board.heap.freeBytes).toBe(KIND.heapBytes);
});

test("a board with less memory ends with one line, as the chip does", async () => {
  const { board, lines } = await booted(LARGE, { ...KIND, heapBytes: 20_000 });
  expect(lines.at(-1)).toBe("XS abort: memory full");
  expect(board.fatal).toBeDefined();
});

test.each([
  ["/", 15_000],
  ["/metrics", 20_000],
  ["/api/status", 11_000],
  ["/api/machines", 1_500],
])(
  "%s of 32 backends and 8 machines is sent in pieces: %i bytes take no more than 7 KB",
  async (path, bytes) => {
    const clock = new VirtualClock();
    const random = seeded(1);
    const network = new Network({ clock, random });
    const wire = network.host("board", profileOf(KIND));
    const board = new Board({ kind: KIND, clock, wire, random });
    const machines = Array.from({ length: MACHINES_MAX }, (_, i) => ({
      name: `machine-${i}`,
      mac: `24:0a:c4:00:00:0${i}`,
    }));
    const backends = LARGE.backends.map((backend, i) =>
      i < MACHINES_MAX
        ? { ...backend, machine: machines[i].name, health: { check: "tcp" } }
        : backend,
    );
    const document = { backends, machines, health: { check: "none" } };
    board.boot(xsFirmware({ document }).boot);
    await clock.run({ ms: KIND.joinMs + 100 });
    const { freeBytes } = board.heap;
    const socket = network.host("operator").connect({ host: "board", port: 8404 });
    let received = 0;
    socket.on("data", (piece: Buffer) => {
      received += piece.length;
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: board\r\n\r\n`);
    await clock.run({ until: () => socket.closed, ms: 60_000 });
    expect(received).toBeGreaterThan(bytes);
    expect(freeBytes - board.heap.freeBytes).toBeLessThan(7_168); // XS keeps what it took
    board.unplug();
  },
);
