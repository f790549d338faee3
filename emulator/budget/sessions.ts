import type { MockSocket } from "net-mock-socket";
import { BACKENDS_MAX } from "../../firmware/src/config/settings.ts";
import { REQUESTS_BYTES } from "../../firmware/src/log/log.ts";
import { alpn, clientHello, extension, name } from "../../firmware/src/net/hellos/testing.ts";
import type { PeerSocket } from "../lwip/peer-socket.ts";
import { machineWith } from "../xs/engine-snapshots.ts";
import { Bench } from "./bench.ts";
import { esp32Bytes, type Figure, figure, type Measure } from "./figures.ts";
import type { Work } from "./work.ts";

/** Costs of sessions and requests, memory of live ones, and leftovers of closed ones. */

const WARM = 20;
const MEASURED = 100;

/** Sessions held at once: fewer than the board admits. */
const HELD = 8;

/** Sessions that are closed before leftovers are measured. */
const CLOSED = 1000;

/** Time for idle backend connections, idle clients and lwIP's closing connections to end. */
const QUIET_MS = 120_000;

export const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** Answers each request except PUT, whose body it reads without an answer. */
export function answers(socket: MockSocket | PeerSocket): void {
  let head = "";
  socket.on("data", (bytes: Buffer) => {
    if (head.startsWith("PUT")) return;
    head += bytes.toString("latin1");
    if (head.startsWith("PUT")) return;
    for (let end = head.indexOf("\r\n\r\n"); end >= 0; end = head.indexOf("\r\n\r\n")) {
      head = head.slice(end + 4);
      socket.write(ANSWER);
    }
  });
  socket.on("end", () => socket.end());
}

function echoes(socket: MockSocket): void {
  socket.pipe(socket);
}

/** All clients have one address. */
const SETTINGS = { inspect: [], clientSessionsMax: HELD + 1 };

/** RFC 7685. */
const PADDING = 21;

/** The hello of a client that wants this server: as long as OpenSSL's and curl's are. */
const TLS_SERVER = "cloud.example.org";
const HELLO_BYTES = 517;
export const HELLO = Buffer.from(helloWith(HELLO_BYTES - helloWith(0).byteLength));
export const TLS = { routes: [{ sni: [TLS_SERVER] }] };

function helloWith(paddingBytes: number): Uint8Array {
  const padding = extension(PADDING, ...new Array<number>(paddingBytes).fill(0));
  return clientHello(name(TLS_SERVER), alpn("h2", "http/1.1"), padding);
}

const tls = () => new Bench(echoes, { settings: { ...SETTINGS, ...TLS } }).start();
const tcp = () => new Bench(echoes, { settings: SETTINGS }).start();
const http = () => new Bench(answers, { settings: SETTINGS }).start();

/** Sends, and waits for the answer's `length` bytes. */
async function exchange(
  bench: Bench,
  client: MockSocket,
  content: string | Buffer,
  length: number,
): Promise<void> {
  const before = client.bytesRead;
  client.write(content);
  await bench.until(() => client.bytesRead >= before + length);
}

export function open(bench: Bench): MockSocket {
  const client = bench.connect();
  client.on("data", () => {});
  client.on("error", () => {});
  return client;
}

/** One raw session from its connection to its end. */
export async function rawSession(bench: Bench): Promise<void> {
  const client = open(bench);
  await exchange(bench, client, "hello", 5);
  client.end();
  await bench.until(() => client.closed);
}

/** One TLS connection: its hello, the first bytes of the answer, and the close. */
async function tlsSession(bench: Bench): Promise<void> {
  const client = open(bench);
  await exchange(bench, client, HELLO, HELLO.byteLength);
  client.end();
  await bench.until(() => client.closed);
}

async function httpSession(bench: Bench, request = GET): Promise<void> {
  const client = open(bench);
  await ask(bench, client, request);
  client.end();
  await bench.until(() => client.closed);
}

/** One request, and its answer to the last byte. */
export async function ask(bench: Bench, client: MockSocket, request: string): Promise<void> {
  let received = "";
  const listen = (bytes: Buffer) => {
    received += bytes.toString("latin1");
  };
  client.on("data", listen);
  client.write(request);
  await bench.until(() => received.endsWith("\r\n\r\nok"));
  client.off("data", listen);
}

