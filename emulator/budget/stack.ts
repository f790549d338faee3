import type { MockSocket } from "net-mock-socket";
import { BACKENDS_MAX, MACHINES_MAX, ROUTES_MAX } from "../../firmware/src/config/settings.ts";
import { Bench } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";
import { HELLO, TLS } from "./sessions.ts";

/**
 * How deep the stack of JavaScript gets. One slot too many ends the chip's program, so each kind of
 * work is measured at its most.
 */

/** No program listens on this port and those after it. */
const DEAD_PORT = 9000;

const ADMIN_PORT = 8404;
const TOKEN = "the-token-of-a-bench";

/** One session; every other connection of the board is for clients that wait. */
const QUEUE = 24;

const GET = "GET /some/path HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n\r\n";
const POST =
  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const ANSWER = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

/** The longest heads, made of one thing only. */
const LONG_HEADS = [
  `GET http://x/${"a".repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET /${"/".repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: x\r\nConnection: ${"a,".repeat(31)}a\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: x\r\nConnection: ${"a,".repeat(4500)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${"a;".repeat(4500)}\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: x\r\n${"Cookie: a\r\n".repeat(31)}${"A: b\r\n".repeat(68)}\r\n`,
];

/** Requests that are sent without waiting for an answer. */
const PIPELINED = 20;

/** Answers every request; echoes anything else. */
function serves(socket: MockSocket): void {
  socket.on("data", (bytes: Buffer) => {
    const requests = bytes.toString("latin1").split(" HTTP/1.1\r\n").length - 1;
    socket.write(requests > 0 ? ANSWER.repeat(requests) : bytes);
  });
  socket.on("end", () => socket.end());
}

function open(bench: Bench, port?: number): MockSocket {
  const client = bench.connect(port);
  client.on("data", () => {});
  client.on("error", () => {});
  return client;
}

/** A client that sends `text`, until its connection is closed. */
async function sendText(bench: Bench, text: string, port?: number): Promise<void> {
  const client = open(bench, port);
  client.write(text);
  await bench.until(() => client.closed);
}

/** Clients that all send `text`, and close when they have received something or were closed. */
async function crowd(bench: Bench, count: number, text: string | Buffer): Promise<void> {
  const clients = Array.from({ length: count }, () => open(bench));
  for (const client of clients) {
    client.write(text);
    client.on("data", () => client.end());
  }
  await bench.until(() => clients.every(client => client.closed));
}

/** Without a backend all queued clients are admitted at once: each session ends as soon as it begins. */
async function letIn(bench: Bench, text: string): Promise<void> {
  const first = open(bench);
  first.write("first");
  await bench.until(() => first.bytesRead > 0);
  const others = Array.from({ length: QUEUE }, () => open(bench));
  for (const other of others) other.write(text);
  await bench.until(() => bench.look(["proxy", "admission", "queued"]) === QUEUE);
  bench.look(["runtime", "changeBackend"], ["a", { state: "maint" }]);
  first.end();
  await bench.until(() => others.every(other => other.closed));
}

