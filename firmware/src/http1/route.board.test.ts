import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import { GET, HttpClient, labWith } from "../../../hil/kit/http-lab.ts";

describe("routes", () => {
  async function taken(
    routes: object[],
    asked: [host: string, target: string][],
  ): Promise<string[]> {
    const lab = new EmulatedLab();
    for (const name of ["a", "b", "c", "d"]) {
      const backend = httpBackend(({ line }) => reply(`${name} ${line.split(" ")[1]}`));
      lab.backend(name, backend.serve);
    }
    await lab.serve({ routes });
    const answers: string[] = [];
    for (const [host, target] of asked) {
      const client = new HttpClient(lab);
      const { line, body } = await client.ask(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      const status = line.slice(9, 12);
      answers.push(status === "200" ? body.toString() : status);
    }
    return answers;
  }

  test("an exact host before the longest end of one before any; then the longest path", async () => {
    const routes = [
      { path: "/", backends: ["a"] },
      { host: "*.home", backends: ["b"] },
      { host: "*.api.home", backends: ["c"] },
      { host: "x.api.home", path: "/v1", backends: ["d"] },
    ];
    expect(
      await taken(routes, [
        ["other", "/"],
        ["x.home:80", "/"],
        ["X.HOME", "/v1"],
        ["home", "/"],
        ["y.api.home", "/"],
        ["x.api.home", "/v1/a?b"],
        ["x.api.home", "/v2"],
        ["x.api.home", "/v1a"],
      ]),
    ).toEqual(["a /", "b /", "b /v1", "a /", "c /", "d /v1/a?b", "c /v2", "c /v1a"]);
  });

  test("paths match by whole segments; nothing matches: 404", async () => {
    const routes = [
      { path: "/api", backends: ["a"] },
      { path: "/api/v2/", backends: ["b"] },
      { host: "only.here", backends: ["c"] },
    ];
    expect(
      await taken(routes, [
        ["x", "/api"],
        ["x", "/api?a=/api/v2"],
        ["x", "/api/x"],
        ["x", "/apix"],
        ["x", "/api/v2"],
        ["x", "/api/v2/x"],
        ["x", "/api/v22"],
        ["x", "/"],
        ["only.here", "/"],
      ]),
    ).toEqual([
      "a /api",
      "a /api?a=/api/v2",
      "a /api/x",
      "404",
      "b /api/v2",
      "b /api/v2/x",
      "a /api/v22",
      "404",
      "c /",
    ]);
  });

  test("a route's path can be kept from the backend", async () => {
    const routes = [
      { path: "/api", strip: true, backends: ["a"] },
      { path: "/b/", strip: true, backends: ["b"] },
    ];
    expect(
      await taken(routes, [
        ["x", "/api"],
        ["x", "/api?q=/api"],
        ["x", "/api/"],
        ["x", "/api/v1%2F?q"],
        ["x", "/b"],
        ["x", "/b/c"],
        ["x", "http://x/api/v1"],
      ]),
    ).toEqual(["a /", "a /?q=/api", "a /", "a /v1%2F?q", "b /", "b /c", "a /v1"]);
  });

  test("a path that servers read differently is refused, however it is written", async () => {
    const routes = [{ path: "/" }, { path: "/api", backends: ["b"] }];
    const out = [
      "/..",
      "/api/../../admin",
      "/api/%2e%2e/%2E./admin",
      "/api/..;/admin",
      "/api/..%2fadmin",
      "/api/..%5Cadmin",
      "/api/..\\admin",
      "/api/a%2f..%2f..%2fadmin",
      "/api//../admin",
      "/admin%2f..%2fapi",
      "/api%3bx",
      "/;x/api",
      "/api/x%00y",
      "/api/%zz",
    ];
    const inside = ["/api/..a", "/api/a/..%2fb", "/api/a?../..", "/api/a%2Fb%5C", "/api;v=1/x"];
    const asked = [...out, ...inside].map(target => ["x", target] as [string, string]);
    expect(await taken(routes, asked)).toEqual([
      ...out.map(() => "400"),
      ...inside.map(target => `b ${target}`),
    ]);
  });

  test("all spellings of a path have one route, and its backends get the normal one", async () => {
    const routes = [
      { path: "/", backends: ["a"] },
      { path: "/admin", backends: ["b"] },
      { path: "/app", strip: true, backends: ["c"] },
    ];
    const spellings = [
      ["/x/../admin", "b /admin"],
      ["//admin", "b /admin"],
      ["/%61dmin?q=%61", "b /admin?q=%61"],
      ["/./admin/", "b /admin/"],
      ["/admin;x", "b /admin;x"],
      ["/admin/../", "a /"],
      ["/app/../admin", "b /admin"],
      ["/app/.;/../admin", "c /admin"],
      ["/app/%2e;/%2e%2e/admin", "c /admin"],
      ["/app;v=1//y;w?//", "c /y;w?//"],
      ["http://x//admin", "b /admin"],
      ["http://x?q", "a /?q"],
    ];
    const asked = spellings.map(([target]) => ["x", target] as [string, string]);
    expect(await taken(routes, asked)).toEqual(spellings.map(([, received]) => received));
  });

  test("a path that has to be normalised may have 2048 bytes; a plain one as many as a head", async () => {
    const routes = [{ path: "/api", strip: true, backends: ["a"] }];
    const plain = `/api/${"x".repeat(5000)}`;
    const odd = (bytes: number) => `/api/%61/${"x".repeat(bytes - "/api/%61/".length)}`;
    const [first, second, third] = await taken(routes, [
      ["x", plain],
      ["x", odd(2048)],
      ["x", odd(2049)],
    ]);
    expect([first.length, second.length, third]).toEqual([plain.length - 2, 2048 - 2 - 2, "414"]);
  });

  test("without routes for paths a target is forwarded unchanged", async () => {
    const targets = ["//a/../b", "/%61;x/./", "/100%", "/a\\..\\b"];
    const asked = targets.map(target => ["x.home.", target] as [string, string]);
    const routes = [{ host: "x.home", backends: ["a"] }];
    expect(await taken(routes, asked)).toEqual(targets.map(target => `a ${target}`));
    expect(await taken([], asked.slice(0, 1))).toEqual(["a //a/../b"]);
    expect(await taken([], [["x", "/%00"]])).toEqual(["400"]);
  });

  test("OPTIONS * asks the host's backends", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const answer = await new HttpClient(lab).ask("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(answer.line).toBe("HTTP/1.1 200 OK");
    expect(backends[0].requests[0].line).toBe("OPTIONS * HTTP/1.1");
    await new HttpClient(lab).ask("OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(backends[0].requests[1].line).toBe("OPTIONS * HTTP/1.1");
  });

  test("CONNECT and TRACE are refused and reach no backend", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    for (const [line, host] of [
      ["CONNECT x:443", "x:443"],
      ["TRACE /", "x"],
    ]) {
      const answer = await new HttpClient(lab).ask(`${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      expect(answer.line).toBe("HTTP/1.1 405 Method Not Allowed");
      expect(answer.all("allow")).toEqual(["GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"]);
    }
    expect(backends[0].received).toEqual([]);
  });

  test("what follows a refused CONNECT was meant for another server, and is no request", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(`CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n${GET}`, "CONNECT", "GET");
    await lab.clock.run({ ms: 1000 });
    expect(client.statuses).toEqual([405]);
    expect(client.socket.closed).toBe(true);
    expect(backends[0].received).toEqual([]);
  });
});
