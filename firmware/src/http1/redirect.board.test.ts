import { describe, expect, test } from "vitest";
import type { Message } from "../../../backends/src/http-reader.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import { HttpClient } from "../../../hil/kit/http-lab.ts";

/** A board that redirects requests for `secure.home` and below `/account`, and serves others. */
async function labOf(settings: object = {}) {
  const lab = new EmulatedLab();
  const a = httpBackend(() => "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  lab.backend("a", a.serve);
  await lab.serve({
    routes: [{ host: "secure.home", redirect: 301 }, { path: "/account", redirect: 308 }, {}],
    ...settings,
  });
  return { lab, a, client: new HttpClient(lab) };
}

const location = (message: Message) => message.all("Location")[0];

/** The only route redirects each request. */
const ALL = { routes: [{ redirect: 301 }] };

describe("a redirect keeps host, path and query", () => {
  test.each([
    ["/", "secure.home", "https://secure.home/"],
    ["/a/b?c=d&e", "secure.home:8080", "https://secure.home/a/b?c=d&e"],
    ["/%7Euser/../x?/..", "Secure.Home", "https://Secure.Home/%7Euser/../x?/.."],
    ["http://secure.home:80/a?b", "secure.home", "https://secure.home/a?b"],
    ["http://secure.home?b", "secure.home", "https://secure.home/?b"],
    ["/", "secure.home.", "https://secure.home/"],
  ])("GET %s of %s: 301 to %s", async (target, host, url) => {
    const { lab, a, client } = await labOf();
    const message = await client.ask(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(message.line).toBe("HTTP/1.1 301 Moved Permanently");
    expect(location(message)).toBe(url);
    expect(a.requests).toEqual([]);
    expect(lab.app!.proxy.pool.backends[0].counters.sessionsTotal).toBe(0);
  });

  test.each([
    ["/x", "192.168.1.5:8080", "https://192.168.1.5/x"],
    ["/x", "[fd00::1]:8080", "https://[fd00::1]/x"],
    ["/x;y=%2F", "a", "https://a/x;y=%2F"],
  ])("%s of %s, where all requests are redirected, to %s", async (target, host, url) => {
    const { client } = await labOf(ALL);
    const message = await client.ask(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    expect(location(message)).toBe(url);
  });

  test("OPTIONS * asks the server itself", async () => {
    const { client } = await labOf(ALL);
    const message = await client.ask("OPTIONS * HTTP/1.1\r\nHost: a.home:80\r\n\r\n");
    expect(location(message)).toBe("https://a.home");
  });
});

test("the connection serves further requests, redirected or not; HEAD gets no body", async () => {
  const { lab, client } = await labOf();
  const ask = (method: string, host: string) =>
    client.ask(`${method} /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  const messages = [
    await ask("GET", "secure.home"),
    await ask("HEAD", "secure.home"),
    await ask("GET", "other.home"),
    await ask("GET", "secure.home"),
  ];
  expect(client.statuses).toEqual([301, 301, 200, 301]);
  expect(messages.map(({ body }) => body.length > 0)).toEqual([true, false, true, true]);
  expect(client.socket.closed).toBe(false);
  const lines = lab.events("http", "request").map(({ values }) => values);
  expect(lines.map(({ status, state, backend }) => [status, state, backend])).toEqual([
    ["301", "LR", undefined],
    ["301", "LR", undefined],
    ["200", "--", "a"],
    ["301", "LR", undefined],
  ]);
  const { answers2xx, answers3xx } = lab.app!.proxy.shared.traffic;
  expect([answers2xx, answers3xx]).toEqual([1, 3]);
  expect(lab.app!.proxy.admission.refusals.noRoute).toBe(0);
});

test("308 keeps the method: the body of a POST is not waited for, and the connection ends", async () => {
  const { client } = await labOf();
  const message = await client.ask(
    "POST /account/x HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n",
  );
  expect(message.line).toBe("HTTP/1.1 308 Permanent Redirect");
  expect(location(message)).toBe("https://h/account/x");
  expect(message.all("Connection")).toEqual(["close"]);
});

test("a request without a host is 400, and a target of more than 2,048 bytes 414", async () => {
  const old = await labOf(ALL);
  expect((await old.client.ask("GET / HTTP/1.0\r\n\r\n")).line).toMatch(/ 400 /);
  const { client } = await labOf(ALL);
  const ask = (length: number) =>
    client.ask(`GET /${"a".repeat(length - 1)} HTTP/1.1\r\nHost: h\r\n\r\n`);
  expect(location(await ask(2_048))).toHaveLength("https://h".length + 2_048);
  expect((await ask(2_049)).line).toMatch(/ 414 /);
});

test("a redirect is normal: with log.requests errors it has no line", async () => {
  const { lab, client } = await labOf({ ...ALL, log: { requests: "errors" } });
  await client.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  expect(lab.events("http", "request")).toEqual([]);
  expect(lab.app!.proxy.shared.traffic.answers3xx).toBe(1);
});

test("raw TCP does not reach a backend where the route for it redirects", async () => {
  const { lab, a } = await labOf(ALL);
  const socket = lab.connect();
  socket.write("SSH-2.0-x\r\n");
  await lab.clock.run({ ms: 500 });
  expect(lab.events("session", "end")[0].values.why).toBe("no-route");
  expect(a.received).toEqual([]);
});
