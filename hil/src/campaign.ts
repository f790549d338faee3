import { type MockSocket, seeded, type Undo } from "net-mock-socket";
import { httpBackend, MessageReader, reply } from "./http-backend.ts";
import { collect, echoes, Lab } from "./lab.ts";

/** How long there are clients and faults, and then only clients that wait for their end. */
const STORM_MS = 60_000;

/** After the storm: longer than any timeout of the proxy, its tunnel's 10 minutes included. */
const QUIET_MS = 15 * 60_000;

const CLIENTS = 40;

/** What a world came to. */
export interface Outcome {
  readonly seed: number;
  /** Invariants that did not hold; none in a world that is as it should be. */
  readonly broken: readonly string[];
  /** What was played, in words. */
  readonly plan: readonly string[];
  /** Rare things that happened: termination states of requests and endings of sessions. */
  readonly sometimes: readonly string[];
  readonly traceHash: string;
  /** Virtual time that passed. */
  readonly ms: number;
  readonly lab: Lab;
}

/**
 * Plays the world of a seed: a board, one to four backends, forty clients that speak HTTP or raw TCP,
 * weather on the links and faults that come and go; then a quiet time in which all must end.
 *
 * - always: the board lives, never has more connections than it may, and what a client reads is an
 *   exact beginning of what was sent for it;
 * - always: a request that must not be repeated reaches backends once at most, and no backend reads
 *   anything that is not a request;
 * - finally: no session, socket, control block or alarm is left on the board. (A client may be: when
 *   the reset that was sent to it is lost, it only hears of it if it writes, as in life.)
 */
export async function playWorld(seed: number): Promise<Outcome> {
  const chance = seeded(seed * 2 + 1);
  const upTo = (count: number) => Math.floor(chance() * count);
  const lab = new Lab(undefined, { seed });
  const { clock, network } = lab;
  const plan: string[] = [];
  const broken: string[] = [];
  const expect = (holds: boolean, invariant: string) => {
    if (!holds && !broken.includes(invariant)) broken.push(invariant);
  };

  // The cast
  const posts = new Map<string, number>();
  const names = ["a", "b", "c", "d"].slice(0, 1 + upTo(4));
  const readers: (() => boolean)[] = [];
  const backends = names.map(name => {
    const http = httpBackend(request => {
      const [method, path] = request.line.split(" ");
      if (method === "POST") posts.set(path, (posts.get(path) ?? 0) + 1);
      return reply(bodyFor(path));
    });
    readers.push(() => http.sound);
    return lab.backend(name, socket => serveEither(socket, http.serve));
  });
  await lab.serve({ inspect: [] });

  // The weather
  for (const host of ["board", ...names]) {
    const settings = {
      latencyMs: 1 + upTo(20),
      jitterMs: upTo(30),
      loss: chance() < 0.5 ? 0 : 0.02,
    };
    network.link(host, settings);
    plan.push(`${host}: ${JSON.stringify(settings)}`);
  }
  const down = new Set<string>();
  const faults: ((host: string) => Undo | undefined)[] = [
    host => network.cut("board", host),
    host => network.clog(host),
    host => network.refuse(host),
    host => network.blackHole(host),
    host => network.hold("board", host),
    host => {
      network.resetConnections(host);
      return undefined;
    },
    host => {
      if (down.has(host)) return undefined;
      const backend = backends.find(({ name }) => name === host)!;
      down.add(host);
      backend.stop();
      return () => {
        down.delete(host);
        backend.start();
      };
    },
  ];
  const undos = new Set<Undo>();
  for (let i = upTo(6); i > 0; i--) {
    const at = upTo(STORM_MS);
    const lasts = 100 + upTo(15_000);
    if (chance() < 0.2) {
      plan.push(`${at}: the Wi-Fi drops for ${lasts} ms`);
      clock.after(at, () => lab.wifiDrop(lasts));
      continue;
    }
    const which = upTo(faults.length);
    const host = names[upTo(names.length)];
    plan.push(`${at}: fault ${which} at ${host} for ${lasts} ms`);
    clock.after(at, () => {
      const undo = faults[which](host);
      if (undo === undefined) return;
      undos.add(undo);
      clock.after(lasts, () => {
        if (undos.delete(undo)) undo();
      });
    });
  }

  // The traffic
  for (let i = 0; i < CLIENTS; i++) {
    const at = upTo(STORM_MS);
    const client = chance() < 0.3 ? rawClient(upTo(20_000)) : httpClient(i, 1 + upTo(5), chance);
    const leaves = chance() < 0.2 ? upTo(2_000) : undefined;
    clock.after(at, () => {
      const socket = lab.connect();
      client(socket, expect);
      if (leaves !== undefined) clock.after(leaves, () => socket.destroy());
      else clock.after(STORM_MS, () => socket.end());
    });
  }
  const { connectionsMax } = lab.board.kind;
  const watch = () => {
    expect(lab.board.stack.connections <= connectionsMax, "more connections than the board has");
    if (clock.now() < STORM_MS) clock.after(50, watch);
  };
  watch();

  await clock.run({ ms: STORM_MS });
  for (const undo of undos) undo();
  undos.clear();
  network.heal();
  await clock.run({ ms: QUIET_MS });

  expect(lab.board.fatal === undefined, `the board has died: ${lab.board.fatal}`);
  expect(lab.app!.proxy.sessions === 0, "a session is left");
  expect(
    lab.app!.proxy.pool.backends.every(({ sessions }) => sessions === 0),
    "a backend still counts a session",
  );
  expect(lab.board.stack.objects === 0, "a socket object is left");
  expect(lab.board.stack.connections === 0, "a control block is left");
  expect(lab.board.stack.heldBytes === 0, "heap is left with connections");
  expect(lab.board.alarms === 0, "an alarm is left");
  expect(
    readers.every(sound => sound()),
    "a backend read what is no request",
  );
  for (const [path, count] of posts) expect(count === 1, `POST ${path} was sent ${count} times`);
  expect(lab.events("session", "exception").length === 0, "an exception was caught");

  const sometimes = new Set([
    ...lab.events("http", "request").map(({ values }) => `${values.state} ${values.status}`),
    ...lab.events("http", "request").map(({ values }) => `retries ${values.retries}`),
    ...lab.events("session", "end").map(({ values }) => values.why),
    ...(lab.board.stack.freedPointers > 0 ? ["the SDK's sockets would have ended the board"] : []),
  ]);
  return {
    seed,
    broken,
    plan,
    sometimes: [...sometimes],
    traceHash: network.trace.hash,
    ms: clock.now(),
    lab,
  };
}

