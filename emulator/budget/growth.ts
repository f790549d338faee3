import type { MockSocket } from "net-mock-socket";
import { BACKENDS_MAX } from "../../firmware/src/config/settings.ts";
import { budget } from "../../firmware/src/net/connection-budget.ts";
import type { PeerSocket } from "../lwip/peer-socket.ts";
import { Bench, type BenchOptions, ourBoard } from "./bench.ts";
import { CountedBoard, Counter, cannotCount } from "./counted-board.ts";
import { answers, ask, GET, open, rawSession } from "./sessions.ts";

/**
 * How the cost grows with what a board has: backends, routes, connections, bytes. In computrons on the chip's engine, with emulated sockets;
 * bytes on target `lwip` too, where pipes in C move them, and in the processor's instructions.
 */

/** One line of a picture. */
export interface Series {
  readonly name: string;
  /** Cost at each size. */
  readonly points: readonly Point[];
}

export interface Point {
  readonly size: number;
  readonly cost: number;
}

/** A picture: what grows, and what it costs. */
export interface Growth {
  readonly title: string;
  readonly size: string;
  readonly cost: string;
  /** Sizes that double as often as here, and costs with them, are drawn by their logarithm. */
  readonly logarithmic?: boolean;
  /** The largest size that the board of our settings admits, where more were measured. */
  readonly admitted?: number;
  readonly series: readonly Series[];
}

const KIB = 1024;

/** Doubled from the first one to the last one. */
function doubled(first: number, last: number, times = 2): number[] {
  const sizes = [first];
  while (sizes.at(-1)! < last) sizes.push(sizes.at(-1)! * times);
  return sizes;
}

const BACKENDS = doubled(1, BACKENDS_MAX);
const ROUTES = doubled(1, 16);
const CONNECTIONS = doubled(1, 64);
const BYTES = doubled(KIB, 64 * KIB ** 2, 16);

/** The line is straight; more of it would take many minutes. */
const BYTES_BY_ENGINE = BYTES.filter(size => size <= 4 * KIB ** 2);

/** A multiple of every number of backends and connections, so that each has as many. */
const MEASURED = 64;

/** Each backend and each connection has had its first requests. */
const WARM = 2 * MEASURED;

/** Clients in the queue, by default. */
const QUEUE = 4;

/** A board for as many connections as are measured. */
const LARGE = { connectionsMax: 256, heapBytes: 16 * KIB ** 2 };

/** Computrons of one task, the average of many. */
async function each(bench: Bench, task: (i: number) => Promise<void>): Promise<number> {
  for (let i = 0; i < WARM; i++) await task(i);
  const { computrons, collections } = await bench.spent(async () => {
    for (let i = 0; i < MEASURED; i++) await task(i);
  });
  if (collections > 0) throw new Error("growth: garbage was collected, and not counted");
  bench.end();
  return computrons / MEASURED;
}

async function series(
  name: string,
  sizes: readonly number[],
  cost: (size: number) => Promise<number>,
): Promise<Series> {
  const points: Point[] = [];
  for (const size of sizes) points.push({ size, cost: await cost(size) });
  return { name, points };
}

const started = (options: BenchOptions) => new Bench(answers, options).start();

/** A kept-alive GET. */
async function get(options: BenchOptions, request = GET): Promise<number> {
  const bench = await started(options);
  const client = open(bench);
  return each(bench, () => ask(bench, client, request));
}

/** A raw session from its connection to its end, with five bytes each way. */
async function raw(options: BenchOptions): Promise<number> {
  const bench = await new Bench(socket => socket.pipe(socket), options).start();
  return each(bench, () => rawSession(bench));
}

async function backends(): Promise<Growth> {
  const by = (balance: string) => (backends: number) =>
    get({ backends, settings: { balance, inspect: [] } });
  return {
    title: "A request, and the number of backends",
    size: "backends",
    cost: "computrons per request or session",
    series: [
      await series("kept-alive GET, round-robin", BACKENDS, by("round-robin")),
      await series("kept-alive GET, least-connections", BACKENDS, by("least-connections")),
      await series("raw session, round-robin", BACKENDS, backends =>
        raw({ backends, settings: { inspect: [] } }),
      ),
    ],
  };
}

async function routes(): Promise<Growth> {
  const cost = (path: (count: number) => string) => (count: number) => {
    const routes = Array.from({ length: count }, (_, i) => ({ path: `/route-${i}` }));
    const request = GET.replace("/", path(count));
    return get({ settings: { inspect: [], routes } }, request);
  };
  return {
    title: "A request, and the number of routes",
    size: "routes",
    cost: "computrons per kept-alive GET",
    series: [
      await series(
        "for the first route",
        ROUTES,
        cost(() => "/route-0"),
      ),
      await series(
        "for the last route",
        ROUTES,
        cost(count => `/route-${count - 1}`),
      ),
    ],
  };
}

