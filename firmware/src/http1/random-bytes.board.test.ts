import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab, ENGINE } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  expectNothingLeft,
  GET,
  get,
  HEAD,
  HTTP_ONLY,
  HttpClient,
  labWith,
  lines,
  post,
} from "../../../hil/kit/http-lab.ts";
import fc from "../../../hil/kit/properties.ts";

describe("random bytes", () => {
  test("a thousand requests of every kind leave nothing behind", async () => {
    const lab = new EmulatedLab();
    const SWITCH = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    const answers: ((socket: MockSocket) => string | undefined)[] = [
      () => reply("ok"),
      () => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      socket => {
        socket.end("HTTP/1.0 200 OK\r\n\r\nuntil the close");
        return undefined;
      },
      () => "HTTP/1.1 204 No Content\r\n\r\n",
      socket => {
        socket.destroy();
        return undefined;
      },
      socket => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort");
        lab.clock.after(30, () => socket.resetAndDestroy());
        return undefined;
      },
      () => "nonsense\r\n\r\n",
      () => `HTTP/1.1 100 Continue\r\n\r\n${reply("x".repeat(20_000))}`,
    ];
    let count = 0;
    const serve = () =>
      httpBackend((request, socket) => {
        if (request.all("upgrade").length > 0) return SWITCH;
        return answers[count++ % answers.length](socket);
      });
    const backends = [serve(), serve(), serve()];
    for (const [index, backend] of backends.entries()) lab.backend("abc"[index], backend.serve);
    // Short timeouts, so that clients that send nothing do not fill the board.
    await lab.serve({
      idleTimeoutMs: 400,
      tunnelTimeoutMs: 500,
      headTimeoutMs: 300,
      responseTimeoutMs: 500,
      keepAliveTimeoutMs: 300,
    });
    const texts = [
      GET,
      GET + GET + GET,
      get("/", "Connection: close"),
      HEAD,
      post("x".repeat(3000)),
      post("x".repeat(3000)).slice(0, -10),
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz",
      "GET / HTTP/1.0\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      GET.slice(0, 20),
      get("/", "Connection: upgrade", "Upgrade: x"),
      "raw bytes",
      "GE",
    ];
    const leaves = [
      (socket: MockSocket) => socket.destroy(),
      (socket: MockSocket) => socket.end(),
      (socket: MockSocket) => socket.resetAndDestroy(),
      () => {}, // the board will
    ];
    let sent = 0;
    for (let i = 0; i < 1_000; i++) {
      lab.clock.after(i * 50, () => {
        const socket = lab.connect();
        socket.on("error", () => {});
        socket.on("data", () => {});
        socket.write(texts[i % texts.length]);
        sent++;
        lab.clock.after((i * 37) % 400, () => leaves[(i * 7 + (i >> 4)) % leaves.length](socket));
      });
    }
    await lab.clock.run();
    expect(sent).toBe(1_000);
    expect(lines(lab).length).toBeGreaterThan(750);
    expect(new Set(lines(lab).map(({ state }) => state)).size).toBeGreaterThan(6);
    for (const backend of backends) expect(backend.sound).toBe(true);
    expectNothingLeft(lab);
  });

  const fragment = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(GET, HEAD, post("hello"), "\r\n", "\r\n\r\n", "0\r\n\r\n"),
    },
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        "GET / HTTP/1.1\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\n",
        "PUT /a HTTP/1.0\r\n",
        "Host: x\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 36\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Connection: close\r\n",
        "Connection: upgrade\r\nUpgrade: x\r\n",
        "Expect: 100-continue\r\n",
        "5\r\nhello\r\n",
        "24\r\n",
        "hello",
        "\n",
        "\r",
        " ",
        ":",
        ";a=b",
      ),
    },
    {
      weight: 1,
      arbitrary: fc.uint8Array({ maxLength: 40 }).map(b => Buffer.from(b).toString("latin1")),
    },
    { weight: 1, arbitrary: fc.nat(9000).map(n => "x".repeat(n)) },
  );

  test("no bytes of a client end the board, hang, or make two requests of one", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fragment, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (fragments, sizes, leaves) => {
          const { lab, backends } = labWith("a", "b");
          await lab.serve(HTTP_ONLY);
          const client = new HttpClient(lab);
          const text = fragments.join("");
          for (let at = 0, i = 0; at < text.length; i++) {
            const size = sizes[i % sizes.length];
            client.send(text.slice(at, at + size));
            at += size;
            await lab.clock.run({ ms: 3 });
          }
          if (leaves) client.socket.destroy();
          await lab.clock.run({ ms: 200_000 });
          expect(client.socket.closed).toBe(true);
          const served = lines(lab).filter(({ backend }) => backend !== undefined);
          const requests = backends.flatMap(backend => backend.requests);
          expect(requests.length).toBeLessThanOrEqual(served.length);
          // Each of them carries our id, and no id comes twice: nothing hides in another's body.
          const ids = requests.map(request => request.all("x-request-id").join());
          expect(new Set(ids).size).toBe(ids.length);
          for (const id of ids) expect(served.map(({ request }) => request)).toContain(id);
          for (const backend of backends) expect(backend.sound).toBe(true);
          expectNothingLeft(lab);
        },
      ),
      { numRuns: ENGINE === "xs" ? 75 : 300 },
    );
  });

  test("no bytes of a backend end the board, hang, or reach another client", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 204 No Content\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "\r\n",
        "hello",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        reply("whole"),
      ),
      fc.uint8Array({ maxLength: 30 }).map(b => Buffer.from(b).toString("latin1")),
      fc.nat(9000).map(n => "y".repeat(n)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.constantFrom("stay", "end", "reset"),
        async (pieces, ending) => {
          const lab = new EmulatedLab();
          const a = httpBackend(({ line }, socket) => {
            if (line.includes("/good")) return reply("good");
            for (const text of pieces) socket.write(Buffer.from(text, "latin1"));
            if (ending === "end") socket.end();
            if (ending === "reset") socket.resetAndDestroy();
            return undefined;
          });
          lab.backend("a", a.serve);
          await lab.serve();
          const victim = new HttpClient(lab);
          const unlucky = new HttpClient(lab);
          unlucky.send(GET);
          await lab.clock.run({ ms: 100 });
          expect(bodies([await victim.ask(get("/good"))])).toEqual(["good"]);
          await lab.clock.run({ ms: 200_000 });
          expect(bodies([await new HttpClient(lab).ask(get("/good"))])).toEqual(["good"]);
          expect(unlucky.socket.closed).toBe(true);
          expect(victim.reader.broken).toBeUndefined();
          await lab.settle();
          expectNothingLeft(lab);
        },
      ),
      { numRuns: ENGINE === "xs" ? 40 : 150 },
    );
  });
});