/** The body of a path: as long as its last number says, and like no other path's. */
function bodyFor(path: string): string {
  const length = Number(path.split("/").at(-1));
  return `${path} `.repeat(Math.ceil(length / (path.length + 1))).slice(0, length);
}

/** One port for both, as the demo backends have it. */
function serveEither(socket: MockSocket, http: (socket: MockSocket) => void): void {
  socket.once("data", (first: Buffer) => {
    socket.pause();
    socket.unshift(first);
    if (/^(GET|POST|PUT) /.test(first.toString("latin1"))) http(socket);
    else echoes(socket);
    socket.resume();
  });
}

type Client = (socket: MockSocket, expect: (holds: boolean, invariant: string) => void) => void;

function rawClient(length: number): Client {
  return (socket, expect) => {
    const sent = bodyFor(`raw/${length}`);
    const heard = collect(socket);
    socket.write(sent);
    socket.on("close", () =>
      expect(sent.startsWith(heard.text), "a raw client read what it did not send"),
    );
  };
}

/** Sends requests one after the other, each when the one before is answered. */
function httpClient(id: number, count: number, chance: () => number): Client {
  const paths = Array.from({ length: count }, (_, i) => ({
    method: ["GET", "GET", "POST", "PUT"][Math.floor(chance() * 4)],
    path: `/${id}/${i}/${Math.floor(chance() * 8_000)}`,
  }));
  return (socket, expect) => {
    let asked: { method: string; path: string } | undefined;
    const next = () => {
      asked = paths.shift();
      if (asked === undefined) {
        socket.end();
        return;
      }
      const { method, path } = asked;
      const body = method === "GET" ? "" : bodyFor(path);
      const length = method === "GET" ? "" : `Content-Length: ${body.length}\r\n`;
      reader.expects(method);
      socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${length}\r\n${body}`);
    };
    const reader = new MessageReader("response", ({ line, body, complete }) => {
      if (line.startsWith("HTTP/1.1 200") && complete) {
        const right = body.toString("latin1") === bodyFor(asked!.path);
        expect(right, `a wrong answer to ${asked!.method} ${asked!.path}`);
      }
      next();
    });
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => reader.feed(bytes));
    next();
  };
}