function requestText(method: string, path: string, document: object = {}): string {
  const body = JSON.stringify(document);
  const fields = [
    "Host: board",
    `Authorization: Bearer ${TOKEN}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
  ];
  return `${method} ${path} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n${body}`;
}

async function operate(bench: Bench): Promise<void> {
  for (const path of ["/", "/metrics", "/api/status", "/api/events", "/api/config"]) {
    await sendText(bench, requestText("GET", path), ADMIN_PORT);
  }
  await sendText(bench, requestText("PUT", "/api/config", LARGE), ADMIN_PORT);
  await sendText(bench, requestText("PUT", "/api/config", WRONG), ADMIN_PORT);
  await sendText(
    bench,
    requestText("PUT", "/api/backends/a", { state: "drain", weight: 2 }),
    ADMIN_PORT,
  );
  await sendText(bench, requestText("PUT", "/api/explain", { picks: 2 }), ADMIN_PORT);
  await sendText(bench, requestText("PUT", "/api/config/previous"), ADMIN_PORT);
  for (const text of ["raw END", GET]) await crowd(bench, 1, text);
}

const DEAD = Array.from({ length: BACKENDS_MAX }, (_, i) => ({
  address: "10.0.0.1",
  port: DEAD_PORT + i,
}));

/** Machines of the first backends, with all that the key can hold. */
const MACHINES = Array.from({ length: MACHINES_MAX }, (_, i) => ({
  name: `machine-${i}`,
  mac: `24:0a:c4:00:00:0${i}`,
  secureOn: "01:02:03:04:05:06",
  broadcast: "10.0.0.255",
  wakeFor: [
    { host: "*.home", path: "/photos", methods: ["GET", "POST"], clients: ["10.0.0.0/8"] },
    { sni: ["cloud.home", "*.cloud.home"] },
    { firstLine: "SSH-2.0" },
  ],
  sleep: { url: "http://10.0.0.1:8000/suspend", header: "Authorization: Bearer key" },
  idleMs: 600_000,
  awakeTimes: ["mon-fri 07:30-22:00", "sat-sun 09:00-24:00"],
  asleepCheckMs: 60_000,
}));

/** The largest configuration. */
const LARGE = {
  backends: DEAD.map((backend, i) => ({
    ...backend,
    ...(i === 0 ? { health: { fall: 1 } } : {}),
    ...(i < MACHINES_MAX ? { machine: MACHINES[i].name } : {}),
  })),
  machines: MACHINES,
  balance: "weighted-round-robin",
  health: { check: "http", host: "api.home", body: "fine", status: "200-299,301" },
  sticky: "cookie",
  stickyKey: "a-key-of-a-bench",
  routes: Array.from({ length: ROUTES_MAX }, (_, i) => ({ path: `/${i}`, backends: ["a", "b"] })),
  trustedProxies: ["10.0.0.0/8"],
};

const WRONG = {
  ...LARGE,
  balanc: 1,
  routes: LARGE.routes.map(() => ({ pathh: "x" })),
  machines: MACHINES.map(machine => ({
    ...machine,
    wakeFor: [{ clients: ["x"], sni: [MACHINES] }],
  })),
};

const TCP = [{ port: 80, mode: "tcp" }];

interface Case {
  readonly settings?: object;
  /** Without it only the start counts. */
  readonly play?: (bench: Bench) => Promise<void>;
}

const CASES: Record<string, Case> = {
  start: { settings: LARGE },
  "tcp.session": { play: bench => sendText(bench, "hello END") },
  "tls.session": { settings: TLS, play: bench => crowd(bench, 1, HELLO) },
  "http.pipelined": {
    settings: { sticky: "cookie" },
    play: bench => crowd(bench, 1, (GET + POST).repeat(PIPELINED)),
  },
  "http.longHeads": {
    settings: { sticky: "cookie", routes: [{ path: "/", strip: true }] },
    play: async bench => {
      for (const head of LONG_HEADS) await crowd(bench, 1, head);
    },
  },
  // As many clients as are served or queued: each ends one after the other.
  "http.crowd": { play: bench => crowd(bench, 16, GET) },
  "queue.tcp": {
    settings: { listeners: TCP, sessionsMax: 1, clientSessionsMax: 1, queueMax: QUEUE },
    play: bench => letIn(bench, "hello"),
  },
  "queue.http": {
    settings: { sessionsMax: 1, clientSessionsMax: 1, queueMax: QUEUE },
    play: bench => letIn(bench, GET),
  },
  "refused.tcp": {
    settings: { backends: DEAD },
    play: bench => sendText(bench, "hello"),
  },
  "refused.http": {
    settings: { backends: DEAD, retries: BACKENDS_MAX },
    play: bench => crowd(bench, 1, GET),
  },
  operator: { settings: LARGE, play: operate },
};

/** The deepest stack of a case. */
async function deepest(name: string, { settings, play }: Case): Promise<Figure> {
  const bench = await new Bench(serves, { settings, token: TOKEN }).start();
  if (play !== undefined) {
    bench.program.machine.forgetStack();
    await play(bench);
  }
  const { stackSlotsMax } = bench.program.machine.figures();
  bench.end();
  return figure(`stack.${name}`, stackSlotsMax, "slots");
}

export const stack: Measure = async () => {
  const figures: Figure[] = [];
  for (const [name, each] of Object.entries(CASES)) figures.push(await deepest(name, each));
  return figures;
};