async function times(count: number, task: () => Promise<void>): Promise<void> {
  for (let i = 0; i < count; i++) await task();
}

/** Computrons and garbage of one of many. */
async function each(bench: Bench, name: string, unit: string, task: () => Promise<void>) {
  await times(WARM, task);
  const { computrons, slots, chunkBytes, collections } = await bench.spent(() =>
    times(MEASURED, task),
  );
  if (collections > 0) throw new Error(`budget: ${name}: garbage was collected, and not counted`);
  return [
    figure(name, computrons / MEASURED, `computrons/${unit}`),
    figure(`${name}.slots`, slots / MEASURED, `slots/${unit}`),
    figure(`${name}.chunkBytes`, chunkBytes / MEASURED, `bytes/${unit}`),
  ];
}

export const sessions: Measure = async () => {
  const bench = await tcp();
  const figures = await each(bench, "tcp.session", "session", () => rawSession(bench));
  bench.end();
  const ofTls = await tls();
  figures.push(...(await each(ofTls, "tls.session", "session", () => tlsSession(ofTls))));
  ofTls.end();
  return figures;
};

/** A GET with a head of this many bytes. */
export function withHead(bytes: number): string {
  const line = (i: number) => `X-Field-${String(i).padStart(2, "0")}: ${"v".repeat(48)}\r\n`;
  let head = "GET /index.html HTTP/1.1\r\nHost: example.org\r\n";
  for (let i = 0; head.length + line(i).length + 4 + 10 <= bytes; i++) head += line(i);
  const last = "X-Rest: ";
  return `${head}${last}${"r".repeat(bytes - head.length - last.length - 4)}\r\n\r\n`;
}

export const requests: Measure = async () => {
  const bench = await http();
  const client = open(bench);
  const figures: Figure[] = [];
  const measure = async (name: string, request: string) =>
    figures.push(...(await each(bench, name, "request", () => ask(bench, client, request))));
  await measure("http.get", GET);
  await measure("http.head300", withHead(300));
  await measure("http.head2048", withHead(2048));
  bench.end();
  return figures;
};

/** For the profile. */
export async function connecting(): Promise<Work> {
  const bench = await tcp();
  return { bench, run: () => times(WARM, () => rawSession(bench)), count: WARM };
}

export async function asking(headBytes?: number): Promise<Work> {
  const bench = await http();
  const client = open(bench);
  const request = headBytes === undefined ? GET : withHead(headBytes);
  return { bench, run: () => times(WARM, () => ask(bench, client, request)), count: WARM };
}

/** Requests that fill the list of the last ones: each has a line of more than 100 bytes. */
const LIST_FULL = Math.ceil(REQUESTS_BYTES / 100);

/** Bytes in flight through each session while it is measured. */
const UNDER_WAY_BYTES = 64 * 1024;

/** Long enough that some of each have arrived, too short for all: the air carries 1 MB/s for all together. */
const AMID_MS = 100;

/**
 * Live bytes of one of `HELD` sessions, more than without them: first idle, each after an exchange;
 * then in the middle of a stream that `pour` begins.
 */
async function held(
  bench: Bench,
  name: string,
  exchange: (client: MockSocket) => Promise<void>,
  pour: (client: MockSocket) => void,
): Promise<Figure[]> {
  // One more, which stays: what is made once, and the list of the last events, belong to no session.
  const first = open(bench);
  await times(LIST_FULL, () => exchange(first));
  const without = bench.live();
  const clients = Array.from({ length: HELD }, () => open(bench));
  for (const client of clients) await exchange(client);
  const idle = bench.live();
  for (const client of clients) pour(client);
  await bench.pass(AMID_MS);
  const streaming = bench.live();
  if (bench.sessions !== HELD + 1) throw new Error(`budget: ${name}: sessions have ended`);
  bench.end();
  return [
    ...ofOne(`${name}.idle`, without, idle),
    ...ofOne(`${name}.streaming`, without, streaming),
  ];
}

interface Live {
  readonly slots: number;
  readonly chunkBytes: number;
}

