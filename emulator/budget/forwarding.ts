import type { MockSocket } from "net-mock-socket";
import type { HeapSize } from "../xs/machine.ts";
import { Bench, type BenchOptions, type Spent } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";
import type { Work } from "./work.ts";

/** The cost of a forwarded kilobyte: in computrons, in garbage, and beside a bare forwarder. */

const KIB = 1024;

/** Bytes before measuring: buffers are allocated, windows are open. */
const WARM_KIB = 64;
const MEASURED_KIB = 512;

/** Garbage of raw TCP fills a heap in 6 MiB. */
const COLLECTED_MIB = 16;

/** Windows in a chunk with its framing: whole segments, too, and 5.6 KB. */
const CHUNK_WINDOWS = 2;

/** Time for the last acknowledgements: every window is whole again. */
const SETTLE_MS = 1000;

/** Keywords that do not occur in the traffic, while their first letters do, as in real traffic. */
const KEYWORDS = ["END", "QUIT", "STOP", "ABORT", "XFER", "RESET", "HALT", "LEAVE"];

/**
 * Every letter repeated, so that a scanner finds many beginnings. A window full of it: whole segments, because
 * the simulated sender would go on forever with fragments of others.
 */
export const traffic = (bytes: number) =>
  Buffer.alloc(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ abcdefghijklmnopqrstuvwxyz.\r\n");

/** One way through the proxy, open. */
interface Stream {
  readonly bench: Bench;
  /** Sends about this many bytes and waits until they have arrived. Returns the exact number. */
  send(kib: number): Promise<number>;
}

const plain: BenchOptions = { settings: { inspect: [] } };

function inspecting(count: number): BenchOptions {
  const inspect = KEYWORDS.slice(0, count).map(keyword => ({ keyword, from: "client" }));
  return { settings: { inspect } };
}

/** Raw TCP, from the client (`up`) or to it. */
async function raw(direction: "up" | "down", options: BenchOptions): Promise<Stream> {
  let backend: MockSocket | undefined;
  let arrived = 0;
  const count = (bytes: Buffer) => {
    arrived += bytes.byteLength;
  };
  const bench = new Bench(
    socket => {
      backend = socket;
      socket.on("data", count);
    },
    { ...options, sender: direction === "up" ? "client" : "backend" },
  );
  await bench.start();
  const client = bench.connect();
  client.on("data", count);
  client.write("x"); // raw TCP by its first byte; connects the backend
  await bench.until(() => arrived === 1);
  await bench.pass(SETTLE_MS);
  const from = direction === "up" ? client : backend!;
  return stream(bench, from, traffic(bench.windowBytes), () => arrived);
}

/** The body of a response, by its length or in chunks. */
async function body(kind: "length" | "chunked", heap?: HeapSize): Promise<Stream> {
  let backend: MockSocket | undefined;
  let arrived = 0;
  const bench = new Bench(
    socket => {
      backend = socket;
      socket.on("data", () => {});
    },
    { ...plain, heap, sender: "backend" },
  );
  await bench.start();
  const client = bench.connect();
  client.on("data", (bytes: Buffer) => {
    arrived += bytes.byteLength;
  });
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await bench.until(() => backend !== undefined);
  const length = `Content-Length: ${2 ** 30}`; // more than is ever sent of it
  const framing = kind === "length" ? length : "Transfer-Encoding: chunked";
  backend!.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
  await bench.until(() => arrived > 0);
  await bench.pass(SETTLE_MS);
  const size = (bytes: number) => bytes.toString(16);
  const { windowBytes } = bench;
  const wholeChunk = CHUNK_WINDOWS * windowBytes;
  const inChunk = wholeChunk - size(wholeChunk).length - 4; // the size and two ends of line
  const chunk = Buffer.from(`${size(inChunk)}\r\n${traffic(inChunk)}\r\n`);
  const piece = kind === "length" ? traffic(windowBytes) : chunk;
  return stream(bench, backend!, piece, () => arrived);
}

function stream(bench: Bench, from: MockSocket, piece: Buffer, arrived: () => number): Stream {
  return {
    bench,
    async send(kib) {
      const count = Math.ceil((kib * KIB) / piece.byteLength);
      const bytes = count * piece.byteLength;
      const goal = arrived() + bytes;
      for (let i = 0; i < count; i++) from.write(piece);
      await bench.until(() => arrived() >= goal);
      return bytes;
    },
  };
}

/** The cost of one KiB of a stream; ends its bench. Collections are those of all. */
async function perKiB({ bench, send }: Stream, kib = MEASURED_KIB): Promise<Spent> {
  await send(WARM_KIB);
  let bytes = 0;
  const { computrons, slots, chunkBytes, collections } = await bench.spent(async () => {
    bytes = await send(kib);
  });
  bench.end();
  const each = (value: number) => (value * KIB) / bytes;
  return {
    computrons: each(computrons),
    slots: each(slots),
    chunkBytes: each(chunkBytes),
    collections,
  };
}

function garbage(name: string, { slots, chunkBytes, collections }: Spent): Figure[] {
  if (collections > 0) throw new Error(`budget: ${name}: garbage was collected, and not counted`);
  return [
    figure(`${name}.slots`, slots, "slots/KiB"),
    figure(`${name}.chunkBytes`, chunkBytes, "bytes/KiB"),
  ];
}

export const forwarding: Measure = async () => {
  const figures: Figure[] = [];
  for (const direction of ["up", "down"] as const) {
    const ours = await perKiB(await raw(direction, plain));
    const bare = await perKiB(await raw(direction, { program: "bare" }));
    figures.push(
      figure(`tcp.${direction}`, ours.computrons, "computrons/KiB"),
      figure(`tcp.${direction}.bare`, bare.computrons, "computrons/KiB"),
      figure(`tcp.${direction}.timesBare`, ours.computrons / bare.computrons, "×"),
      ...garbage(`tcp.${direction}`, ours),
    );
  }
  const whole = await perKiB(await raw("up", { ...plain, wholePieces: true }));
  return [...figures, ...garbage("tcp.wholePieces", whole)];
};

export const scanning: Measure = async () => {
  const unscanned = await perKiB(await raw("up", plain));
  const figures: Figure[] = [];
  for (const count of [1, 8]) {
    const scanned = await perKiB(await raw("up", inspecting(count)));
    figures.push(
      figure(`scan.${count}`, scanned.computrons, "computrons/KiB"),
      figure(`scan.${count}.timesPlain`, scanned.computrons / unscanned.computrons, "×"),
    );
  }
  return figures;
};

export const bodies: Measure = async () => {
  const byLength = await perKiB(await body("length"));
  const chunked = await perKiB(await body("chunked"));
  return [
    figure("http.body", byLength.computrons, "computrons/KiB"),
    ...garbage("http.body", byLength),
    figure("http.chunked", chunked.computrons, "computrons/KiB"),
    ...garbage("http.chunked", chunked),
  ];
};

/** About half of the heap that the SDK gives a program at the start is free once our firmware has booted. */
const FREE: HeapSize = { slots: 1024, chunkBytes: 16 * KIB };

/** Garbage collections, in a heap with as little room as the chip's. */
export const collecting: Measure = async () => {
  const booted = await new Bench(() => {}, plain).start();
  const { slots, chunkBytes } = booted.live();
  booted.end();
  const heap = { slots: slots + FREE.slots, chunkBytes: chunkBytes + FREE.chunkBytes };
  const perMiB = async (stream: Promise<Stream>) => {
    const { collections } = await perKiB(await stream, COLLECTED_MIB * KIB);
    return collections / COLLECTED_MIB;
  };
  const unit = "collections/MiB";
  return [
    figure("tcp.collections", await perMiB(raw("up", { ...plain, heap })), unit),
    figure("http.body.collections", await perMiB(body("length", heap)), unit),
    figure("http.chunked.collections", await perMiB(body("chunked", heap)), unit),
  ];
};

/** For the profile. */
export async function streaming(kind: "tcp" | "scan" | "body" | "chunked"): Promise<Work> {
  const { bench, send } = await {
    tcp: () => raw("up", plain),
    scan: () => raw("up", inspecting(1)),
    body: () => body("length"),
    chunked: () => body("chunked"),
  }[kind]();
  const run = async () => {
    await send(WARM_KIB);
  };
  return { bench, run, count: WARM_KIB };
}
