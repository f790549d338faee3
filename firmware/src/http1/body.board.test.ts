import { createHash } from "node:crypto";
import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab, mass } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  GET,
  get,
  HEAD,
  HttpClient,
  labOf,
  labWith,
  lines,
} from "../../../hil/kit/http-lab.ts";

describe("bodies", () => {
  const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

  test.each([
    ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "length", false],
    ["no byte", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "length", false],
    ["chunks", `${CHUNKED}2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX: y\r\n\r\n`, "chunked", false],
    ["no chunk", `${CHUNKED}0\r\n\r\n`, "chunked", false],
    ["the close", "HTTP/1.1 200 OK\r\n\r\nhello", "chunked", true],
    ["the close, from HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", "chunked", true],
    [
      "a length, from HTTP/1.0",
      "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "length",
      true,
    ],
  ] as const)(
    "an answer that ends with %s reaches the client whole",
    async (_, answer, framing, closes) => {
      for (const size of [answer.length, 1]) {
        const seen = httpBackend((_request, socket) => {
          for (let at = 0; at < answer.length; at += size)
            socket.write(answer.slice(at, at + size));
          if (closes) socket.end();
          return undefined;
        });
        const lab = labOf(seen);
        await lab.serve();
        const client = new HttpClient(lab);
        const expected = answer.includes("he") ? "hello" : "";
        for (let i = 0; i < 2; i++) {
          const message = await client.ask(GET);
          expect(message.body.toString()).toBe(expected);
          expect(message.framing).toBe(framing);
          expect(message.line).toBe("HTTP/1.1 200 OK");
        }
        expect(client.reader.broken).toBeUndefined();
        expect(client.socket.closed).toBe(false);
        expect(seen.received.length).toBe(closes ? 2 : 1);

        const old = await lab.ask("GET / HTTP/1.0\r\n\r\n");
        expect(old).not.toMatch(/transfer-encoding/i);
        expect(old.slice(old.indexOf("\r\n\r\n") + 4)).toBe(expected);
      }
    },
  );

  test.each([
    ["HEAD with a length", HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", "500"],
    ["HEAD with chunks", HEAD, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", undefined],
    ["HEAD with neither", HEAD, "HTTP/1.1 200 OK\r\n\r\n", undefined],
    ["204", GET, "HTTP/1.1 204 No Content\r\n\r\n", undefined],
    ["304", GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: z\r\n\r\n", "77"],
    [
      "304 with chunks",
      GET,
      "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
      undefined,
    ],
  ])(
    "an answer without a body: %s; the connections on both sides go on",
    async (_, request, answer, length) => {
      const seen = httpBackend(() => answer);
      const lab = labOf(seen);
      await lab.serve();
      const client = new HttpClient(lab);
      for (let i = 0; i < 3; i++) {
        const message = await client.ask(request);
        expect(message.body.byteLength).toBe(0);
        expect(message.all("content-length")).toEqual(length === undefined ? [] : [length]);
        expect(message.all("transfer-encoding")).toEqual([]);
      }
      expect(client.received.text.split("\r\n\r\n").length).toBe(4);
      expect(seen.received.length).toBe(1);
    },
  );

  test("a body that may not be there is no answer to the next request", async () => {
    // Request 1 is answered with a 204 and a body; if its bytes counted, they would be answer 2.
    let count = 0;
    const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    const seen = httpBackend(() => {
      count++;
      return count === 1
        ? `HTTP/1.1 204 No Content\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`
        : reply("good");
    });
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(GET + GET, "GET", "GET");
    await lab.clock.run({ until: () => client.replies.length === 2 });
    expect(client.statuses).toEqual([204, 200]);
    expect(bodies(client.replies)).toEqual(["", "good"]);
  });

  test("bytes behind an answer's length are no part of it, nor of another one", async () => {
    const seen = httpBackend(
      ({ line }) => `${reply("ok")}${line.includes("/more") ? reply("evil") : ""}`,
    );
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(get("/more") + GET, "GET", "GET");
    await lab.clock.run({ until: () => client.replies.length === 2 });
    await lab.clock.run({ ms: 100 });
    expect(bodies(client.replies)).toEqual(["ok", "ok"]);
    expect(client.reader.broken).toBeUndefined();
    expect(client.received.text).not.toContain("evil");
  });

  test("a backend of HTTP/1.0 is not asked twice on one connection, though it may leave it open", async () => {
    const seen = httpBackend(() => reply("old").replace("HTTP/1.1", "HTTP/1.0"));
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 3; i++) expect(bodies([await client.ask(GET)])).toEqual(["old"]);
    expect(seen.received.length).toBe(3);
  });

  test.each([
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"],
    [
      "a length and chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    ["chunks from HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a signed length", "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok"],
    ["a bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    ["a folded line", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok"],
    ["no status", "HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok"],
    ["no HTTP", "220 mail.example ESMTP\r\n"],
    ["HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    ["a head that is too long", `HTTP/1.1 200 OK\r\nA: ${"b".repeat(10_000)}\r\n\r\n`],
    [
      "a 101 that was not requested",
      "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
  ])(
    "a backend's answer with %s is a 502, and its connection is not used again",
    async (_, answer) => {
      const seen = httpBackend(() => answer);
      const lab = labOf(seen);
      await lab.serve();
      const client = new HttpClient(lab);
      expect((await client.ask(GET)).line).toBe("HTTP/1.1 502 Bad Gateway");
      expect((await client.ask(GET)).line).toBe("HTTP/1.1 502 Bad Gateway");
      expect(seen.received.length).toBe(2);
      expect(lines(lab)[0]).toMatchObject({
        status: "502",
        state: "PH",
        backend: "a",
        retries: "0",
      });
    },
  );

  test.each([
    ["200", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 "],
    ["200 and a blank", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 "],
    ["204 alone", "HTTP/1.1 204\r\n\r\n", "HTTP/1.1 204 "],
    ["HTTP/1.2", "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK"],
  ])(
    "a backend's first line of %s is one of HTTP/1.1, its blank included",
    async (_, answer, line) => {
      const seen = httpBackend(() => answer);
      const lab = labOf(seen);
      await lab.serve();
      const client = new HttpClient(lab);
      for (let i = 0; i < 2; i++) expect((await client.ask(GET)).line).toBe(line);
      expect(seen.received.length).toBe(1);
    },
  );

  test("a request of HTTP/1.2 is one of HTTP/1.1", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 2; i++) {
      expect((await client.ask(GET.replace("1.1", "1.2"))).line).toBe("HTTP/1.1 200 OK");
    }
    expect(backends[0].requests.map(({ line }) => line)).toEqual(Array(2).fill("GET / HTTP/1.1"));
    expect(backends[0].requests[0].all("via")[0]).toMatch(/^1\.1 /);
  });

  test.each([
    ["more bytes than it may", `A: ${"b".repeat(10_000)}`, "headBytesMax"],
    ["more lines than it may", Array(110).fill("A: b").join("\r\n"), "headLinesMax"],
    ["two lengths", "Content-Length: 2\r\nContent-Length: 3", "invalid-answer"],
    ["a coding that is not known", "Transfer-Encoding: gzip, chunked", "invalid-answer"],
    ["33 options", `Connection: ${Array(33).fill("a").join()}`, "invalid-answer"],
  ])(
    "an answer with %s: the log and the reply name the cause, and the backend is not blamed",
    async (_, fields, why) => {
      const lab = new EmulatedLab();
      const seen = httpBackend(() => `HTTP/1.1 200 OK\r\n${fields}\r\n\r\nok`);
      lab.backend("a", seen.serve);
      lab.backend("b", named("b").serve);
      await lab.serve();
      const client = new HttpClient(lab);
      for (let i = 0; i < 10; i++) await client.ask(GET);

      const page = await lab.ask(get("/", "Accept: text/html", "Connection: close"));
      const refused = client.replies.filter(({ line }) => line === "HTTP/1.1 502 Bad Gateway");
      expect(refused.length).toBe(5); // every second one, to the end
      for (const text of [...bodies(refused), page]) {
        expect(text).toContain("The backend's answer");
        expect(text).not.toContain("running");
        if (why.startsWith("head")) expect(text).toContain(why);
      }
      const told = lines(lab).filter(({ backend }) => backend === "a");
      expect(told.map(line => [line.status, line.state, line.why])).toEqual(
        Array(6).fill(["502", "PH", why]),
      );
      expect(lines(lab).find(({ backend }) => backend === "b")?.why).toBeUndefined();
      const [a] = lab.app!.proxy.pool.backends;
      expect([a.health.failures, a.counters.failures, a.health.ejectedUntilMs]).toEqual([0, 0, 0]);
    },
  );

  test("100-continue: only the backend asks the client for its body", async () => {
    const seen = httpBackend(
      ({ body }) => reply(`got ${body}`),
      ({ fields }) =>
        fields.some(([name]) => name === "Expect") ? "HTTP/1.1 100 Continue\r\n\r\n" : undefined,
    );
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    const head = "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    client.send(head, "PUT");
    await lab.clock.run({ until: () => client.reader.messages.length === 1 });
    expect(client.statuses).toEqual([100]);
    client.send("body");
    await lab.clock.run({ until: () => client.replies.length === 1 });
    expect(bodies(client.replies)).toEqual(["got body"]);
    expect(seen.requests[0].all("expect")).toEqual(["100-continue"]);

    // A client of HTTP/1.0 does not know what that is.
    const old = new HttpClient(lab);
    expect(bodies([await old.ask(`${head.replace("1.1", "1.0")}body`)])).toEqual(["got body"]);
    expect(old.statuses).toEqual([200]);
  });

  test("an answer instead of 100 reaches the client that keeps its body", async () => {
    const seen = httpBackend(
      () => undefined,
      () => reply("no", { status: "417 Expectation Failed" }),
    );
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(
      "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n",
      "PUT",
    );
    await lab.clock.run({ until: () => client.replies.length === 1 });
    // Bytes that are received now are a body, and no request.
    client.send(get("/secret"));
    await client.closed();
    expect(client.statuses).toEqual([417]);
    expect(bodies(client.replies)).toEqual(["no"]);
    expect(seen.received.join("")).not.toContain("secret");
    expect(lines(lab).length).toBe(1);
  });

  test.each([
    ["a length", "Content-Length: 10", "hello", "world"],
    ["chunks", "Transfer-Encoding: chunked", "5\r\nhello\r\n", "5\r\nworld\r\n0\r\n\r\n"],
  ])(
    "a final answer before the end of a request with %s announces the close; one behind it does not",
    async (_, field, begins, ends) => {
      const seen = httpBackend(
        () => reply("whole"),
        ({ line }) => (line.includes("/early") ? reply("early") : undefined),
      );
      const lab = labOf(seen);
      await lab.serve();
      const start = (path: string) =>
        `POST ${path} HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n${begins}`;

      const early = new HttpClient(lab);
      const answer = await early.ask(start("/early"));
      expect(answer.body.toString()).toBe("early");
      expect(answer.all("connection")).toEqual(["close"]);
      early.send(`${ends}${GET}`); // on its way already when the answer came
      await early.closed();
      expect(early.received.error).toBeUndefined();
      expect(early.replies.length).toBe(1);
      expect(seen.requests).toEqual([]);

      const late = new HttpClient(lab);
      late.send(start("/whole"), "POST");
      await lab.clock.run({ ms: 100 });
      late.send(`${ends}${GET}`, "GET");
      await lab.clock.run({ until: () => late.replies.length === 2 });
      expect(bodies(late.replies)).toEqual(["whole", "whole"]);
      expect(late.replies.map(reply => reply.all("connection"))).toEqual([[], []]);
    },
  );

  test("other 1xx pass before the answer; to a client of HTTP/1.0 they do not", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n";
    const seen = httpBackend(() => `${hints}HTTP/1.1 102 Processing\r\n\r\n${reply("done")}`);
    const lab = labOf(seen);
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(GET);
    await client.ask(GET);
    expect(client.statuses).toEqual([103, 102, 200, 103, 102, 200]);
    expect(client.reader.messages[0].all("link")).toEqual(["</s.css>"]);
    const old = new HttpClient(lab);
    await old.ask("GET / HTTP/1.0\r\n\r\n");
    expect(old.statuses).toEqual([200]);
    expect(seen.received.length).toBe(1);
  });

  test.each(["length", "chunked"] as const)(
    "large bodies up and down by %s: every byte equal",
    async framing => {
      const size = mass(4 * 1024 * 1024);
      const bytes = Buffer.alloc(size);
      for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32BE((i * 2654435761) >>> 0, i);
      const sum = (buffer: Buffer) => createHash("sha1").update(buffer).digest("hex");
      const head = (first: string) =>
        `${first}\r\nHost: x\r\n${framing === "length" ? `Content-Length: ${size}` : "Transfer-Encoding: chunked"}\r\n\r\n`;
      const write = (socket: MockSocket) => {
        for (let at = 0, i = 1; at < size; i++) {
          const piece = bytes.subarray(at, at + 1 + ((i * 7919) % 50_000));
          at += piece.byteLength;
          if (framing === "chunked") socket.write(`${piece.byteLength.toString(16)}\r\n`);
          socket.write(piece);
          if (framing === "chunked") socket.write("\r\n");
        }
        if (framing === "chunked") socket.write("0\r\n\r\n");
      };
      let up = "";
      const seen = httpBackend(({ body }, socket) => {
        up = sum(body);
        socket.write(head("HTTP/1.1 200 OK"));
        write(socket);
        return undefined;
      });
      const lab = labOf(seen);
      await lab.serve();
      const client = new HttpClient(lab);
      client.send(head("PUT / HTTP/1.1"), "PUT");
      write(client.socket);
      await lab.clock.run({ until: () => client.replies.length === 1 || client.socket.closed });
      expect(up).toBe(sum(bytes));
      expect(sum(client.replies[0].body)).toBe(up);
      expect(lines(lab)[0]).toMatchObject({ status: "200", state: "--" });
      expect(Number(lines(lab)[0].in)).toBeGreaterThanOrEqual(size);
    },
    30_000,
  );
});
