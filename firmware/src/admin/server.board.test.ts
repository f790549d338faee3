import { seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { Flash } from "../../../emulator/src/flash.ts";
import { get, put, send, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab, echoes, mendedBoard } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named, reply } from "../../../hil/kit/http-backend.ts";

const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** A lab with backends a and b, and a token. */
async function labOf(settings: object = {}): Promise<EmulatedLab> {
  const lab = new EmulatedLab();
  for (const name of "ab") lab.backend(name, named(name).serve);
  await lab.serve(settings);
  lab.app!.runtime.setToken(TOKEN);
  return lab;
}

const documentOf = async (lab: EmulatedLab) => JSON.parse((await get(lab, "/api/config")).body);
const balanceOf = (lab: EmulatedLab) => lab.app!.proxy.config.balance;

describe("what an operator can see", () => {
  test("status, metrics, events and the page", async () => {
    const lab = await labOf();
    await lab.ask(GET_ONCE);
    const status = JSON.parse((await get(lab, "/api/status")).body);
    expect(status).toMatchObject({ balance: "round-robin", sessionsMax: 12, ip: "10.0.0.1" });
    expect(status.backends[0]).toMatchObject({
      name: "a",
      operationalState: "up",
      sessionsTotal: 1,
    });
    expect((await get(lab, "/metrics")).body).toContain(
      'hot_potato_server_sessions_total{server="a"} 1\n',
    );
    expect((await get(lab, "/api/events")).body).toContain("http: request");
    const page = await get(lab, "/");
    expect(page.head).toMatch(/Content-Type: text\/html\r\n/);
    expect(page.head.length + page.body.length).toBeLessThan(16 * 1024);
    expect(page.body).toMatch(/<\/html>\n$/);
    expect(page.body).not.toMatch(/(src|href)="(?!data:)|innerHTML/);
  });

  test("that a backend went down, after a hundred requests: events apart from requests", async () => {
    const lab = await labOf();
    lab.setState("b", "maint");
    for (let i = 0; i < 100; i++) await lab.ask(GET_ONCE);
    const told = async (query = "") =>
      JSON.parse((await get(lab, `/api/events${query}`)).body).events as string[];
    const board = await told("?kind=board");
    expect(board.join("\n")).toMatch(/backend: maint name=b$/);
    expect(board.join("\n")).not.toContain("http: request");
    const requests = await told("?kind=requests");
    expect(requests.length).toBeGreaterThan(20);
    expect(requests.every(line => line.includes(" http: request "))).toBe(true);
    expect(await told("?kind=requests&last=2")).toEqual(requests.slice(-2));
    expect(await told()).toEqual([...board, ...requests]);
  });

  test.each([
    ["?kind=bord", /^kind: is "bord"; wanted board or requests$/],
    ["?last=0", /^last: is "0"; wanted a whole number from 1 on$/],
    ["?last=x", /^last: is "x"/],
    ["?lst=3", /^"lst": no such parameter; known are kind, last$/],
  ])("of events, not %s, which says what would do", async (query, error) => {
    const lab = await labOf();
    const answer = await get(lab, `/api/events${query}`);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).error).toMatch(error);
  });

  test("it is healthy while somebody can be served", async () => {
    const lab = await labOf();
    expect(await get(lab, "/healthz")).toMatchObject({ status: 200, body: "ok\n" });
    for (const name of "ab") lab.setState(name, "maint");
    expect((await get(lab, "/healthz")).status).toBe(503);
  });

  test("HEAD is GET without the body; what is not there, or cannot be done, says so", async () => {
    const lab = await labOf();
    const head = await send(lab, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(head).toMatchObject({ status: 200, body: "" });
    expect((await get(lab, "/nothing")).status).toBe(404);
    expect((await get(lab, "/api/backends/nobody")).status).toBe(404);
    const wrong = await send(lab, "DELETE /api/config HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(wrong.head).toMatch(/^HTTP\/1.1 405 .*\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n/s);
  });
});

describe("manners", () => {
  test("all backends are one list, each is what its own path says", async () => {
    const lab = await labOf();
    const { backends } = JSON.parse((await get(lab, "/api/backends")).body);
    expect(backends.map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
    const one = JSON.parse((await get(lab, "/api/backends/b")).body);
    expect(Object.keys(one)).toEqual(Object.keys(backends[1]));
    expect((await put(lab, "/api/backends", {})).head).toMatch(/\r\nAllow: GET, HEAD, OPTIONS\r\n/);
  });

  test("a client that waits for 100 Continue has it at once, and one that does not wait has none", async () => {
    const lab = await labOf();
    const body = '{"state":"drain"}';
    const head = (fields: string) =>
      `PUT /api/backends/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ${TOKEN}\r\n${fields}Content-Length: ${body.length}\r\n\r\n`;
    const socket = lab.network.host("operator").connect({ host: "board", port: 8404 });
    const received = collect(socket);
    const fromMs = lab.clock.now();
    socket.write(head("Expect: 100-Continue\r\n"));
    await lab.clock.run({ until: () => received.text !== "", ms: 1000 });
    expect(received.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    expect(lab.clock.now() - fromMs).toBeLessThan(100);
    socket.write(body);
    await lab.clock.run({ until: () => socket.closed, ms: 1000 });
    expect(received.text).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/);
    const atOnce = await send(lab, `${head("Expect: 100-continue\r\n")}${body}`);
    expect(atOnce.head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    const wrong = await send(
      lab,
      "PUT /api/config HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999\r\n\r\n",
    );
    expect(wrong.status).toBe(413);
  });

  test("an answer in pieces ends with its last chunk, or with the close for HTTP/1.0", async () => {
    const lab = await labOf();
    for (const path of ["/metrics", "/api/status", "/api/events", "/api/config", "/api/backends"]) {
      const chunked = await send(lab, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(chunked.head).toMatch(/\r\nTransfer-Encoding: chunked\r\n/);
      const old = await send(lab, `GET ${path} HTTP/1.0\r\n\r\n`);
      expect(old.head).not.toMatch(/Transfer-Encoding|Content-Length/);
      expect(old.body.slice(0, 20)).toBe(chunked.body.slice(0, 20));
      expect(old.body).toMatch(path === "/metrics" ? /\n$/ : /\}\n$/);
      const head = await send(lab, `HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      expect(head).toMatchObject({ status: 200, body: "" });
    }
  });

  test("a client that reads slowly gets the whole page, and one that stops reading is let go", async () => {
    const lab = await labOf();
    const whole = (await get(lab, "/")).body;
    const ask = () => {
      const socket = lab.network.host("operator").connect({ host: "board", port: 8404 });
      socket.on("error", () => {});
      const received = collect(socket);
      socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      return { socket, received };
    };
    const slow = ask();
    for (let i = 0; i < 200 && !slow.socket.closed; i++) {
      slow.socket.pause();
      await lab.clock.run({ ms: 500 });
      slow.socket.resume();
      await lab.clock.run({ ms: 5 });
    }
    expect(slow.received.text.endsWith(whole)).toBe(true);
    const stuck = ask();
    stuck.socket.pause();
    await lab.clock.run({ ms: 200 });
    await lab.clock.run({ ms: 60_000 + lab.board.kind.timeWaitMs });
    expect(lab.board.stack.objects).toBe(0);
  });

  test("a media type is one in any case, with parameters", async () => {
    const lab = await labOf();
    const body = '{"state":"drain"}';
    const answer = await send(
      lab,
      `PUT /api/backends/a HTTP/1.1\r\nHost: x\r\nContent-Type: Application/JSON; Charset=UTF-8\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(answer.status).toBe(200);
  });

  test.each([
    ["http://board:8404/healthz", "board:8404", 200],
    ["HTTP://Board/healthz?x", "board:80", 200],
    ["http://board/", "board", 200],
    ["http://board?x", "board", 200],
    ["http://other/healthz", "board", 400],
    ["ftp://board/healthz", "board", 400],
    ["healthz", "board", 400],
    ["*", "board", 400],
  ])("the target %s with Host %s is answered with %i", async (target, host, status) => {
    const lab = await labOf();
    expect((await send(lab, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(
      status,
    );
  });

  test("OPTIONS says what may be done, changes nothing, and lets no other site in", async () => {
    const lab = await labOf();
    const options = (path: string, fields = "") =>
      send(lab, `OPTIONS ${path} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
    const preflight =
      "Origin: http://evil.example\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: authorization, content-type\r\n";
    const answer = await options("/api/config");
    expect(answer).toMatchObject({ status: 200, body: "" });
    expect(answer.head).toMatch(/\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n/);
    const foreign = await options("/api/config", preflight);
    expect(foreign.status).toBe(403);
    for (const { head } of [answer, foreign]) expect(head).not.toMatch(/access-control/i);
    expect((await options("*")).status).toBe(200);
    expect((await options("/nothing")).status).toBe(404);
    // As HAProxy checks: a board that can serve nobody does not look healthy.
    expect((await options("/healthz")).status).toBe(200);
    for (const name of "ab") lab.setState(name, "maint");
    expect((await options("/healthz")).status).toBe(503);
  });
});

describe("who may read", () => {
  const ask = (lab: EmulatedLab, host: string, fields: string[] = [], path = "/api/status") =>
    send(lab, `${[`GET ${path} HTTP/1.1`, `Host: ${host}`, ...fields].join("\r\n")}\r\n\r\n`);

  test("whoever asks for the board's address or name, and no page that was given a name of its own", async () => {
    const lab = await labOf({ adminHosts: ["potato.home"] });
    for (const host of ["10.0.0.1:8404", "board", "localhost:8404", "Potato.home:8404"]) {
      expect((await ask(lab, host)).status).toBe(200);
    }
    for (const path of ["/", "/metrics", "/healthz", "/api/config", "/api/events"]) {
      const answer = await ask(lab, "rebound.example:8404", [], path);
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body).error).toBe(
        "rebound.example:8404 is not a name of this board; use its address, or add the name to adminHosts",
      );
    }
    const token = [`Authorization: Bearer ${TOKEN}`];
    expect((await ask(lab, "rebound.example", token)).status).toBe(403);
    expect((await send(lab, "GET /healthz HTTP/1.0\r\n\r\n")).status).toBe(200);
  });

  test.each([
    ["another site's script", ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"], 403],
    ["a page of the same site, such as a backend's", ["Sec-Fetch-Site: same-site"], 403],
    ["another origin", ["Origin: http://10.0.0.1"], 403],
    [
      "another site's frame",
      ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"],
      403,
    ],
    [
      "a link that was followed",
      ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"],
      200,
    ],
    ["an address that was typed", ["Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate"], 200],
    ["the board's own page", ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"], 200],
  ])("%s", async (_, fields, status) => {
    const lab = await labOf();
    expect((await ask(lab, "10.0.0.1:8404", fields)).status).toBe(status);
  });
});

describe("who may change anything", () => {
  test("nobody while no token is set", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", named("a").serve);
    await lab.serve();
    const refused = await put(lab, "/api/backends/a", { state: "drain" });
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body).error).toContain("no token is set");
    expect(lab.app!.proxy.backend("a")!.state).toBe("ready");
  });

  test.each([
    ["a wrong token", ["Authorization: Bearer correct-hose!"], 401],
    ["a token that only begins right", [`Authorization: Bearer ${TOKEN.slice(0, -1)}`], 401],
    ["another scheme", [`Authorization: Basic ${TOKEN}`], 401],
    ["another site's page", ["Origin: http://evil.example"], 403],
    ["a cross-site request", ["Sec-Fetch-Site: cross-site"], 403],
    [
      "a form that another site has sent",
      [
        "Sec-Fetch-Site: cross-site",
        "Origin: null",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Dest: document",
      ],
      403,
    ],
    ["a sandboxed page", ["Origin: null"], 403],
  ])("not with %s", async (_, fields, status) => {
    const lab = await labOf();
    const refused = await put(lab, "/api/backends/a", { state: "drain" }, fields);
    expect(refused.status).toBe(status);
    expect(lab.app!.proxy.backend("a")!.state).toBe("ready");
    expect(lab.events("admin", "refused").at(-1)!.values).toMatchObject({ status: `${status}` });
  });

  test("a wrong token waits for two seconds for its answer, on one connection; a right one never waits", async () => {
    const lab = await labOf();
    const guess = ["Authorization: Bearer guess-guess"];
    const timed = async (answer: () => ReturnType<typeof put>) => {
      const fromMs = lab.clock.now();
      const { status, head } = await answer();
      return { status, head, ms: lab.clock.now() - fromMs };
    };
    const wrong = () => timed(() => put(lab, "/api/backends/a", { state: "drain" }, guess));
    const right = () => timed(() => put(lab, "/api/backends/a", { state: "drain" }));
    const first = wrong();
    await lab.clock.run({ ms: 100 });
    const second = await wrong();
    expect(second.head).toMatch(/^HTTP\/1.1 429 .*\r\nRetry-After: 2\r\n/s);
    for (const { ms } of [second, await right(), await right()]) expect(ms).toBeLessThan(100);
    const { status, ms } = await first;
    expect(status).toBe(401);
    expect(ms).toBeGreaterThanOrEqual(2000);
    expect(ms).toBeLessThan(2100);
    expect((await wrong()).status).toBe(401); // the place is free again
    const text = "PUT /api/backends/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    const none = await timed(() => send(lab, text));
    expect(none.status).toBe(401);
    expect(none.ms).toBeLessThan(100);
  });

  test("a client that leaves while its wrong token waits leaves its place", async () => {
    const lab = await labOf();
    const socket = lab.network.host("operator").connect({ host: "board", port: 8404 });
    socket.on("error", () => {});
    socket.write(
      `PUT /api/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess-guess\r\nContent-Length: 0\r\n\r\n`,
    );
    await lab.clock.run({ ms: 100 });
    socket.destroy();
    await lab.clock.run({ ms: 100 });
    expect(lab.board.stack.objects).toBe(0);
    const again = await put(lab, "/api/backends/a", {}, ["Authorization: Bearer guess-guess"]);
    expect(again.status).toBe(401);
  });

  test("not as a form, which other sites can send without asking", async () => {
    const lab = await labOf();
    const body = '{"state":"drain"}';
    const refused = await send(
      lab,
      `PUT /api/backends/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(refused.status).toBe(415);
  });

  test("the board's own page may", async () => {
    const lab = await labOf();
    const fields = ["Origin: http://board:8404", "Sec-Fetch-Site: same-origin"];
    expect((await put(lab, "/api/backends/a", { state: "drain" }, fields)).status).toBe(200);
  });

  test("no secret is ever told", async () => {
    const lab = await labOf({ sticky: "cookie", stickyKey: "very-secret-key" });
    await put(lab, "/api/backends/a", { state: "drain" }, ["Authorization: Bearer guess-guess"]);
    const paths = ["/", "/metrics", "/api/status", "/api/config", "/api/events", "/api/explain"];
    const told = [...lab.lines];
    for (const path of paths) told.push((await get(lab, path)).body);
    for (const secret of [TOKEN, "very-secret-key", "guess-guess"]) {
      expect(told.filter(text => text.includes(secret))).toEqual([]);
    }
    // Given back as it was told, the secret stays.
    const document = await documentOf(lab);
    expect(document.stickyKey).toBe("********");
    await put(lab, "/api/config", { ...document, retries: 1 });
    const { config } = lab.app!.proxy;
    expect([config.retries, config.stickyKey]).toEqual([1, "very-secret-key"]);
  });
});

describe("requests that are none", () => {
  test.each([
    ["garbage", "WHAT?\r\n\r\n", 400],
    ["a head that is too long", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(4000)}\r\n\r\n`, 431],
    [
      "a body that is too long",
      "PUT /api/config HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",
      413,
    ],
    [
      "a body in chunks that is too long",
      `PUT /api/config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n${"x".repeat(4096)}\r\n0\r\n\r\n`,
      413,
    ],
    ["half a head", "GET / HTTP/1.1\r\nHost:", 408],
  ])("%s is answered and forgotten", async (_, text, status) => {
    const lab = await labOf();
    const answer = await send(lab, text);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toHaveProperty("error");
  });

  test.each([
    [
      "no JSON",
      "{",
      "wanted a JSON object, and this is not JSON: line 1, column 2: the text ends; ",
    ],
    ["a comma too many", '{"state": "drain",\n}', "line 1, column 18: a comma before }"],
    ["a comment", '{"state": "drain"} // now', "line 1, column 20: a comment, which JSON does not"],
    ["UTF-16", Buffer.from("\ufeff{}", "utf16le").toString("latin1"), "it is UTF-16; wanted UTF-8"],
    ["no object", "[1]", "wanted a JSON object"],
    ["another key", { state: "drain", sate: 1 }, "sate: no such key"],
    ["another state", { state: "asleep" }, "wanted ready, drain, maint"],
    ["a weight that is none", { weight: "heavy" }, "whole number from 0 to 256"],
  ])("a change with %s is refused with what would do", async (_, body, error) => {
    const lab = await labOf();
    const answer = await put(lab, "/api/backends/a", body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).error).toContain(error);
  });

  test("a change behind a byte-order mark is made", async () => {
    const lab = await labOf();
    expect((await put(lab, "/api/backends/a", '\xef\xbb\xbf{"state": "drain"}')).status).toBe(200);
    expect(lab.app!.proxy.backend("a")!.state).toBe("drain");
  });

  test("a configuration that is too long is told the limit", async () => {
    const lab = await labOf();
    const answer = await put(lab, "/api/config", `{${" ".repeat(4000)}}`);
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([
      413,
      expect.stringContaining("more than 3999 bytes"),
    ]);
  });

  test("more sessions than the board carries: the answer says how many are in force", async () => {
    const lab = await labOf();
    const document = await documentOf(lab);
    const answer = await put(lab, "/api/config", { ...document, sessionsMax: 500 });
    expect(JSON.parse(answer.body).done).toMatch(
      /; sessionsMax is 500, and the board has connections for 12$/,
    );
    const fewer = await put(lab, "/api/config", { ...document, sessionsMax: 5 });
    expect(JSON.parse(fewer.body).done).not.toMatch(/sessionsMax/);
  });

  test("a connection whose answer is written gives its place before one that has just come", async () => {
    const lab = await labOf();
    const owner = lab.network.host("owner");
    lab.network.link("owner", { latencyMs: 50 });
    const ask = "GET /healthz HTTP/1.1\r\nHost: board\r\n\r\n";
    const connect = () => {
      const socket = owner.connect({ host: "board", port: 8404 });
      return { socket, received: collect(socket) };
    };
    const first = connect();
    first.socket.write(ask);
    const second = connect();
    await lab.clock.run({ ms: 50 });
    const third = connect(); // accepted when the first answer is written, and its ACK has not come
    third.socket.write(ask);
    await lab.clock.run({ ms: 180 });
    second.socket.write(ask);
    await lab.clock.run({ ms: 5_000 });
    for (const { received } of [first, second, third])
      expect(received.text.slice(0, 12)).toBe("HTTP/1.1 200");
  });

  describe("connections that say nothing, 95 in a second,", () => {
    /** From `hosts` in turn; `said` is what each says. */
    function flood(lab: EmulatedLab, hosts: readonly string[], said = ""): () => void {
      let count = 0;
      let over = false;
      const next = () => {
        if (over) return;
        const host = lab.network.host(hosts[count++ % hosts.length]);
        const socket = host.connect({ host: "board", port: 8404 });
        socket.on("error", () => {});
        if (said !== "") socket.write(said);
        lab.clock.after(1_000 / 95, next);
      };
      next();
      return () => {
        over = true;
      };
    }

    /** Of so many requests, those that were answered; each client thinks for `thinkMs` once it has connected. */
    async function answered(
      lab: EmulatedLab,
      { thinkMs = 30, path = "/healthz" } = {},
    ): Promise<number> {
      const statuses: string[] = [];
      for (let i = 0; i < 20; i++) {
        const socket = lab.network.host("owner").connect({ host: "board", port: 8404 });
        const received = collect(socket);
        socket.on("connect", () => {
          lab.clock.after(thinkMs, () =>
            socket.write(`GET ${path} HTTP/1.1\r\nHost: board\r\n\r\n`),
          );
        });
        await lab.clock.run({ until: () => socket.closed, ms: 10_000 });
        statuses.push(received.text.slice(9, 12));
        await lab.clock.run({ ms: 137 });
      }
      return statuses.filter(status => status === "200").length;
    }

    test.each([
      ["one address", ["a"], ""],
      ["one address, with the beginning of a request", ["a"], "GET / HTTP/1.1\r\n"],
      ["one address, with requests", ["a"], "GET / HTTP/1.1\r\nHost: board\r\n\r\n"],
      ["three addresses", ["a", "b", "c"], ""],
    ])("from %s keep no owner out who asks 30 ms after connecting", async (_, hosts, said) => {
      const lab = await labOf();
      const stop = flood(lab, hosts, said);
      await lab.clock.run({ ms: 2_000 });
      expect(await answered(lab)).toBe(20);
      expect(await answered(lab, { path: "/" })).toBe(20);
      stop();
      await lab.clock.run({ ms: 10_000 });
      expect(lab.board.stack.objects).toBe(0);
    });

    test("take a connection's place when it has not asked for 300 ms, and not before", async () => {
      const lab = await labOf();
      flood(lab, ["a"]);
      expect(await answered(lab, { thinkMs: 250 })).toBe(20);
    });
  });

  test("who opens connections and says nothing keeps nobody out", async () => {
    const lab = await labOf();
    const idle = Array.from({ length: 6 }, () =>
      lab.network.host("idle").connect({ host: "board", port: 8404 }),
    );
    for (const socket of idle) socket.on("error", () => {});
    await lab.clock.run({ ms: 200 });
    expect((await get(lab, "/healthz")).status).toBe(200);
    await lab.clock.run({ ms: 10_000 });
    expect(lab.board.stack.objects).toBe(0);
  });
});

test("64 clients hammer a full board: the admin port answers within a second", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", httpBackend(() => undefined).serve); // never answers: slots stay taken
  await lab.serve();
  const random = seeded(5);
  let open = 0;
  const hammer = () => {
    const socket = lab.connect();
    open++;
    socket.on("error", () => {});
    socket.on("close", () => {
      open--;
      if (lab.clock.now() < 30_000) lab.clock.after(50 * random(), hammer);
    });
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  for (let i = 0; i < 64; i++) hammer();
  await lab.clock.run({ ms: 5000 });
  const waits: number[] = [];
  for (let i = 0; i < 10; i++) {
    const fromMs = lab.clock.now();
    expect((await get(lab, "/healthz")).status).toBe(200);
    waits.push(lab.clock.now() - fromMs);
    await lab.clock.run({ ms: 500 });
  }
  expect(open).toBeGreaterThan(12);
  expect(Math.max(...waits)).toBeLessThan(1000);
});

describe("a new configuration", () => {
  test("is swapped under busy sessions and an upgraded one, and cuts nothing", async () => {
    const lab = new EmulatedLab();
    const echo = (socket: Parameters<Parameters<EmulatedLab["backend"]>[1]>[0]) => {
      let upgraded = false;
      socket.on("data", (bytes: Buffer) => {
        if (!upgraded && /^GET \/socket /.test(bytes.toString("latin1"))) {
          upgraded = true;
          socket.write("HTTP/1.1 101 Go\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
        } else socket.write(bytes);
      });
      socket.on("end", () => socket.end());
    };
    lab.backend("a", echo);
    await lab.serve({ inspect: [] });
    lab.app!.runtime.setToken(TOKEN);
    const upgrade = lab.connect();
    const upgraded = collect(upgrade);
    upgrade.write(
      "GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n",
    );
    const raw = Array.from({ length: 11 }, () => lab.connect());
    const received = raw.map(collect);
    const chat = async (word: string) => {
      for (const socket of [upgrade, ...raw]) socket.write(word);
      await lab.clock.run({ ms: 300 });
    };
    await lab.clock.run({ ms: 300 });
    await chat("before ");

    const document = await documentOf(lab);
    const swapped = await put(lab, "/api/config", {
      ...document,
      balance: "ewma",
      idleTimeoutMs: 1000,
    });
    await chat("after ");
    await lab.clock.run({ ms: 40_000 });
    await chat("later");

    expect(swapped.status).toBe(200);
    expect(balanceOf(lab)).toBe("ewma");
    expect(upgraded.text).toMatch(/\r\n\r\nbefore after later$/);
    expect(received.map(({ text }) => text)).toEqual(Array(11).fill("before after later"));
  });

  test("with more slots lets in who waits", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", echoes);
    await lab.serve({ sessionsMax: 1, inspect: [] });
    lab.connect().write("first");
    await lab.clock.run({ ms: 100 });
    const second = lab.connect();
    const received = collect(second);
    second.write("second");
    await lab.clock.run({ ms: 100 });
    expect(received.text).toBe("");
    lab.app!.runtime.setToken(TOKEN);
    await put(lab, "/api/config", { ...(await documentOf(lab)), sessionsMax: 2 });
    await lab.clock.run({ ms: 100 });
    expect(received.text).toBe("second");
  });

  test("under load opens no more connections to backends than there are slots", async () => {
    const lab = new EmulatedLab();
    lab.backend(
      "a",
      httpBackend((_request, socket) => {
        lab.clock.after(500, () => socket.write(reply("a")));
        return undefined;
      }).serve,
    );
    await lab.serve();
    lab.app!.runtime.setToken(TOKEN);
    const document = await documentOf(lab);
    const { sessionsMax } = lab.app!.proxy.budget;
    const crowd = () =>
      Array.from({ length: sessionsMax }, () => {
        const socket = lab.connect();
        const received = collect(socket);
        socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        return received;
      });
    const before = crowd();
    await lab.clock.run({ ms: 200 });
    expect((await put(lab, "/api/config", { ...document, retries: 2 })).status).toBe(200);
    await lab.clock.run({ until: () => before.every(({ text }) => text !== "") });
    await lab.clock.run({ ms: 100 });
    const after = crowd();
    await lab.clock.run({ until: () => after.every(({ text }) => text !== "") });
    const open = lab.network
      .netstat()
      .filter(({ host, state }) => host === "a" && state === "open");
    expect(open.length).toBeLessThanOrEqual(sessionsMax);
  });

  test("a bad one is refused with every complaint, and changes nothing", async () => {
    const lab = await labOf();
    const refused = await put(lab, "/api/config", {
      backends: [{ address: "nowhere", port: 0 }],
      balanse: "ewma",
    });
    expect(refused.status).toBe(400);
    expect(JSON.parse(refused.body).complaints).toHaveLength(3);
    expect(lab.app!.proxy.pool.backends).toHaveLength(2);
  });

  test("that is nothing but brackets is refused, and the board goes on", async () => {
    const lab = await labOf();
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
    ]) {
      const text = `{"backends":${open.repeat(600)}1${close.repeat(600)}}`;
      expect((await put(lab, "/api/config", text)).status).toBe(400);
    }
    expect((await get(lab, "/healthz")).status).toBe(200);
  });

  test("with which no backend is left, it is taken back by itself", async () => {
    const lab = await labOf({ health: { check: "tcp" } });
    await lab.clock.run({ ms: 2000 });
    const document = await documentOf(lab);
    await put(lab, "/api/config", {
      ...document,
      backends: [{ address: "10.0.0.250", port: 9 }],
    });
    expect(await lab.ask(GET_ONCE)).not.toMatch(/^HTTP\/1.1 200 /);
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "rolled-back").at(-1)!.values).toMatchObject({ why: "no-backend" });
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });

  /** A board with a flash of its own, which boots again after it fell over. */
  async function rebooting() {
    const flash = new Flash();
    const lab = new EmulatedLab(mendedBoard(), { flash, reboots: true });
    for (const name of "ab") lab.backend(name, named(name).serve);
    await lab.serve();
    lab.app!.runtime.setToken(TOKEN);
    const ready = () => lab.events("proxy", "ready").length;
    const crash = async () => {
      const before = ready();
      lab.board.crash("panic");
      await lab.clock.run({ until: () => ready() > before, ms: 60_000 });
    };
    return { lab, crash };
  }

  test("that has served for a while outlasts a restart", async () => {
    const { lab, crash } = await rebooting();
    await put(lab, "/api/config", { ...(await documentOf(lab)), balance: "ewma" });
    await lab.clock.run({ ms: 31_000 });
    expect(lab.events("config", "saved")).toHaveLength(1);
    await crash();
    expect(balanceOf(lab)).toBe("ewma");
    expect(lab.app!.runtime.token).toBe(TOKEN);
  });

  test("during whose trial the board falls over is gone with the restart", async () => {
    const { lab, crash } = await rebooting();
    await put(lab, "/api/config", { ...(await documentOf(lab)), balance: "ewma" });
    expect(balanceOf(lab)).toBe("ewma");
    await lab.clock.run({ ms: 5000 });
    await crash();
    expect(balanceOf(lab)).toBe("round-robin");
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("with which the board falls over again and again, also later, gives way to the one before", async () => {
    const { lab, crash } = await rebooting();
    for (const balance of ["ewma", "first"]) {
      await put(lab, "/api/config", { ...(await documentOf(lab)), balance });
      await lab.clock.run({ ms: 65_000 });
    }
    expect(balanceOf(lab)).toBe("first");
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) {
      await crash();
      seen.push(balanceOf(lab));
    }
    expect(seen).toEqual(["first", "first", "first", "ewma", "ewma"]);
    expect(lab.events("config", "rolled-back")[0].values).toMatchObject({ why: "boot-loop" });
  });
});

test("a configuration that is not to be saved is gone with the reset, however long it served", async () => {
  const lab = await labOf();
  const before = await documentOf(lab);
  const { status } = await put(lab, "/api/config?persist=no", { ...before, balance: "ewma" });
  lab.app!.runtime.setBalance("first"); // a change of it is not saved, either
  await lab.clock.run({ ms: 120_000 });
  expect([status, balanceOf(lab)]).toEqual([200, "first"]);
  lab.board.reset();
  await lab.clock.run({ ms: 3000 });
  expect(balanceOf(lab)).toBe("round-robin");
  expect(await documentOf(lab)).toEqual(before);
});

test("whether a configuration is saved is said with yes or no", async () => {
  const lab = await labOf();
  const document = await documentOf(lab);
  const put400 = async (query: string) => {
    const { status, body } = await put(lab, `/api/config?${query}`, { ...document, retries: 1 });
    return [status, JSON.parse(body).error];
  };
  expect(await put400("persist=maybe")).toEqual([400, 'persist: is "maybe"; wanted yes or no']);
  expect(await put400("persits=no")).toEqual([
    400,
    '"persits": no such parameter; known are persist',
  ]);
  expect(await documentOf(lab)).toEqual(document);
});

test("a click on drain moves the traffic", async () => {
  const lab = await labOf();
  await put(lab, "/api/backends/a", { state: "drain" });
  for (let i = 0; i < 4; i++) expect(await lab.ask(GET_ONCE)).toMatch(/\r\n\r\nb$/);
  await put(lab, "/api/backends/a", { state: "ready", weight: 0 });
  for (let i = 0; i < 4; i++) expect(await lab.ask(GET_ONCE)).toMatch(/\r\n\r\nb$/);
});

describe("the console", () => {
  /** Types a line at the board's serial port; what the board writes then. */
  async function type(lab: EmulatedLab, line: string): Promise<string[]> {
    const from = lab.lines.length;
    lab.board.adapter.send(Buffer.from(`${line}\r`));
    await lab.clock.run({ ms: 1500 });
    return lab.lines.slice(from);
  }

  async function console() {
    const lab = await labOf();
    lab.board.adapter.plugged = true;
    const echoed: string[] = [];
    lab.board.adapter.onBytes = bytes => echoed.push(Buffer.from(bytes).toString("latin1"));
    return { lab, echoed };
  }

  test("knows what the API knows", async () => {
    const { lab } = await console();
    expect(await type(lab, "drain a")).toContain("ok a is drain instead of ready");
    expect(lab.app!.proxy.backend("a")!.state).toBe("drain");
    expect(await type(lab, "weight b 0")).toContain(
      "ok b has weight 0 instead of 1 until the next configuration or restart",
    );
    expect((await type(lab, "backends")).join("\n")).toMatch(
      /^a 10\.0\.0\.2:8080 drain state=drain/m,
    );
    expect((await type(lab, "config retries 1")).at(-1)).toMatch(
      /^ok retries is 1 instead of 2 \(the default\); in force/,
    );
    expect(lab.app!.proxy.config.retries).toBe(1);
    expect((await type(lab, "help")).length).toBeGreaterThan(12);
    expect(await type(lab, "explain 3")).toContain("ok the next 3 picks will be explained");
  });

  test("says what is wrong, and the nearest that is right", async () => {
    const { lab } = await console();
    expect(await type(lab, "drian a")).toContain('error no command "drian"; did you mean "drain"?');
    expect(await type(lab, "drain")).toContain("error usage: drain NAME");
    expect((await type(lab, "drain aa")).at(-1)).toMatch(/^error no backend "aa"/);
    expect((await type(lab, "balance emwa")).at(-1)).toMatch(/did you mean "ewma"\?$/);
    expect((await type(lab, "balance toString")).at(-1)).toMatch(
      /^error balance: no strategy "toString"; wanted /,
    );
    expect((await type(lab, "weight a many")).at(-1)).toMatch(/^error weight: is "many"; wanted /);
    expect((await type(lab, "weight a -1")).at(-1)).toMatch(/^error weight: is -1; wanted /);
    expect((await type(lab, "explain x")).at(-1)).toMatch(/^error explain: is "x"; wanted /);
  });

  test("a key of the configuration is told by its path, and a wrong path says what is wrong with it", async () => {
    const { lab } = await console();
    const last = async (line: string) => (await type(lab, line)).at(-1);
    expect(await last("config health.intervalMs 4000")).toMatch(
      /^ok health.intervalMs is 4000 instead of 5000 \(the default\); in force/,
    );
    expect(lab.app!.proxy.config.health.intervalMs).toBe(4000);
    expect(await last("config backends.a.weight 2")).toMatch(
      /^error config: "backends.a.weight": "a" is no place of a list of 2; /,
    );
    expect(await last("config health..intervalMs 1")).toMatch(/: a key is empty; wanted one such/);
    expect(await last("config complaints.x 1")).toMatch(/^error complaints: no such key/);
    expect(await last("config __proto__.x 1")).toMatch(/^error __proto__: no such key/);
  });

  test.each([3, 20, 240])("a path of %i dots is an error, and the board serves on", async dots => {
    const { lab } = await console();
    const path = Array(dots + 1)
      .fill("a")
      .join(".");
    const [answer] = (await type(lab, `config ${path} 1`)).slice(-1);
    expect(answer).toMatch(
      dots < 16
        ? /^error a: no such key/
        : /^error config: "a\.a.*: \d+ keys inside each other; 16/,
    );
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });

  test("events of a kind, as many as are asked for", async () => {
    const { lab } = await console();
    lab.setState("a", "drain");
    await lab.ask(GET_ONCE);
    expect(await type(lab, "events board 1")).toEqual([
      "> events board 1",
      expect.stringMatching(/backend: drain name=a$/),
      "ok",
    ]);
    expect((await type(lab, "events requests")).slice(1)).toEqual([
      expect.stringMatching(/http: request /),
      "ok",
    ]);
    for (const wrong of ["events x", "events 0", "events board 1 2", "events requests x"]) {
      const answer = (await type(lab, wrong)).at(-1);
      expect(answer).toMatch(/^error (events: is ".*"; wanted board or requests, and|usage: )/);
    }
  });

  test("goes back to the configuration that was built in", async () => {
    const { lab } = await console();
    await type(lab, "config retries 1");
    expect((await type(lab, "config default")).at(-1)).toMatch(/^ok in force/);
    expect(lab.app!.proxy.config.retries).toBe(2);
    expect((await type(lab, "factory-reset")).slice(1, 3)).toEqual([
      expect.stringMatching(/^ok in 1 s configuration, token, states /),
      expect.stringMatching(/^W .* config: factory-reset$/),
    ]);
  });

  test("a secret is set and never shown", async () => {
    const { lab, echoed } = await console();
    expect(await type(lab, "token new-secret-1")).toEqual([
      "> token ********",
      expect.stringMatching(/admin: token-trial ms=30000$/),
      "ok the token is valid now; it is saved if a request with it arrives within 30 s, else the previous one returns",
    ]);
    await type(lab, "wifi home secret-password");
    expect(lab.app!.runtime.token).toBe("new-secret-1");
    const all = [...echoed, ...lab.lines].join("");
    for (const secret of ["new-secret", "secret-password"]) expect(all).not.toContain(secret);
    expect(echoed.join("")).toContain("token ");
  });

  test.each([
    ['  token "new-secret-1"', "> token ********"],
    ['"token" new-secret-1', '> "token" ********'],
    ['"token"new-secret-1', '> "token"********'],
    ["token  new-secret-1 new-secret-2", "> token  ******** ********"],
    ["tokn new-secret-1", "> tokn ********"],
    ["config stickyKey new-secret-1", "> config stickyKey ********"],
    ['config "stickyKey" "new-secret-1', '> config "stickyKey" ********'],
    ["wifi home new-secret-1", "> wifi home ********"],
  ])("a secret is covered however it is typed: %s", async (line, shown) => {
    const { lab, echoed } = await console();
    expect((await type(lab, line))[0]).toBe(shown);
    expect([...echoed, ...lab.lines].join("")).not.toContain("new-secret");
  });

  test("a temporary token counts until the reset; then the saved one does again", async () => {
    const { lab } = await console();
    await type(lab, "token the-boards-own");
    await get(lab, "/", { token: "the-boards-own" });
    expect((await type(lab, "temporary-token for-a-while")).at(-1)).toMatch(/^ok /);
    expect(lab.app!.runtime.token).toBe("for-a-while");
    expect((await type(lab, "temporary-token short")).at(-1)).toMatch(/^error token: wanted 8 /);
    lab.board.reset();
    await lab.clock.run({ ms: 3000 });
    expect(lab.app!.runtime.token).toBe("the-boards-own");
  });

  test("tells a key of the configuration, and changes one in a list", async () => {
    const { lab } = await console();
    const answer = async (line: string) => (await type(lab, line)).slice(1);
    expect(await answer("config health.intervalMs")).toEqual([
      "health.intervalMs=5000 (the default)",
      "ok",
    ]);
    expect(await answer("config health.check")).toEqual(['health.check="none"', "ok"]);
    expect(await answer("config backends[1].name")).toEqual(['backends[1].name="b"', "ok"]);
    expect(await answer("config sessionsMax")).toEqual([
      "sessionsMax=nothing; 12 are in force",
      "ok",
    ]);
    expect(await answer("config helth.check")).toEqual([
      'error config: "helth.check": there is no "helth"; did you mean "health"?',
    ]);
    expect((await answer("config backends[1].maxSessions 3")).at(-1)).toMatch(
      /^ok backends\[1\].maxSessions is 3 instead of nothing/,
    );
    expect(lab.app!.proxy.backend("b")!.maxSessions).toBe(3);
    expect(await answer("config backends[7].maxSessions 3")).toEqual([
      expect.stringMatching(/: "7" is no place of a list of 2; the first one is \[0\]/),
    ]);
  });

  test("has a word or a number for each value of the status", async () => {
    const { lab } = await console();
    const answer = await type(lab, "status");
    expect(answer.filter(line => line.includes("[object") || line.includes("NaN"))).toEqual([]);
    expect(answer).toContain("memory.shed=0");
  });

  test("tells the network", async () => {
    const { lab } = await console();
    expect((await type(lab, "wifi")).slice(1)).toEqual(["ip=10.0.0.1", "rssi=-54", "ok"]);
  });

  test("leaves the Wi-Fi on demand, and is back by itself", async () => {
    const { lab } = await console();
    expect(await type(lab, "wifi-rejoin")).toContain("ok leaving the network and joining it again");
    await lab.clock.run({ ms: 5000 });
    expect(lab.events("net").map(({ values }) => values.ip)).toEqual(["10.0.0.1", "10.0.0.1"]);
    expect(await lab.ask(GET_ONCE)).toMatch(/^HTTP\/1.1 200 /);
  });
});
