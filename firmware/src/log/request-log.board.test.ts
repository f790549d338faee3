import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { get as getPage } from "../../../hil/kit/admin-port.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { type HttpBackend, httpBackend, named } from "../../../hil/kit/http-backend.ts";
import {
  closesAfter,
  expectNothingLeft,
  GET,
  get,
  HttpClient,
  labOf,
  labWith,
  lines,
  post,
  unreachable,
} from "../../../hil/kit/http-lab.ts";
import type { LogLine } from "../../tools/log-line.ts";

describe("the log", () => {
  const SLOW = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";

  /** One session from `scenario`; its only line. */
  async function lineOf(
    backend: HttpBackend,
    scenario: (lab: EmulatedLab, client: HttpClient) => Promise<void>,
    settings: object = {},
  ): Promise<LogLine["values"]> {
    const lab = labOf(backend);
    await lab.serve(settings);
    const client = new HttpClient(lab);
    await scenario(lab, client);
    client.socket.resetAndDestroy();
    await lab.settle();
    expect(lines(lab).length).toBe(1);
    expectNothingLeft(lab);
    return lines(lab)[0];
  }

  test("a request that succeeded: client, request, bytes, HAProxy's timers and no reason", async () => {
    const lab = new EmulatedLab();
    const slow = httpBackend((_request, socket) => {
      lab.clock.after(100, () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc"));
      lab.clock.after(300, () => socket.write("def"));
      return undefined;
    });
    lab.backend("a", slow.serve);
    await lab.serve();
    const client = new HttpClient(lab);
    const text = "POST /p?secret HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    client.send(text.slice(0, 10), "POST");
    await lab.clock.run({ ms: 50 });
    client.send(`${text.slice(10)}hello`);
    await lab.clock.run({ until: () => client.replies.length === 1 });
    const line = lines(lab)[0];
    expect(line).toMatchObject({
      id: "1",
      method: "POST",
      path: "/p",
      status: "200",
      in: String(text.length + 5),
      out: String(client.received.text.length),
      backend: "a",
      retries: "0",
      Tw: "0",
      state: "--",
      client: expect.stringMatching(/^10\.0\.0\.\d+:\d+$/),
    });
    const [TR, Tc, Tr, Ta] = ["TR", "Tc", "Tr", "Ta"].map(key => Number(line[key]));
    expect(TR).toBeGreaterThanOrEqual(45);
    expect(TR).toBeLessThan(55);
    expect(Tc).toBe(4); // a round trip
    expect(Tr).toBeGreaterThanOrEqual(104);
    expect(Tr).toBeLessThan(110);
    expect(Ta).toBeGreaterThanOrEqual(350);
    expect(Ta).toBeLessThan(370);
  });

  test("a client that waited for a slot: Tw is the time", async () => {
    const lab = labOf(
      httpBackend((_request, socket) => {
        lab.clock.after(1000, () => socket.write(reply("late")));
        return undefined;
      }),
    );
    await lab.serve({ sessionsMax: 1 });
    const first = new HttpClient(lab);
    first.send(get("/", "Connection: close"), "GET");
    await lab.clock.run({ ms: 20 });
    const second = new HttpClient(lab);
    await second.ask(GET);
    expect(Number(lines(lab)[1].Tw)).toBeGreaterThan(950);
    expect(Number(lines(lab)[1].Tw)).toBeLessThan(1050);
  });

  const silent = () => httpBackend(() => undefined);
  const stalls = () => httpBackend(() => SLOW);
  const wait = (ms: number) => (lab: EmulatedLab) => lab.clock.run({ ms }).then(() => {});

  test.each<
    [
      string,
      string,
      () => HttpBackend,
      string,
      (lab: EmulatedLab, client: HttpClient) => Promise<void>,
      object?,
    ]
  >([
    ["CR", "the client disconnects within its head", silent, GET.slice(0, -4), wait(100)],
    ["CH", "the client leaves before the answer", silent, GET, wait(100)],
    ["CH", "the client disconnects within its body", silent, post("hello").slice(0, -2), wait(100)],
    ["CD", "the client disconnects within the response", stalls, GET, wait(100)],
    ["cR", "the head stays incomplete", silent, GET.slice(0, -3), wait(10_000)],
    ["cD", "the body stops coming", silent, post("hello").slice(0, -2), wait(40_000)],
    ["sH", "the backend says nothing", silent, GET, wait(40_000)],
    ["sD", "the backend stops within its response", stalls, GET, wait(40_000)],
    ["PR", "the request is not valid", silent, "GET / HTTP/1.1\r\n\r\n", wait(100)],
    ["PR", "no route leads there", silent, GET, wait(100), { routes: [{ path: "/a" }] }],
    [
      "PD",
      "the chunks are not valid",
      silent,
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx",
      wait(100),
    ],
    [
      "PH",
      "the backend's response is not valid",
      () => httpBackend(() => "hello\r\n\r\n"),
      GET,
      wait(100),
    ],
    ["SH", "the backend leaves without an answer", () => closesAfter("a", 0), post("x"), wait(100)],
    [
      "SD",
      "the backend disconnects within its response",
      () =>
        httpBackend((_request, socket) => {
          socket.end(SLOW);
          return undefined;
        }),
      GET,
      wait(100),
    ],
  ])("%s: %s", async (state, _, backend, text, scenario, settings) => {
    const line = await lineOf(
      backend(),
      async (lab, client) => {
        client.send(text, "GET");
        await scenario(lab, client);
      },
      settings,
    );
    expect(line.state).toBe(state);
  });

  test("CC: the client disconnects while a backend is connected", async () => {
    const lab = new EmulatedLab();
    await lab.serve({ backends: [unreachable(lab, "hole")] });
    const client = new HttpClient(lab);
    client.send(GET);
    await lab.clock.run({ ms: 100 });
    client.socket.resetAndDestroy();
    await lab.clock.run({ ms: 100 });
    expect(lines(lab)).toMatchObject([{ state: "CC", status: "499", Tc: "-1" }]);
    expect(lab.app!.proxy.sessions).toBe(0);
    expect(lab.board.stack.objects).toBe(0);
  });

  test("SC and sC: no backend accepts the connection", async () => {
    const lab = new EmulatedLab();
    const a = lab.backend("a", named("a").serve);
    await lab.serve();
    a.stop();
    await new HttpClient(lab).ask(GET);
    expect(lines(lab)).toMatchObject([{ state: "SC", status: "502" }]);

    const other = new EmulatedLab();
    await other.serve({ backends: [unreachable(other, "hole")] });
    await new HttpClient(other).ask(GET);
    expect(lines(other)).toMatchObject([{ state: "sC", status: "504" }]);
  });

  test("no control character of a client reaches the log, those above ASCII included", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(get("/\x9b31m\x85\xe9", "X-Request-Id: \x9d0;title\x9c"));
    expect(lines(lab)).toMatchObject([
      { path: "/\x9b31m\x85\xe9", request: "\x9d0;title\x9c", status: "200" },
    ]);
    for (const line of lab.lines) expect(line).not.toMatch(/\p{Cc}/u);
    expect(backends[0].requests[0].line).toBe("GET /\x9b31m\x85\xe9 HTTP/1.1");
  });

  test("what a client writes cannot forge a line", async () => {
    const { lab } = labWith("a");
    await lab.serve();
    const id = 'x" state=-- \\\xa0\x85';
    await new HttpClient(lab).ask(get('/"a"=b\\', `X-Request-Id: ${id}`));
    expect(lines(lab)).toMatchObject([{ path: '/"a"=b\\', request: id, state: "--" }]);
  });

  test("long paths and ids are cut in the log, not in the request", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    await new HttpClient(lab).ask(get(`/${"p".repeat(900)}`, `X-Request-Id: ${"i".repeat(900)}`));
    expect(lines(lab)[0].path.length).toBe(128);
    expect(lines(lab)[0].request.length).toBe(128);
    expect(backends[0].requests[0].line.length).toBeGreaterThan(900);
  });
});

