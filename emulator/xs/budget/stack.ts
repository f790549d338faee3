import type { MockSocket } from "net-mock-socket";
import { Bench } from "./bench.ts";
import { type Figure, figure, type Measure } from "./figures.ts";

/** How deep the JavaScript stack goes: past the end of the chip's (`creation.stack`) the board is dead. */

/** Longer than anything in here takes. */
const SETTLE_MS = 20_000;

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const PIPELINED = 16;

/** More than the board admits and lets wait. */
const CROWD = 40;

/** As many as a document may have. */
const BACKENDS = 32;

/** Ports on which nobody listens. */
const REFUSING = Array.from({ length: BACKENDS }, (_, i) => ({
  address: "10.0.0.2",
  port: 9000 + i,
}));

const ADMIN_PORT = 8404;
const TOKEN = "a-token-of-tests";

interface Case {
  readonly settings?: object;
  /** Each client says so, as soon as it is connected. */
  readonly says: string;
  readonly clients?: number;
  readonly port?: number;
  readonly serves?: (socket: MockSocket) => void;
}

function answers(socket: MockSocket): void {
  socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  socket.on("end", () => socket.end());
}

const echoes = (socket: MockSocket) => void socket.pipe(socket);

const hangsUp = (socket: MockSocket) => void socket.destroy();

function admin(request: string, body = ""): Case {
  const length = `Content-Length: ${body.length}`;
  const says = `${request} HTTP/1.1\r\nHost: board\r\nAuthorization: Bearer ${TOKEN}\r\n${length}\r\n\r\n${body}`;
  return { says, port: ADMIN_PORT };
}

const DOCUMENT = JSON.stringify({
  backends: REFUSING,
  health: { check: "none" },
});

const CASES: Readonly<Record<string, readonly Case[]>> = {
  tcp: [{ says: "hello END", serves: echoes }],
  http: [
    { says: GET.repeat(PIPELINED), serves: answers },
    { says: GET, serves: hangsUp },
  ],
  crowd: [
    { says: "", clients: CROWD },
    { says: "hello", clients: CROWD, serves: hangsUp },
    { says: GET, clients: CROWD, serves: hangsUp },
  ],
  refused: [
    { says: "hello", clients: CROWD, settings: { backends: REFUSING } },
    { says: GET, clients: CROWD, settings: { backends: REFUSING } },
    { says: GET, clients: CROWD, settings: { backends: REFUSING, health: { fall: 1 } } },
  ],
  admin: [
    admin("GET /api/status"),
    admin("GET /metrics"),
    admin("GET /"),
    admin("PUT /api/config", DOCUMENT),
  ],
};

async function deepest({ settings, says, clients = 1, port, serves = echoes }: Case) {
  const bench = await new Bench(serves, { settings }).start();
  const { machine } = bench.program;
  machine.markStack();
  for (let i = 0; i < clients; i++) {
    const client = bench.connect(port);
    client.on("error", () => {});
    client.on("data", () => {});
    client.write(says);
  }
  await bench.pass(SETTLE_MS);
  const { stackSlots } = machine.figures();
  bench.end();
  return stackSlots;
}

export const stack: Measure = async () => {
  const figures: Figure[] = [];
  for (const [name, cases] of Object.entries(CASES)) {
    const depths: number[] = [];
    for (const each of cases) depths.push(await deepest(each));
    figures.push(figure(`stack.${name}`, Math.max(...depths), "slots"));
  }
  return figures;
};