function ofOne(name: string, before: Live, after: Live): Figure[] {
  const one = {
    slots: (after.slots - before.slots) / HELD,
    chunkBytes: (after.chunkBytes - before.chunkBytes) / HELD,
  };
  return [
    figure(`${name}.slots`, one.slots, "slots/session"),
    figure(`${name}.chunkBytes`, one.chunkBytes, "bytes/session"),
    figure(`${name}.esp32Bytes`, esp32Bytes(one), "bytes/session"),
  ];
}

export const heap: Measure = async () => {
  const raw = await tcp();
  const { slots, chunkBytes } = raw.live();
  const ofTls = await tls();
  const web = await http();
  const bytes = Buffer.alloc(UNDER_WAY_BYTES, "x");
  const put = `PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${2 ** 20}\r\n\r\n`;
  return [
    figure("boot.slots", slots, "slots"),
    figure("boot.chunkBytes", chunkBytes, "bytes"),
    ...(await held(
      raw,
      "tcp",
      client => exchange(raw, client, "hello", 5),
      client => client.write(bytes),
    )),
    ...(await held(
      ofTls,
      "tls",
      client => exchange(ofTls, client, HELLO, HELLO.byteLength),
      client => client.write(bytes),
    )),
    ...(await held(
      web,
      "http",
      client => ask(web, client, GET),
      client => {
        client.write(put);
        client.write(bytes);
      },
    )),
  ];
};

/** Makes each line of the log longer than what is kept of it. */
const LONG_PATH = `GET /${"p".repeat(240)} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Backends of a small board, and of the largest. */
const [FEW, MOST] = [2, BACKENDS_MAX];

/** Live bytes when the program is loaded and has not started: on the chip it is in flash. */
function linked(): Live {
  const machine = machineWith("proxy", { now: () => 0, answer: () => "" });
  machine.collectGarbage();
  const live = machine.figures();
  machine.end();
  return live;
}

/** Memory of a board without a session: at its start, later, and for a backend. */
export const standing: Measure = async () => {
  const bench = await http();
  const fresh = bench.live();
  await times(LIST_FULL, () => httpSession(bench, LONG_PATH));
  await bench.pass(QUIET_MS);
  const served = bench.live();
  bench.end();
  const [few, most] = [await withBackends(FEW), await withBackends(MOST)];
  const flash = linked();
  const ofBackend = (of: "slots" | "chunkBytes") => (most[of] - few[of]) / (MOST - FEW);
  return [
    figure("rest.slots", few.slots - flash.slots, "slots"),
    figure("rest.chunkBytes", few.chunkBytes - flash.chunkBytes, "bytes"),
    figure("served.slots", served.slots - fresh.slots, "slots"),
    figure("served.chunkBytes", served.chunkBytes - fresh.chunkBytes, "bytes"),
    figure("backend.slots", ofBackend("slots"), "slots/backend"),
    figure("backend.chunkBytes", ofBackend("chunkBytes"), "bytes/backend"),
  ];
};

async function withBackends(count: number): Promise<Live> {
  const backends = Array.from({ length: count }, (_, i) => ({ address: "10.0.0.1", port: 1 + i }));
  const bench = await new Bench(answers, { settings: { backends } }).start();
  const live = bench.live();
  bench.end();
  return live;
}

/** Leftovers of a thousand sessions, after all their timers; the log's last lines were there before. */
async function left(bench: Bench, name: string, session: () => Promise<void>): Promise<Figure[]> {
  await times(LIST_FULL, session);
  await bench.pass(QUIET_MS);
  const before = bench.live();
  await times(CLOSED, session);
  await bench.pass(QUIET_MS);
  const after = bench.live();
  bench.end();
  return [
    figure(`${name}.left.slots`, after.slots - before.slots, "slots"),
    figure(`${name}.left.chunkBytes`, after.chunkBytes - before.chunkBytes, "bytes"),
  ];
}

export const leftovers: Measure = async () => {
  const [raw, web] = [await tcp(), await http()];
  return [
    ...(await left(raw, "tcp", () => rawSession(raw))),
    ...(await left(web, "http", () => httpSession(web))),
  ];
};
