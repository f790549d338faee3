import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  closesAfter,
  GET,
  HTTP_ONLY,
  HttpClient,
  labOf,
  lines,
  post,
  unreachable,
} from "../../../hil/kit/http-lab.ts";

describe("retries", () => {
  test("a backend that refuses: the next one, none twice, at most `retries` more", async () => {
    const lab = new EmulatedLab();
    const all = ["a", "b", "c", "d"].map(name => ({ name, backend: named(name) }));
    const hosts = all.map(({ name, backend }) => lab.backend(name, backend.serve));
    await lab.serve();
    for (const host of hosts.slice(0, 2)) host.stop();
    const client = new HttpClient(lab);
    expect(bodies([await client.ask(GET)])).toEqual(["c"]);
    expect(bodies([await client.ask(post("x"))])).toEqual(["d"]);
    hosts[2].stop();
    // Three attempts, a, b and c: d would have taken it, but enough is enough.
    expect((await client.ask(GET)).line).toBe("HTTP/1.1 502 Bad Gateway");
    expect(client.socket.closed).toBe(false);
    expect(lines(lab)).toMatchObject([
      { backend: "c", retries: "2", state: "--" },
      { backend: "d", retries: "0", state: "--" },
      { status: "502", retries: "2", state: "SC", Tc: "-1", Tr: "-1" },
    ]);
    const tries = lab
      .events("backend", "connect-failed")
      .map(({ values }) => `${values.id} ${values.name} ${values.why}`);
    expect(tries).toEqual([
      "1 a refused",
      "1 b refused",
      ...["a", "b", "c"].map(n => `1 ${n} refused`),
    ]);
  });

  test("none is asked twice, though `retries` would allow it", async () => {
    const lab = new EmulatedLab();
    const both = ["a", "b"].map(name => lab.backend(name, named(name).serve));
    await lab.serve({ retries: 5 });
    for (const backend of both) backend.stop();
    expect((await new HttpClient(lab).ask(GET)).line).toBe("HTTP/1.1 502 Bad Gateway");
    expect(lab.events("backend", "connect-failed").map(({ values }) => values.name)).toEqual([
      "a",
      "b",
    ]);
  });

  test("a body that was not yet sent is sent to the next backend", async () => {
    const lab = new EmulatedLab();
    const echo = httpBackend(({ body }) => reply(`<${body}>`));
    const a = lab.backend("a", named("a").serve);
    lab.backend("b", echo.serve);
    await lab.serve();
    a.stop();
    const client = new HttpClient(lab);
    const body = "x".repeat(20_000);
    expect((await client.ask(post(body))).body.toString()).toBe(`<${body}>`);
  });

  test("a kept connection that dies before a byte costs no request", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", closesAfter("a", 1).serve);
    lab.backend("b", closesAfter("b", 1).serve);
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 10; i++) expect((await client.ask(GET)).line).toBe("HTTP/1.1 200 OK");
  });

  test("with one backend only, too", async () => {
    const lab = labOf(closesAfter("a", 1));
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 10; i++) expect(bodies([await client.ask(GET)])).toEqual(["a"]);
    expect(lines(lab).map(({ state }) => state)).toEqual(Array(10).fill("--"));
  });

  test.each([
    ["nothing is said of a body", ""],
    ["Content-Length is 0", "Content-Length: 0\r\n"],
    ["Content-Length is 000", "Content-Length: 000\r\n"],
  ])("a kept connection serves what has no body, also where %s", async (_, field) => {
    const seen = named("a");
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await client.ask(`${method} / HTTP/1.1\r\nHost: x\r\n${field}\r\n`);
      expect(answer.line).toBe("HTTP/1.1 200 OK");
    }
    expect(seen.received.length).toBe(1);
    // Content-Length stays, also without a body: some servers require it for PUT.
    const lengths = seen.requests.map(request => request.all("content-length"));
    expect(lengths).toEqual(Array(4).fill(field === "" ? [] : ["0"]));
  });

  test("that is no retry: it is not counted among them", async () => {
    const lab = labOf(closesAfter("a", 1));
    await lab.serve({ retries: 0 });
    const client = new HttpClient(lab);
    for (let i = 0; i < 4; i++) expect(bodies([await client.ask(GET)])).toEqual(["a"]);
  });

  test("a fresh connection that dies before a byte: another backend, for what may be sent twice", async () => {
    const requests = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].map(m => GET.replace("GET", m));
    const withLength = requests.map(text =>
      text.replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n"),
    );
    for (const request of [...requests, ...withLength]) {
      const lab = new EmulatedLab();
      const a = closesAfter("a", 0);
      lab.backend("a", a.serve);
      lab.backend("b", named("b").serve);
      await lab.serve();
      const client = new HttpClient(lab);
      const answer = await client.ask(request);
      expect(answer.line).toBe("HTTP/1.1 200 OK");
      expect(a.requests.length).toBe(1);
      expect(lines(lab)).toMatchObject([{ backend: "b", retries: "1", state: "--" }]);
    }
  });

  test("the log says what the last backend did: SH, it closed without a response, SC, it refused", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", closesAfter("a", 0).serve);
    const b = lab.backend("b", closesAfter("b", 0).serve);
    await lab.serve();
    await new HttpClient(lab).ask(GET);
    b.stop();
    await new HttpClient(lab).ask(GET);
    expect(lines(lab)).toMatchObject([
      { status: "502", retries: "1", backend: "b", state: "SH" },
      { status: "502", retries: "1", state: "SC" },
    ]);
  });

  test.each([
    ["POST", "POST / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["POST with a body of no bytes", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"],
    ["PATCH", "PATCH / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["an unknown method", "MKCOL / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["a body", "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"],
    [
      "a body of chunks",
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    ],
    ["an upgrade", "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
  ])("what was sent and may not be sent twice is not: %s", async (_, text) => {
    const lab = new EmulatedLab();
    const a = closesAfter("a", 0);
    const b = named("b");
    lab.backend("a", a.serve);
    lab.backend("b", b.serve);
    await lab.serve(HTTP_ONLY);
    const client = new HttpClient(lab);
    expect((await client.ask(text)).line).toBe("HTTP/1.1 502 Bad Gateway");
    expect([a.requests.length, b.received.length]).toEqual([1, 0]);
    expect(lines(lab)).toMatchObject([{ status: "502", state: "SH", retries: "0", backend: "a" }]);
  });

  test("a request that may not be sent twice is never sent on an idle connection", async () => {
    const lab = labOf(closesAfter("a", 1));
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 5; i++) {
      await client.ask(GET);
      expect((await client.ask(post("x"))).line).toBe("HTTP/1.1 200 OK");
    }
  });

  test.each([
    ["a byte", "H"],
    ["a whole 1xx", "HTTP/1.1 103 Early Hints\r\n\r\n"],
    ["half a head", "HTTP/1.1 200 OK\r\nContent-Le"],
  ])("after %s of an answer there is no other backend", async (_, begin) => {
    const lab = new EmulatedLab();
    const a = httpBackend((_request, socket) => {
      socket.end(begin);
      return undefined;
    });
    const b = named("b");
    lab.backend("a", a.serve);
    lab.backend("b", b.serve);
    await lab.serve();
    const client = new HttpClient(lab);
    expect((await client.ask(GET)).line).toBe("HTTP/1.1 502 Bad Gateway");
    expect(b.received).toEqual([]);
    expect(lines(lab)).toMatchObject([{ state: "SH", retries: "0" }]);
  });

  test.each([
    ["a length", "Content-Length: 100\r\n\r\nhello", "length"],
    ["chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "chunked"],
    ["half a chunk", "Transfer-Encoding: chunked\r\n\r\n50\r\nhello", "chunked"],
    ["a broken chunk", "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX", "chunked"],
    [
      "chunks without their end",
      "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
      "chunked",
    ],
  ])("a reply that is cut stays visibly cut: %s", async (_, rest) => {
    for (const ending of ["end", "resetAndDestroy"] as const) {
      const lab = new EmulatedLab();
      const a = httpBackend((_request, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
        lab.clock.after(50, () => socket[ending]());
        return undefined;
      });
      lab.backend("a", a.serve);
      await lab.serve();
      const client = new HttpClient(lab);
      client.send(GET + GET, "GET", "GET");
      await client.closed();
      expect(client.received.text).toContain("hello");
      expect(client.replies).toEqual([]);
      expect(client.reader.broken).toBe("cut");
      expect(lines(lab).length).toBe(1);
      expect(["SD", "PD"]).toContain(lines(lab)[0].state);
    }
  });

  test("an answer whose last chunk is broken stays visibly cut", async () => {
    const answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\rX";
    const lab = labOf(httpBackend(() => answer));
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(GET, "GET");
    await client.closed();
    expect(lines(lab)[0].state).toBe("PD");
    expect(client.replies).toEqual([]);
    expect(client.reader.broken).toBe("cut");
  });

  test("all attempts together take no more than 10 s", async () => {
    const lab = new EmulatedLab();
    const holes = ["hole1", "hole2", "hole3"].map(name => unreachable(lab, name));
    await lab.serve({ backends: holes, connectTimeoutMs: 6000 });
    const client = new HttpClient(lab);
    const start = lab.clock.now();
    expect((await client.ask(GET)).line).toBe("HTTP/1.1 504 Gateway Timeout");
    expect(lab.clock.now() - start).toBeGreaterThan(9_900);
    expect(lab.clock.now() - start).toBeLessThan(10_100);
    expect(lines(lab)).toMatchObject([{ state: "sC", retries: "1", Tc: "-1" }]);
  });

  test("a backend that does not answer the call is passed over after the connect timeout", async () => {
    const lab = new EmulatedLab();
    const hidden = unreachable(lab, "hole1");
    const { host } = lab.backend("b", named("b").serve);
    await lab.serve({ backends: [hidden, { name: "b", address: host.address, port: 8080 }] });
    const client = new HttpClient(lab);
    expect(bodies([await client.ask(post("x"))])).toEqual(["b"]);
    expect(lines(lab)).toMatchObject([{ backend: "b", retries: "1", state: "--" }]);
    expect(Number(lines(lab)[0].Tc)).toBeGreaterThanOrEqual(3000);
  });
});
