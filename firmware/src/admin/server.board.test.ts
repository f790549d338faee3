import { seeded } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { adminLab, documentOf, GET_ONCE } from "../../../hil/kit/admin-lab.ts";
import { get, put, send, TOKEN } from "../../../hil/kit/admin-port.ts";
import { collect, EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";

describe("what an operator can see", () => {
  test("status, metrics, events and the page", async () => {
    const lab = await adminLab();
    await lab.ask(GET_ONCE);
    const status = JSON.parse((await get(lab, "/api/status")).body);
    expect(status).toMatchObject({ balance: "round-robin", sessionsMax: 16, ip: "10.0.0.1" });
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
    expect(page.head.length + page.body.length).toBeLessThan(21 * 1024);
    expect(page.body).toMatch(/<\/html>\n$/);
    expect(page.body).not.toMatch(/(src|href)="(?!data:)|innerHTML/);
  });

  test("that a backend went down, even after a hundred requests", async () => {
    const lab = await adminLab();
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
    ["?kind=bord", /^kind: is "bord"; wanted "board", "requests"; did you mean "board"\?$/],
    ["?last=0", /^last: is 0; wanted a whole number from 1 on$/],
    ["?last=x", /^last: is "x"/],
    ["?lst=3", /^"lst": no such parameter; known are kind, last$/],
  ])("no events for %s: the error says what is expected", async (query, error) => {
    const lab = await adminLab();
    const answer = await get(lab, `/api/events${query}`);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).error).toMatch(error);
  });

  test("the board is healthy while a backend is usable", async () => {
    const lab = await adminLab();
    expect(await get(lab, "/healthz")).toMatchObject({ status: 200, body: "ok\n" });
    for (const name of "ab") lab.setState(name, "maint");
    expect((await get(lab, "/healthz")).status).toBe(503);
  });

  test("HEAD is GET without the body; an unknown path is 404, an unsupported method 405", async () => {
    const lab = await adminLab();
    const head = await send(lab, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(head).toMatchObject({ status: 200, body: "" });
    expect((await get(lab, "/nothing")).status).toBe(404);
    expect((await get(lab, "/api/backends/unknown")).status).toBe(404);
    const wrong = await send(lab, "DELETE /api/config HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(wrong.head).toMatch(/^HTTP\/1.1 405 .*\r\nAllow: GET, HEAD, PUT, OPTIONS\r\n/s);
  });
});

describe("HTTP at the admin port", () => {
  test("the list of backends has what the path of each one answers", async () => {
    const lab = await adminLab();
    const { backends } = JSON.parse((await get(lab, "/api/backends")).body);
    expect(backends.map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
    const one = JSON.parse((await get(lab, "/api/backends/b")).body);
    expect(Object.keys(one)).toEqual(Object.keys(backends[1]));
    expect((await put(lab, "/api/backends", {})).head).toMatch(/\r\nAllow: GET, HEAD, OPTIONS\r\n/);
  });

  test("a client that expects 100 Continue gets it at once, and others get none", async () => {
    const lab = await adminLab();
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
    const lab = await adminLab();
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

  test("a client that reads slowly gets the whole page, and one that stops reading is closed", async () => {
    const lab = await adminLab();
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

  test("a media type may be in any case, with parameters", async () => {
    const lab = await adminLab();
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
    const lab = await adminLab();
    expect((await send(lab, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(
      status,
    );
  });

  test("OPTIONS lists the methods, changes nothing, and allows no other site", async () => {
    const lab = await adminLab();
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
    // HAProxy checks so: a board without a usable backend is not healthy.
    expect((await options("/healthz")).status).toBe(200);
    for (const name of "ab") lab.setState(name, "maint");
    expect((await options("/healthz")).status).toBe(503);
  });
});

describe("reading", () => {
  const ask = (lab: EmulatedLab, host: string, fields: string[] = [], path = "/api/status") =>
    send(lab, `${[`GET ${path} HTTP/1.1`, `Host: ${host}`, ...fields].join("\r\n")}\r\n\r\n`);

  test("is allowed by the board's address and names, not by a name of another site", async () => {
    const lab = await adminLab({ adminHosts: ["potato.home"] });
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
    const lab = await adminLab();
    expect((await ask(lab, "10.0.0.1:8404", fields)).status).toBe(status);
  });
});

describe("a change", () => {
  test("is refused while no token is set", async () => {
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
  ])("is refused with %s", async (_, fields, status) => {
    const lab = await adminLab();
    const refused = await put(lab, "/api/backends/a", { state: "drain" }, fields);
    expect(refused.status).toBe(status);
    expect(lab.app!.proxy.backend("a")!.state).toBe("ready");
    expect(lab.events("admin", "refused").at(-1)!.values).toMatchObject({ status: `${status}` });
  });

  test("with a wrong token is answered after two seconds, on one connection at a time, with a right one at once", async () => {
    const lab = await adminLab();
    const guess = ["Authorization: Bearer guess-guess"];
    const timed = async (answer: () => ReturnType<typeof put>) => {
      const fromMs = lab.clock.now();
      const { status, head } = await answer();
      return { status, head, ms: lab.clock.now() - fromMs };
    };
    const wrong = () => timed(() => put(lab, "/api/backends/a", { state: "drain" }, guess));
    const right = () => timed(() => put(lab, "/api/backends/a", { state: "drain" }));
    const first = lab.network.host("operator").connect({ host: "board", port: 8404 });
    const received = collect(first);
    const fromMs = lab.clock.now();
    first.write(
      `PUT /api/backends/a HTTP/1.1\r\nHost: x\r\n${guess[0]}\r\nContent-Length: 2\r\n\r\n{}`,
    );
    await lab.clock.run({ ms: 100 });
    const second = await wrong();
    expect(second.head).toMatch(/^HTTP\/1.1 429 .*\r\nRetry-After: 2\r\n/s);
    for (const { ms } of [second, await right(), await right()]) expect(ms).toBeLessThan(100);
    await lab.clock.run({ until: () => first.closed, ms: 60_000 });
    const ms = lab.clock.now() - fromMs;
    expect(received.text).toMatch(/^HTTP\/1.1 401 /);
    expect(ms).toBeGreaterThanOrEqual(2000);
    expect(ms).toBeLessThan(2100);
    expect((await wrong()).status).toBe(401); // the place is free again
    const text = "PUT /api/backends/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    const none = await timed(() => send(lab, text));
    expect(none.status).toBe(401);
    expect(none.ms).toBeLessThan(100);
  });

  test("a client that disconnects while its wrong token is delayed frees its place", async () => {
    const lab = await adminLab();
    const socket = lab.network.host("operator").connect({ host: "board", port: 8404 });
    socket.on("error", () => {});
    socket.write(
      `PUT /api/config HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer guess-guess\r\nContent-Length: 0\r\n\r\n`,
    );
    await lab.clock.run({ ms: 100 });
    socket.resetAndDestroy();
    await lab.clock.run({ ms: 100 });
    expect(lab.board.stack.objects).toBe(0);
    const again = await put(lab, "/api/backends/a", {}, ["Authorization: Bearer guess-guess"]);
    expect(again.status).toBe(401);
  });

  test("is refused as a form, which other sites can send without a preflight request", async () => {
    const lab = await adminLab();
    const body = '{"state":"drain"}';
    const refused = await send(
      lab,
      `PUT /api/backends/a HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(refused.status).toBe(415);
  });

  test("is allowed from the board's own page", async () => {
    const lab = await adminLab();
    const fields = ["Origin: http://board:8404", "Sec-Fetch-Site: same-origin"];
    expect((await put(lab, "/api/backends/a", { state: "drain" }, fields)).status).toBe(200);
  });

  test("no answer contains a secret", async () => {
    const lab = await adminLab({ sticky: "cookie", stickyKey: "very-secret-key" });
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

describe("invalid requests", () => {
  test.each([
    ["garbage", "WHAT?\r\n\r\n", 400],
    ["a head that is too long", `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(4000)}\r\n\r\n`, 431],
    [
      "a body that is too long",
      "PUT /api/config HTTP/1.1\r\nHost: x\r\nContent-Length: 12289\r\n\r\n",
      413,
    ],
    [
      "a body in chunks that is too long",
      `PUT /api/config HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3001\r\n${"x".repeat(12_289)}\r\n0\r\n\r\n`,
      413,
    ],
    ["half a head", "GET / HTTP/1.1\r\nHost:", 408],
  ])("%s is answered with an error", async (_, text, status) => {
    const lab = await adminLab();
    const answer = await send(lab, text);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.body)).toHaveProperty("error");
  });

  test.each([
    [
      "text that is not JSON",
      "{",
      "wanted a JSON object, and this is not JSON: line 1, column 2: the text ends; ",
    ],
    ["a comma too many", '{"state": "drain",\n}', "line 1, column 18: a comma before }"],
    ["a comment", '{"state": "drain"} // now', "line 1, column 20: a comment, which JSON does not"],
    ["UTF-16", Buffer.from("\ufeff{}", "utf16le").toString("latin1"), "it is UTF-16; wanted UTF-8"],
    ["a list", "[1]", "wanted a JSON object"],
    ["another key", { state: "drain", sate: 1 }, "sate: no such key"],
    ["another state", { state: "asleep" }, 'wanted "ready", "drain", "maint"'],
    ["an invalid weight", { weight: "heavy" }, "whole number from 0 to 256"],
  ])("a change with %s is refused, and the error says what is expected", async (_, body, error) => {
    const lab = await adminLab();
    const answer = await put(lab, "/api/backends/a", body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).error).toContain(error);
  });

  test("a byte-order mark before a change is ignored", async () => {
    const lab = await adminLab();
    expect((await put(lab, "/api/backends/a", '\xef\xbb\xbf{"state": "drain"}')).status).toBe(200);
    expect(lab.app!.proxy.backend("a")!.state).toBe("drain");
  });

  test("a configuration that is too long is refused with the limit", async () => {
    const lab = await adminLab();
    const answer = await put(lab, "/api/config", `{${" ".repeat(12_288)}}`);
    expect([answer.status, JSON.parse(answer.body).error]).toEqual([
      413,
      expect.stringContaining("more than 12288 bytes"),
    ]);
  });

  test("more sessions than the board has connections for: the answer says how many are in force", async () => {
    const lab = await adminLab();
    const document = await documentOf(lab);
    const answer = await put(lab, "/api/config", { ...document, sessionsMax: 500 });
    expect(JSON.parse(answer.body).done).toMatch(
      /; sessionsMax is 500, and the board has connections for 16$/,
    );
    const fewer = await put(lab, "/api/config", { ...document, sessionsMax: 5 });
    expect(JSON.parse(fewer.body).done).not.toMatch(/sessionsMax/);
  });

  test("a connection whose answer is written is replaced before one that was just opened", async () => {
    const lab = await adminLab();
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
    const third = connect(); // accepted when the first answer is written, and its ACK was not received
    third.socket.write(ask);
    await lab.clock.run({ ms: 180 });
    second.socket.write(ask);
    await lab.clock.run({ ms: 5_000 });
    for (const { received } of [first, second, third])
      expect(received.text.slice(0, 12)).toBe("HTTP/1.1 200");
  });

  describe("95 silent connections per second", () => {
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

    /** The number of answered requests, of 20; each client thinks for `thinkMs` once it has connected. */
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
    ])(
      "from %s do not keep out an operator who sends a request 30 ms after connecting",
      async (_, hosts, said) => {
        const lab = await adminLab();
        const stop = flood(lab, hosts, said);
        await lab.clock.run({ ms: 2_000 });
        expect(await answered(lab)).toBe(20);
        expect(await answered(lab, { path: "/" })).toBe(20);
        stop();
        await lab.clock.run({ ms: 10_000 });
        expect(lab.board.stack.objects).toBe(0);
      },
    );

    test("replace a connection without a request after 300 ms, not before", async () => {
      const lab = await adminLab();
      flood(lab, ["a"]);
      expect(await answered(lab, { thinkMs: 250 })).toBe(20);
    });
  });

  test("silent connections do not keep other clients out", async () => {
    const lab = await adminLab();
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