async function connections(): Promise<Growth> {
  const settings = { inspect: [], clientSessionsMax: 512 };
  const beside = async (count: number) => {
    const bench = await started({ settings, kind: LARGE });
    const clients = Array.from({ length: count }, () => open(bench));
    return each(bench, i => ask(bench, clients[i % count], GET));
  };
  const session = async (count: number) => {
    const bench = await new Bench(socket => socket.pipe(socket), { settings, kind: LARGE }).start();
    // One less stays open beside the one that comes and goes.
    const others: MockSocket[] = [];
    for (let i = 1; i < count; i++) {
      const client = open(bench);
      client.write("hello");
      others.push(client);
    }
    await bench.until(() => others.every(({ bytesRead }) => bytesRead >= 5));
    return each(bench, () => rawSession(bench));
  };
  return {
    title: "A request, and the number of open connections",
    size: "connections of clients",
    cost: "computrons per request or session",
    admitted: budget(ourBoard().connectionsMax, { queueMax: QUEUE, sessionsMax: undefined })
      .sessionsMax,
    series: [
      await series("kept-alive GET, one client after the other", CONNECTIONS, beside),
      await series("raw session beside open ones", CONNECTIONS, session),
    ],
  };
}

/** The head of an answer has arrived, and been acknowledged. */
const HEAD_MS = 100;

/**
 * Answers each request with a body of `size` bytes, in pieces of whole windows that follow the head: the simulated sender would go on for ever
 * with fragments of others.
 */
function sized(size: number, board: () => Bench | CountedBoard) {
  return (socket: MockSocket | PeerSocket) => {
    const piece = Buffer.alloc(board().windowBytes, "0123456789abcdef");
    let head = "";
    socket.on("data", (bytes: Buffer) => {
      head += bytes.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      head = "";
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      board().clock.after(HEAD_MS, () => {
        for (let left = size; left > 0; left -= piece.byteLength)
          socket.write(left < piece.byteLength ? piece.subarray(0, left) : piece);
      });
    });
  };
}

/** Sends the request, and waits for the answer to its end. */
async function download(
  board: Bench | CountedBoard,
  client: MockSocket | PeerSocket,
  size: number,
): Promise<void> {
  let received = 0;
  let headBytes = 0;
  const listen = (bytes: Buffer) => {
    if (headBytes === 0) headBytes = bytes.indexOf("\r\n\r\n") + 4;
    received += bytes.byteLength;
  };
  client.on("data", listen);
  client.write(GET);
  await board.until(() => headBytes > 0 && received >= headBytes + size);
  client.off("data", listen);
}

/** The engine moves each byte: the sockets have no pipes in C. */
async function byEngine(size: number): Promise<number> {
  const options: BenchOptions = { settings: { inspect: [] }, sender: "backend" };
  const bench: Bench = new Bench(
    sized(size, () => bench),
    options,
  );
  await bench.start();
  const client = open(bench);
  // Each kind of size has been seen; a large one is its own warm-up.
  if (size <= KIB ** 2) await download(bench, client, size);
  const { computrons } = await bench.spent(() => download(bench, client, size));
  bench.end();
  return computrons;
}

/** Pipes in C on target `lwip`: computrons, and the processor's instructions. */
async function byPipes(counter: Counter, size: number) {
  const engine = await counter.engine();
  const board: CountedBoard = new CountedBoard(
    counter,
    engine,
    sized(size, () => board),
  );
  await board.start();
  const client = board.connect();
  if (size <= KIB ** 2) await download(board, client, size);
  const { computrons, functions } = await board.stretch(() => download(board, client, size));
  board.end();
  return { computrons, instructions: functions.reduce((sum, f) => sum + f.instructions, 0) };
}

async function bytes(say: (line: string) => void): Promise<Growth[]> {
  const onLwip = { computrons: [] as Point[], instructions: [] as Point[] };
  if (cannotCount() === undefined) {
    const counter = new Counter(say);
    try {
      for (const size of BYTES) {
        const { computrons, instructions } = await byPipes(counter, size);
        onLwip.computrons.push({ size, cost: computrons });
        onLwip.instructions.push({ size, cost: instructions });
      }
    } finally {
      counter.end();
    }
  }
  const pipes = "pipes in C, target lwip";
  const axes = { size: "bytes of the body", logarithmic: true };
  const computrons: Growth = {
    title: "A response, and the bytes of its body",
    cost: "computrons per kept-alive GET",
    ...axes,
    series: [await series("the engine moves them", BYTES_BY_ENGINE, byEngine)],
  };
  if (onLwip.computrons.length === 0) return [computrons];
  return [
    {
      ...computrons,
      series: [...computrons.series, { name: pipes, points: onLwip.computrons }],
    },
    {
      title: "The same in instructions",
      cost: "instructions per kept-alive GET",
      ...axes,
      series: [{ name: pipes, points: onLwip.instructions }],
    },
  ];
}

/** All pictures. `say` gets lines about the progress. */
export async function growths(say: (line: string) => void): Promise<Growth[]> {
  const all: Growth[] = [];
  for (const measured of [backends, routes, connections, bytes]) {
    say(`growth: ${measured.name}`);
    all.push(...[await measured(say)].flat());
  }
  return all;
}
