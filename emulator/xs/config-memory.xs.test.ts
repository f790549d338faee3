import { readFileSync } from "node:fs";
import { Network, seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { BACKENDS_MAX, MACHINES_MAX, ROUTES_MAX } from "../../firmware/src/config/settings.ts";
import { MEMORY_RESERVE_BYTES } from "../../firmware/src/net/memory-reserve.ts";
import { Board } from "../src/board.ts";
import { esp32 } from "../src/boards/esp32.ts";
import { profileOf } from "../src/boards/profile.ts";
import { VirtualClock } from "../src/clock.ts";
import { xsFirmware } from "./firmware.ts";

const read = (name: string) =>
  readFileSync(new URL(`../../firmware/${name}`, import.meta.url), "utf8");

const KIND = esp32({
  sdkconfig: read("sdkconfig/sdkconfig.defaults"),
  manifest: read("manifest.json"),
});

const TOKEN = "battery-staple";

/** A document with so many backends and routes, each as long as in one of 12 KB. */
function documentOf(backends: number, routes: number, mark = "p"): object {
  const all = Array.from({ length: backends }, (_, i) => ({
    name: `machine-${i}.${"x".repeat(18)}`,
    address: `10.0.0.${i + 1}`,
    port: 8080,
    state: i > 0 ? "maint" : "ready",
    health: { check: "http", path: `/health/${mark.repeat(80)}`, host: `m${i}.${"h".repeat(60)}` },
  }));
  const names = all.slice(0, 4).map(({ name }) => name);
  return {
    backends: all,
    routes: Array.from({ length: routes }, (_, i) => ({ host: `s-${i}.home`, backends: names })),
  };
}

/** A document with all machines, and so many rules for each as 12 KB have room for. */
function machinesOf(mark: string): object {
  const names = Array.from({ length: MACHINES_MAX }, (_, i) => `machine-${i}`);
  const rule = { host: "*.home", path: "/photos", methods: ["GET"], clients: ["10.0.0.0/8"] };
  return {
    backends: names.map((machine, i) => ({
      ...{ address: `10.0.0.${i + 1}`, port: 8080, machine },
      health: { check: "http", path: `/health/${mark}` },
    })),
    machines: names.map((name, i) => ({
      ...{ name, mac: `24:0a:c4:00:00:0${i}`, idleMs: 600_000 },
      sleep: { url: `http://10.0.0.${i + 1}/${"s".repeat(80)}`, header: `A: ${"h".repeat(80)}` },
      wakeFor: Array.from({ length: 8 }, () => rule),
    })),
  };
}

const SMALL = documentOf(2, 0);
const LARGE = documentOf(BACKENDS_MAX, ROUTES_MAX);
const OTHER = documentOf(BACKENDS_MAX, ROUTES_MAX, "q");

/** A board with so much heap for connections; `put` sends it a configuration. */
async function boardWith(heapBytes: number, document: object) {
  const clock = new VirtualClock();
  const random = seeded(1);
  const kind = { ...KIND, heapBytes };
  const network = new Network({ clock, random });
  const wire = network.host("board", profileOf(kind));
  const lines: string[] = [];
  const onLine = (line: string) => lines.push(line);
  const board = new Board({ kind, clock, wire, random, onLine, reboots: true });
  board.boot(xsFirmware({ document }, { token: TOKEN }).boot);
  await clock.run({ ms: kind.joinMs + 100 });

  const exchange = async (head: string, body = "") => {
    const socket = network.host("operator").connect({ host: "board", port: 8404 });
    let received = "";
    socket.on("error", () => {});
    socket.on("data", (piece: Buffer) => {
      received += piece.toString("latin1");
    });
    socket.write(
      `${head} HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await clock.run({ until: () => socket.closed, ms: 60_000 });
    return { status: Number(received.slice(9, 12)), text: received };
  };
  const put = async (wish: object) => {
    const { status, text } = await exchange("PUT /api/config", JSON.stringify(wish));
    if (status !== 200) return `${status}`;
    return text.includes("accepted for the next start") ? "next start" : "in force";
  };
  const pathOf = async () =>
    (/"path":"\/health\/(.)/.exec((await exchange("GET /api/config")).text) ?? [])[1];
  return { board, clock, lines, put, pathOf };
}

test.each([
  { what: "backends and routes", document: OTHER },
  { what: "machines", document: machinesOf("q") },
])(
  "with ever less memory a configuration of 12 KB with $what is put in force, kept for the next start, or refused: the board goes on",
  async ({ document }) => {
    const outcomes = new Set<string>();
    for (let heapBytes = KIND.heapBytes; heapBytes > 14_000; heapBytes -= 3_000) {
      const { board, put, pathOf, lines } = await boardWith(heapBytes, SMALL);
      const outcome = await put(document);
      outcomes.add(outcome);
      expect([heapBytes, lines.filter(line => line.includes("abort"))]).toEqual([heapBytes, []]);
      expect(await pathOf()).toBe(outcome === "in force" ? "q" : "p");
      board.unplug();
    }
    expect([...outcomes].sort()).toEqual(["400", "503", "in force", "next start"]);
  },
);

test("a large configuration that replaces a large one is refused while memory is short, and clients are not; after a small one and a restart it is put in force", async () => {
  const { board, clock, lines, put, pathOf } = await boardWith(KIND.heapBytes, SMALL);
  const restart = async () => {
    board.reset();
    await clock.run({ ms: KIND.bootMs + KIND.joinMs + 100 });
  };
  expect(await put(LARGE)).toBe("in force");
  await clock.run({ ms: 31_000 });
  await restart();
  for (let i = 0; i < 5; i++) {
    expect(await put(OTHER)).toMatch(/^(400|503)$/);
    expect(await pathOf()).toBe("p");
    expect(board.heap.freeBytes).toBeGreaterThan(MEMORY_RESERVE_BYTES);
  }
  expect(await put(documentOf(2, 0, "s"))).toBe("in force");
  await clock.run({ ms: 31_000 });
  await restart();
  expect(await put(OTHER)).toBe("in force");
  await clock.run({ ms: 31_000 });
  await restart();
  expect(await pathOf()).toBe("q");
  expect(lines.filter(line => line.includes("abort"))).toEqual([]);
  expect(lines.filter(line => line.includes("config: saved"))).toHaveLength(3);
});
