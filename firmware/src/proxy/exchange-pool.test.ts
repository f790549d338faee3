import type { MockSocket } from "net-mock-socket";
import { afterEach, describe, expect, test, vi } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  expectNothingLeft,
  GET,
  get,
  HttpClient,
  labOf,
  lines,
  post,
} from "../../../hil/kit/http-lab.ts";
import type { Platform } from "../platform.ts";
import type { ProxyContext } from "./context.ts";
import { Exchange } from "./exchange.ts";
import { ExchangePool } from "./exchange-pool.ts";

afterEach(() => void vi.restoreAllMocks());

/** Exchanges in the order in which they were taken and given back, and their fields that are not those of a new one then. */
function watch() {
  const changed: string[] = [];
  const taken: Exchange[] = [];
  const given: Exchange[] = [];
  const { take, give } = ExchangePool.prototype;
  vi.spyOn(ExchangePool.prototype, "take").mockImplementation(function (this: ExchangePool, of) {
    const exchange = take.call(this, of);
    taken.push(exchange);
    return exchange;
  });
  vi.spyOn(ExchangePool.prototype, "give").mockImplementation(function (this: ExchangePool, one) {
    give.call(this, one);
    given.push(one);
    changed.push(...changesOf(one));
  });
  return { taken, given, changed };
}

/** Fields of an exchange and of its two sides that a new one does not have, or has otherwise. */
function changesOf(exchange: Exchange): string[] {
  const fresh = fieldsOf(new Exchange(exchange.context));
  return [...fieldsOf(exchange)]
    .filter(([name, value]) => !Object.is(value, fresh.get(name)))
    .map(([name, value]) => `${name}: ${value}`);
}

function fieldsOf({ request, response, ...own }: Exchange): Map<string, unknown> {
  const parts = Object.entries({ own, request, response });
  return new Map(
    parts.flatMap(([part, fields]) =>
      Object.entries(fields).map(([name, value]) => [`${part}.${name}`, value] as const),
    ),
  );
}

const UPGRADE = get("/", "Connection: Upgrade", "Upgrade: websocket");
const SWITCH = "HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const OLD_GET = "GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n";

/** A request with all that a request may have, and the backend's response to it, by name. */
const KINDS: Record<string, [request: string, response: string]> = {
  "a plain GET": [GET, reply("ok")],
  "a body both ways": [post("body", "X-Request-Id: mine"), reply("b".repeat(20_000))],
  "chunks both ways": [
    "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
  ],
  "an upgrade": [UPGRADE, SWITCH],
  "a refused upgrade": [UPGRADE, reply("no")],
  "HTTP/1.0": [OLD_GET, reply("ok")],
  "interim responses": [GET, `HTTP/1.1 103 Early Hints\r\n\r\n${reply("ok")}`],
  "a target that changes": ["GET http://x/a?b HTTP/1.1\r\nHost: x\r\n\r\n", reply("ok")],
  "a bad request": ["GET / HTTP/1.1\r\n\r\n", reply("ok")],
  "a bad response": [GET, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"],
  "a response that is cut": [GET, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"],
};

describe("an exchange that was given back has the fields of a new one", () => {
  test.each(Object.entries(KINDS))("after %s", async (_, [request, response]) => {
    const { given, changed } = watch();
    const lab = labOf(
      httpBackend((_request, socket) => {
        socket.write(response);
        if (!response.includes("\r\n\r\nok")) socket.end();
        return undefined;
      }),
    );
    await lab.serve({ sticky: "cookie" });
    const client = new HttpClient(lab);
    client.send(request);
    await lab.clock.run({ ms: 1000 });
    client.socket.destroy();
    await lab.clock.run({ ms: 60_000 });
    expect(given.length).toBe(1);
    expect(changed).toEqual([]);
    expectNothingLeft(lab);
  });

  test("after an idle connection that was dead, and a retry", async () => {
    const { given, changed } = watch();
    const lab = new EmulatedLab();
    let isDead = false;
    lab.backend(
      "a",
      httpBackend((_, socket) => (isDead ? void socket.destroy() : reply("a"))).serve,
      {
        maxSessions: 2,
      },
    );
    await lab.serve({ sticky: "source" });
    const client = new HttpClient(lab);
    await client.ask(GET);
    isDead = true;
    await client.ask(GET);
    expect(given.length).toBe(2);
    expect(changed).toEqual([]);
    expect(lines(lab).map(({ status, state }) => `${status} ${state}`)).toEqual([
      "200 --",
      "502 SH",
    ]);
  });
});

describe("nothing of a request reaches the next one that has the same exchange", () => {
  /** The request of a client that leaves at a stage, how its backend behaves, and how far away that is. */
  const STAGES: Record<
    string,
    { request: string; serve: (socket: MockSocket) => void; latencyMs?: number }
  > = {
    "while its backend is being connected to": {
      request: GET,
      serve: named("late").serve,
      latencyMs: 300,
    },
    "while its response is awaited": {
      request: GET,
      serve: httpBackend((_, socket) => void onceLeft(() => socket.write(reply("late")))).serve,
    },
    "while its body is sent": {
      request: post("b".repeat(50_000)).slice(0, -1),
      serve: socket => void onceLeft(() => socket.end(reply("late"))),
    },
    "while its response's body is received": {
      request: GET,
      serve: httpBackend((_, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegin");
        onceLeft(() => socket.end("x".repeat(50_000)));
        return undefined;
      }).serve,
    },
  };

  let tasks: (() => void)[] = [];
  function onceLeft(task: () => void): void {
    tasks.push(task);
  }

  test.each(Object.entries(STAGES))("which was cut %s", async (_, stage) => {
    tasks = [];
    const { taken, given } = watch();
    const lab = new EmulatedLab();
    lab.backend("good", named("good").serve);
    lab.backend("slow", stage.serve);
    if (stage.latencyMs !== undefined) lab.network.link("slow", { latencyMs: stage.latencyMs });
    await lab.serve({
      routes: [
        { path: "/good", backends: ["good"] },
        { path: "/", backends: ["slow"] },
      ],
    });
    const first = new HttpClient(lab);
    first.send(stage.request);
    await lab.clock.run({ ms: 100 });
    expect(given.length).toBe(0);
    const next = new HttpClient(lab);
    first.socket.resetAndDestroy();
    await lab.clock.run({ until: () => given.length === 1 });

    const answer = next.ask(get("/good"));
    for (const task of tasks) task();
    expect(bodies([await answer])).toEqual(["good"]);
    expect(taken[1]).toBe(taken[0]);
    await lab.settle();
    expect(lines(lab).at(-1)).toMatchObject({ backend: "good", status: "200", state: "--" });
    expectNothingLeft(lab);
  });
});

test.each([
  ["two exchanges are spare", 64, 2],
  ["a board with many connections keeps one for each 32", 96, 3],
])("at most %s", (_, connectionsMax, spare) => {
  const pool = new ExchangePool({ connectionsMax } as Platform);
  const context = {} as ProxyContext;
  const first = [1, 2, 3, 4].map(() => pool.take(context));
  for (const exchange of first) pool.give(exchange);
  const second = [1, 2, 3, 4].map(() => pool.take(context));
  expect(second.filter(exchange => first.includes(exchange))).toHaveLength(spare);
});