describe("`log.requests`", () => {
  const WORDS = new Map([
    ["200", "OK"],
    ["404", "Not Found"],
    ["500", "Internal Server Error"],
  ]);
  const answers = () =>
    httpBackend(({ line }) => {
      const [, status] = /\/(\d+) /.exec(line)!;
      return `HTTP/1.1 ${status} ${WORDS.get(status)}\r\nContent-Length: 0\r\n\r\n`;
    });

  /** Requests that end in these ways, and two raw connections: one with a keyword, one that stays silent. */
  async function traffic(lab: EmulatedLab): Promise<void> {
    const client = new HttpClient(lab);
    for (const path of ["/b/200", "/b/404", "/b/500", "/nowhere"]) await client.ask(get(path));
    const to = { host: "board", port: 81 };
    const [quick, silent] = [1, 2].map(() => lab.network.host("client").connect(to));
    for (const socket of [quick, silent]) socket.on("error", () => {}).on("data", () => {});
    quick.write("END");
    await lab.clock.run({ ms: 60_000 });
  }

  const settings = (requests: string) => ({
    listeners: [{ port: 80 }, { port: 81, mode: "tcp" }],
    routes: [{ path: "/b" }],
    log: { requests },
  });

  const shown = (lab: EmulatedLab) => [
    ...lines(lab).map(({ path, status }) => `${path} ${status}`),
    ...lab.events("session", "end").map(({ values }) => values.why),
  ];

  test.each([
    ["all", ["/b/200 200", "/b/404 404", "/b/500 500", "/nowhere 404", "keyword", "idle"]],
    ["errors", ["/b/500 500", "/nowhere 404", "idle"]],
    ["none", []],
  ])("%s: so many lines, and the counts are the same", async (requests, expected) => {
    const lab = labOf(answers());
    await lab.serve(settings(requests));
    await traffic(lab);
    expect(shown(lab)).toEqual(expected);
    const { answers2xx, answers4xx, answers5xx, bytesIn } = lab.app!.proxy.shared.traffic;
    expect([answers2xx, answers4xx, answers5xx]).toEqual([1, 2, 1]);
    const { events } = JSON.parse((await getPage(lab, "/api/events?kind=requests")).body);
    expect(events.length).toBe(expected.length);
    expect(bytesIn).toBeGreaterThan(0);
  });

  test("errors: a request that needed a second backend has its line", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve).stop();
    lab.backend("b", named("b").serve);
    await lab.serve({ balance: "first", log: { requests: "errors" } });
    const client = new HttpClient(lab);
    await client.ask(GET);
    expect(lines(lab)).toMatchObject([{ status: "200", retries: "1", state: "--" }]);
  });

  test("is changed while the board runs, also on the console", async () => {
    const lab = labOf(answers());
    await lab.serve(settings("none"));
    const runtime = lab.app!.runtime;
    await new HttpClient(lab).ask(get("/b/200"));
    expect(runtime.setKey("log.requests", "all")).toMatchObject({
      done: expect.stringMatching(/^log\.requests: "?all"? \(was "?none"?\); in force/),
    });
    await new HttpClient(lab).ask(get("/b/404"));
    expect(shown(lab)).toEqual(["/b/404 404"]);
  });
});
