import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  expectNothingLeft,
  GET,
  get,
  HTTP_ONLY,
  HttpClient,
  labOf,
  labWith,
  lines,
  post,
} from "../../../hil/kit/http-lab.ts";

describe("what two servers could read differently is refused", () => {
  const START = "POST / HTTP/1.1\r\nHost: x\r\n";
  const SECOND = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n";
  const CHUNKED = `${START}Transfer-Encoding: chunked\r\n\r\n`;

  test.each([
    // framing
    [
      "a length and chunks",
      `${START}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "chunks and a length",
      `${START}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "an odd coding and a length",
      `${START}Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\nhello`,
      400,
    ],
    [
      "chunks on HTTP/1.0",
      "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["gzip, chunked", `${START}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
    ["chunked, chunked", `${START}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 501],
    [
      "chunked twice",
      `${START}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "chunked and identity",
      `${START}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n`,
      400,
    ],
    ["xchunked", `${START}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
    ["identity", `${START}Transfer-Encoding: identity\r\n\r\n`, 501],
    ["an empty coding", `${START}Transfer-Encoding: \r\n\r\n0\r\n\r\n`, 501],
    ["chunked with a vertical tab", `${START}Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n`, 400],
    ["chunked with a parameter", `${START}Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n`, 501],
    [
      "chunked with a byte above 0x7f",
      `${START}Transfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n`,
      501,
    ],
    ["two different lengths", `${START}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`, 400],
    ["the same length twice", `${START}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, 400],
    ["a list of lengths", `${START}Content-Length: 5, 5\r\n\r\nhello`, 400],
    ["a plus sign", `${START}Content-Length: +5\r\n\r\nhello`, 400],
    ["a minus sign", `${START}Content-Length: -5\r\n\r\nhello`, 400],
    ["a length in hexadecimal", `${START}Content-Length: 0x5\r\n\r\nhello`, 400],
    ["a length with junk", `${START}Content-Length: 5a\r\n\r\nhello`, 400],
    ["a length with a blank inside", `${START}Content-Length: 1 5\r\n\r\nhello`, 400],
    ["an empty length", `${START}Content-Length:\r\n\r\nhello`, 400],
    ["a length that overflows", `${START}Content-Length: 18446744073709551621\r\n\r\nhello`, 400],
    ["a length of 16 digits", `${START}Content-Length: 9007199254740993\r\n\r\nhello`, 400],
    ...["GET", "HEAD", "DELETE"].map(
      method =>
        [
          `HTTP/1.0 ${method} with a body`,
          `${method} / HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello`,
          400,
        ] as const,
    ),
    // Host
    ["HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400],
    ["the same Host twice", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400],
    ["two Hosts on HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", 400],
    ["another host in the target", "GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a user in the target", "GET http://x@y/ HTTP/1.1\r\nHost: y\r\n\r\n", 400],
    ["a Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400],
    ["a Host with a user", "GET / HTTP/1.1\r\nHost: x@y\r\n\r\n", 400],
    ["a Host with a blank", "GET / HTTP/1.1\r\nHost: x y\r\n\r\n", 400],
    // lines
    ["a blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400],
    ["a tab before the colon", `${START}Content-Length\t: 5\r\n\r\nhello`, 400],
    ["a blank in a name", "GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", 400],
    ["a control character in a name", "GET / HTTP/1.1\r\nHost: x\r\nA\x01b: c\r\n\r\n", 400],
    ["a byte above 0x7f in a name", "GET / HTTP/1.1\r\nHost: x\r\nA\xe9b: c\r\n\r\n", 400],
    ["an empty name", "GET / HTTP/1.1\r\nHost: x\r\n: c\r\n\r\n", 400],
    ["a line without a colon", "GET / HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n", 400],
    ["a folded line", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400],
    [
      "a first field that begins with a blank",
      "GET / HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n",
      400,
    ],
    ["NUL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n", 400],
    [
      "a bare CR in a value",
      "GET / HTTP/1.1\r\nHost: x\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
    ["a bare LF behind a field", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400],
    ["a bare LF behind the first line", "GET / HTTP/1.1\nHost: x\r\n\r\n", 400],
    ["an empty line that is a bare LF", "GET / HTTP/1.1\r\nHost: x\r\n\n", 400],
    ["DEL in a value", "GET / HTTP/1.1\r\nHost: x\r\nA: b\x7f\r\n\r\n", 400],
    // the first line
    ["two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a tab for a blank", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a blank at the end", "GET / HTTP/1.1 \r\nHost: x\r\n\r\n", 400],
    ["a blank at the beginning", " GET / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["no version", "GET /\r\nHost: x\r\n\r\n", 400],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["HTTP/2.0", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505],
    ["HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 400],
    ["HTTP/1.10", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400],
    ["http/1.1", "GET / http/1.1\r\nHost: x\r\n\r\n", 400],
    ["a fragment", "GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["another port in the target", "GET http://x:81/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a port in Host alone", "GET http://x/ HTTP/1.1\r\nHost: x:8080\r\n\r\n", 400],
    ["a target without a host", "GET http:///a HTTP/1.1\r\nHost:\r\n\r\n", 400],
    ["an empty Host beside one in the target", "GET http://x/ HTTP/1.1\r\nHost:\r\n\r\n", 400],
    [
      "an empty Host beside one in the target of HTTP/1.0",
      "GET http://x/ HTTP/1.0\r\nHost:\r\n\r\n",
      400,
    ],
    ["a whole URL and no Host", "GET http://x/ HTTP/1.1\r\n\r\n", 400],
    ["a back slash in the target's host", "GET http://x\\y/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["two ports in the target", "GET http://x:80:80/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a target that is no path", "GET x HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["* with GET", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["%00 in the path", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["five empty lines before it", `${"\r\n".repeat(5)}GET / HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ["a TLS hello", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n\r\n\r\n", 400],
  ] as const)("%s: refused, closed, and it reaches no backend", async (_, raw, status) => {
    for (const size of [raw.length, 1]) {
      const { lab, backends } = labWith("a", "b");
      await lab.serve(HTTP_ONLY);
      const client = new HttpClient(lab);
      client.reader.expects(raw.slice(0, raw.indexOf(" ")));
      for (let at = 0; at < raw.length; at += size) client.send(raw.slice(at, at + size));
      client.send(SECOND);
      await client.closed();
      expect(client.statuses).toEqual([status]);
      expect(client.reader.messages[0].all("connection")).toEqual(["close"]);
      expect(client.reader.broken).toBeUndefined();
      expect(backends.flatMap(({ received }) => received)).toEqual([]);
      expect(lines(lab)).toMatchObject([{ status: String(status), state: "PR", retries: "0" }]);
      await lab.settle();
      expectNothingLeft(lab);
    }
  });

  test.each([
    ["a bare LF behind a size", "5\nhello\r\n0\r\n\r\n"],
    ["a bare LF behind the data", "5\r\nhello\n0\r\n\r\n"],
    ["a size without digits", "\r\nhello\r\n0\r\n\r\n"],
    ["a size with a sign", "+5\r\nhello\r\n0\r\n\r\n"],
    ["a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"],
    ["a blank before a size", " 5\r\nhello\r\n0\r\n\r\n"],
    ["a blank behind a size", "5 \r\nhello\r\n0\r\n\r\n"],
    ["a blank inside a size", "5 0\r\nhello\r\n0\r\n\r\n"],
    ["a size of more than 32 bits", "100000005\r\nhello\r\n0\r\n\r\n"],
    ["a size that overflows", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n"],
    ["more data than the size says", "4\r\nhello\r\n0\r\n\r\n"],
    ["an extension with a bare LF", "5;a\nb\r\nhello\r\n0\r\n\r\n"],
    ["an extension with an open quote", '5;a="\r\nhello\r\n0\r\n\r\n'],
    ["an extension with NUL", "5;a=\0\r\nhello\r\n0\r\n\r\n"],
    ["an extension with an escaped quote and no other", '5;a="\\"\r\nhello\r\n0\r\n\r\n'],
    ["an extension with text behind a quote", '5;a="b"c\r\nhello\r\n0\r\n\r\n'],
    ["an extension of 17 kB", `5;${"a".repeat(17_000)}\r\nhello\r\n0\r\n\r\n`],
    ["a bare LF in the trailers", "5\r\nhello\r\n0\r\nA: b\n\r\n"],
    ["a bare LF at the end", "5\r\nhello\r\n0\r\n\n"],
    ["trailers without end", `5\r\nhello\r\n0\r\n${"A: b\r\n".repeat(4000)}\r\n`],
  ])("chunks with %s: refused, closed, and no backend has a whole request", async (_, body) => {
    for (const size of [CHUNKED.length + body.length, body.length > 1000 ? 997 : 1]) {
      const { lab, backends } = labWith("a");
      await lab.serve();
      const client = new HttpClient(lab);
      const raw = CHUNKED + body;
      for (let at = 0; at < raw.length; at += size) client.send(raw.slice(at, at + size));
      client.send(SECOND);
      await client.closed();
      expect(client.statuses).toEqual([400]);
      expect(client.reader.messages[0].all("connection")).toEqual(["close"]);
      await lab.settle();
      expect(backends[0].requests).toEqual([]);
      expect(backends[0].received.join("")).not.toContain("secret");
      expect(backends[0].sound).toBe(true);
      expect(lines(lab)).toMatchObject([{ status: "400", state: "PD" }]);
      expectNothingLeft(lab);
    }
  });

  test("chunks with a CR alone at their end: no backend has a whole request", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(`${CHUNKED}5\r\nhello\r\n0\r\n\rX`);
    await client.closed();
    expect(client.statuses).toEqual([400]);
    expect(backends[0].requests).toEqual([]);
  });

  test("extensions, zeros before a size and trailers are dropped, of requests and of answers", async () => {
    const body = [
      `5;a=\\;b=c${"d".repeat(50)}\r\nhello\r\n`,
      '0000000003 ; e="f \\"g;" ; h = i\r\n, w\r\n',
      `4;${"j".repeat(5_000)}\r\norld\r\n`,
      "00000000;x\r\nA: b\r\nContent-Length: 9\r\n\r\n",
    ].join("");
    const seen = httpBackend(() => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 2; i++) {
      expect(bodies([await client.ask(CHUNKED + body)])).toEqual(["hello, world"]);
    }
    expect(bodies(seen.requests)).toEqual(["hello, world", "hello, world"]);
    expect(client.reader.broken).toBeUndefined();
    for (const text of [client.received.text, ...seen.received]) {
      expect(text).not.toMatch(/ddd|jjj|"f/);
      expect(text).not.toMatch(/^(A|Content-Length):/im);
    }
  });

  test("what is forwarded is framed by us: one length without zeros, or chunks", async () => {
    const seen = httpBackend(({ body }) => reply(`<${body}>`));
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(`${START}content-LENGTH:0005\r\n\r\nhello`);
    await client.ask(`${START}transfer-encoding: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n`);
    await client.ask(
      `${START}Content_Length: 77\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello`,
    );
    const framings = seen.requests.map(({ fields }) =>
      fields.filter(([name]) => /^(content|transfer)/i.test(name)),
    );
    expect(framings).toEqual([
      [["Content-Length", "5"]],
      [["Transfer-Encoding", "chunked"]],
      [["Content-Length", "5"]],
    ]);
    expect(bodies(seen.requests)).toEqual(["hello", "hello", "hello"]);
    expect(seen.sound).toBe(true);
  });

  test("a method without a known body keeps its framing on a reused connection", async () => {
    const seen = httpBackend(({ line, body }) => reply(`${line.split(" ")[0]} ${body}`));
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    for (const method of ["GET", "DELETE", "OPTIONS", "QUERY"]) {
      await client.ask(GET);
      const hidden = SECOND;
      const text = `${method} / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
      expect((await client.ask(text)).body.toString()).toBe(`${method} ${hidden}`);
      expect(
        (
          await client.ask(
            text.replace(/Transfer[\s\S]*$/, `Content-Length: ${hidden.length}\r\n\r\n${hidden}`),
          )
        ).body.toString(),
      ).toBe(`${method} ${hidden}`);
    }
    expect(seen.requests.filter(({ line }) => line.includes("secret"))).toEqual([]);
    expect(seen.requests.length).toBe(12);
  });

  test.each([
    // target, Host of the request, path and Host for the backend
    ["http://x/p?q", "x", "/p?q", "x"],
    ["http://x?q", "x", "/?q", "x"],
    ["http://x", "x", "/", "x"],
    ["HTTP://X:8080/p", "x:8080", "/p", "X:8080"],
    ["http://x:80/p", "x", "/p", "x:80"],
    ["http://x/p", "x:80", "/p", "x"],
    ["http://x:/p", "x:80", "/p", "x:"],
    ["http://[::1]:80/p", "[::1]", "/p", "[::1]:80"],
    ["http://x/a//b/http://y/", "x", "/a//b/http://y/", "x"],
  ])("%s with Host %s is %s of host %s", async (target, host, path, authority) => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    for (const method of ["GET", "PUT"]) {
      await client.ask(`${method} ${target} HTTP/1.1\r\nA: b\r\nHost: ${host}\r\nC: d\r\n\r\n`);
    }
    await client.ask(GET); // nothing of it is left for the next request
    const [, , next] = backends[0].requests;
    for (const [i, request] of backends[0].requests.slice(0, 2).entries()) {
      expect(request.line).toBe(`${["GET", "PUT"][i]} ${path} HTTP/1.1`);
      expect(request.all("host")).toEqual([authority]);
      expect(request.all("x-forwarded-host")).toEqual([authority]);
      expect([...request.all("a"), ...request.all("c")]).toEqual(["b", "d"]);
    }
    expect(next.all("host")).toEqual(["x"]);
    expect(lines(lab)[0].path).toBe(path.split("?", 1)[0]);
  });

  test("of HTTP/1.0 a whole URL needs no Host, and names it for the backend", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    await lab.ask("GET http://x:80/p HTTP/1.0\r\n\r\n");
    const [request] = backends[0].requests;
    expect(request.line).toBe("GET /p HTTP/1.1");
    expect(request.all("host")).toEqual(["x:80"]);
    expect(request.all("x-forwarded-host")).toEqual(["x:80"]);
  });

  test("a whole URL finds the route of its host", async () => {
    const { lab, backends } = labWith("a", "b");
    await lab.serve({ routes: [{ host: "b.home", backends: ["b"] }, { backends: ["a"] }] });
    await lab.ask("GET http://B.home:80/p HTTP/1.1\r\nHost: b.home\r\nConnection: close\r\n\r\n");
    await lab.ask("GET http://b.home/p HTTP/1.0\r\n\r\n");
    expect(backends.map(({ requests }) => requests.length)).toEqual([0, 2]);
  });

  test("a target that is too long, a head that is too long, a head of too many lines", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve({ headBytesMax: 1024, headLinesMax: 10 });
    const rows = [
      [`GET /${"a".repeat(1100)} HTTP/1.1\r\nHost: x\r\n\r\n`, 414],
      [get("/", `A: ${"b".repeat(1100)}`), 431],
      [get("/", ...Array(10).fill("A: b")), 431],
      [get("/", ...Array(8).fill("A: b")), 200],
      [get("/", `A: ${"b".repeat(1024 - get("/").length - 5)}`), 200],
      [get("/", `A: ${"b".repeat(1025 - get("/").length - 5)}`), 431],
    ] as const;
    for (const [raw, status] of rows) {
      for (const size of [raw.length, 1, 100]) {
        const client = new HttpClient(lab);
        for (let at = 0; at < raw.length; at += size) client.send(raw.slice(at, at + size));
        client.reader.expects("GET");
        await lab.clock.run({ until: () => client.reader.messages.length === 1 });
        expect(client.statuses).toEqual([status]);
        client.socket.destroy();
      }
    }
    expect(backends[0].requests.length).toBe(6);
  });

  test("by default a request line may have 8000 bytes, and a head 100 fields, both ways", async () => {
    const fields = Array.from({ length: 99 }, (_, i) => `X-${i}: ${i}`);
    const target = `/${"a".repeat(8000 - "GET / HTTP/1.1".length)}`;
    for (const request of [
      get(target),
      get("/", ...fields),
      get(`${target}?`.slice(0, 7000), ...fields),
    ]) {
      const seen = httpBackend(({ line, fields }) =>
        [
          "HTTP/1.1 200 OK",
          // With the two that follow, 100.
          ...fields
            .filter(([name]) => /^X-\d/.test(name))
            .slice(1)
            .map(field => field.join(": ")),
          `Location: ${line.slice(4, -9)}`,
          "Content-Length: 2\r\n\r\nok",
        ].join("\r\n"),
      );
      const lab = labOf(seen);
      await lab.serve();
      const client = new HttpClient(lab);
      for (let i = 0; i < 2; i++) {
        const answer = await client.ask(request);
        expect(answer.line).toBe("HTTP/1.1 200 OK");
        expect(`GET ${answer.all("location")} HTTP/1.1`).toBe(request.split("\r\n", 1)[0]);
        const count = request.includes("X-98") ? 98 : 0;
        expect(answer.fields.filter(([name]) => /^X-\d/.test(name)).length).toBe(count);
      }
      expect(seen.received.length).toBe(1);
      expect(lines(lab)[0].path.length).toBeLessThanOrEqual(128);
    }
  });

  test("a body that is too long is 413: by its length at once, in chunks when it is", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve({ bodyBytesMax: 10 });
    const long = new HttpClient(lab);
    long.send(`${START}Content-Length: 11\r\n\r\n`, "POST");
    await long.closed();
    expect(long.statuses).toEqual([413]);
    expect(backends[0].received).toEqual([]);

    const chunks = new HttpClient(lab);
    chunks.send(`${CHUNKED}9\r\n123456789\r\n`, "POST");
    await lab.clock.run({ ms: 100 });
    chunks.send("2\r\n10\r\n");
    await chunks.closed();
    expect(chunks.statuses).toEqual([413]);
    expect(backends[0].requests).toEqual([]);

    expect(bodies([await new HttpClient(lab).ask(post("0123456789"))])).toEqual(["a"]);
    expect(
      bodies([await new HttpClient(lab).ask(`${CHUNKED}a\r\n0123456789\r\n0\r\n\r\n`)]),
    ).toEqual(["a"]);
  });

  test("a chunked body that is too long is no whole request to a backend, however it is cut", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve({ bodyBytesMax: 10 });
    const client = new HttpClient(lab);
    client.send(`${CHUNKED}b\r\n0123456789A\r\n0\r\n\r\n`, "POST");
    await client.closed();
    expect(client.statuses).toEqual([413]);
    expect(backends[0].requests).toEqual([]);
  });
});
