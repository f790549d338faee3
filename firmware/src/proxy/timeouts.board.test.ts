import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  expectNothingLeft,
  GET,
  HTTP_ONLY,
  HttpClient,
  labOf,
  labWith,
  lines,
} from "../../../hil/kit/http-lab.ts";

describe("time", () => {
  test("a head has five seconds from its first byte on, however busily it drips", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    const start = lab.clock.now();
    for (let i = 0; i < 20; i++) {
      lab.clock.after(i * 1000, () => {
        if (!client.socket.closed) client.send(i === 0 ? "GET / HTTP/1.1\r\nA: " : "x");
      });
    }
    await lab.clock.run({ until: () => client.reader.messages.length === 1 });
    expect(client.statuses).toEqual([408]);
    expect(lab.clock.now() - start).toBeGreaterThan(4_990);
    expect(lab.clock.now() - start).toBeLessThan(5_100);
    await lab.settle();
    expect(client.socket.closed).toBe(true);
    expect(backends[0].received).toEqual([]);
    expect(lines(lab)).toMatchObject([{ status: "408", state: "cR", method: "-", TR: "5000" }]);
    expectNothingLeft(lab);
  });

  test("so has the head of a further request, however long the client thought about it", async () => {
    const { lab } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(GET);
    await lab.clock.run({ ms: 4_000 });
    client.send(GET.slice(0, 9), "GET");
    await lab.clock.run({ ms: 4_000 });
    client.send(GET.slice(9));
    await lab.clock.run({ until: () => client.replies.length === 2 });
    expect(client.statuses).toEqual([200, 200]);
    await lab.clock.run({ ms: 4_000 });
    client.send(GET.slice(0, 9), "GET");
    const start = lab.clock.now();
    await lab.clock.run({ until: () => client.replies.length === 3 });
    expect(client.statuses).toEqual([200, 200, 408]);
    expect(lab.clock.now() - start).toBeGreaterThan(4_990);
    expect(lab.clock.now() - start).toBeLessThan(5_100);
  });

  test("a client that sends nothing gets no answer: browsers connect before they ask", async () => {
    const { lab } = labWith("a");
    await lab.serve({ ...HTTP_ONLY, idleTimeoutMs: 7_000 });
    const client = new HttpClient(lab);
    const start = lab.clock.now();
    await client.closed();
    expect(client.received).toEqual({ text: "", error: undefined });
    expect(lab.clock.now() - start).toBeGreaterThan(6_900);
    expect(lab.clock.now() - start).toBeLessThan(7_100);
    expect(lines(lab)).toEqual([]);
    expect(lab.events("session", "end").map(({ values }) => values.why)).toEqual(["idle"]);
  });

  test("a kept connection is closed silently five seconds after its last answer", async () => {
    const { lab } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    await client.ask(GET);
    await lab.clock.run({ ms: 4_000 });
    await client.ask(GET);
    const start = lab.clock.now();
    await client.closed();
    expect(lab.clock.now() - start).toBeGreaterThan(4_900);
    expect(lab.clock.now() - start).toBeLessThan(5_100);
    expect(client.statuses).toEqual([200, 200]);
    expect(client.received.error).toBeUndefined();
    expect(lines(lab).length).toBe(2);
  });

  test("a backend that does not answer: 504 after 30 s, and the client may go on", async () => {
    const lab = labOf(httpBackend(() => undefined));
    await lab.serve();
    const client = new HttpClient(lab);
    const start = lab.clock.now();
    expect((await client.ask(GET)).line).toBe("HTTP/1.1 504 Gateway Timeout");
    expect(lab.clock.now() - start).toBeGreaterThan(29_900);
    expect(lab.clock.now() - start).toBeLessThan(30_100);
    expect(client.socket.closed).toBe(false);
    expect(lines(lab)).toMatchObject([{ status: "504", state: "sH", backend: "a", Tr: "-1" }]);
  });

  test("interim answers do not give a backend more time, nor may there be any number of them", async () => {
    const interims = async (count: number, everyMs: number) => {
      const lab = new EmulatedLab();
      lab.backend("a", socket => {
        socket.on("data", () => {});
        socket.on("end", () => socket.end());
        let sent = 0;
        const next = () => {
          if (socket.destroyed || sent++ === count) return;
          socket.write("HTTP/1.1 102 Processing\r\n\r\n");
          lab.clock.after(everyMs, next);
        };
        socket.once("data", next);
      });
      await lab.serve();
      const client = new HttpClient(lab);
      const start = lab.clock.now();
      const { line } = await client.ask(GET);
      return { line, ms: lab.clock.now() - start, received: client.statuses.length - 1 };
    };
    const slow = await interims(10, 20_000);
    expect(slow.line).toMatch(/^HTTP\/1.1 504 /);
    expect(slow.ms).toBeLessThan(31_000);
    const many = await interims(1000, 10);
    expect(many.line).toMatch(/^HTTP\/1.1 502 /);
    expect(many.received).toBe(10);
  });

  test("a body that stops coming for 30 s: 408 for a client, a cut answer for a backend", async () => {
    const lab = labOf(
      httpBackend((_request, socket) => {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        return undefined;
      }),
    );
    await lab.serve();
    const uploads = new HttpClient(lab);
    uploads.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello", "POST");
    const start = lab.clock.now();
    await lab.clock.run({ until: () => uploads.reader.messages.length > 0 });
    expect(uploads.statuses).toEqual([408]);
    expect(lab.clock.now() - start).toBeGreaterThan(29_900);

    const downloads = new HttpClient(lab);
    downloads.send(GET, "GET");
    await downloads.closed();
    expect(downloads.reader.broken).toBe("cut");
    expect(lines(lab).map(({ state }) => state)).toEqual(["cD", "sD"]);
  });

  test("a body that creeps is not cut: only silence is", async () => {
    const lab = labOf(
      httpBackend(({ body }, socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.byteLength}\r\n\r\n`);
        for (let i = 0; i < body.byteLength; i++)
          lab.clock.after((i + 1) * 25_000, () => socket.write("x"));
        return undefined;
      }),
    );
    await lab.serve();
    const client = new HttpClient(lab);
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", "POST");
    for (let i = 0; i < 5; i++) lab.clock.after((i + 1) * 25_000, () => client.send("x"));
    await lab.clock.run({ until: () => client.replies.length === 1 || client.socket.closed });
    expect(bodies(client.replies)).toEqual(["xxxxx"]);
  });

  test("a client that does not read its answer is given up after 30 s", async () => {
    const big = "x".repeat(1_000_000);
    const lab = labOf(httpBackend(() => reply(big)));
    await lab.serve();
    const client = new HttpClient(lab);
    client.socket.pause();
    client.send(GET, "GET");
    await lab.clock.run({ ms: 29_000 });
    expect(lines(lab)).toEqual([]);
    await lab.clock.run({ ms: 2_500 }); // bytes are counted once a second
    expect(lines(lab)).toMatchObject([{ status: "200", state: "cD" }]);
    await lab.settle();
    expect(lab.app!.proxy.sessions).toBe(0);
    expect(lab.board.stack.objects).toBe(0);
  });

  test("a time-out does not put its answer into another head that waits for room", async () => {
    const hints = `HTTP/1.1 103 Early Hints\r\nA: ${"b".repeat(3000)}\r\n\r\n`;
    const lab = labOf(httpBackend(() => hints + hints + hints));
    await lab.serve();
    const client = new HttpClient(lab, lab.network.host("slow", { receiveWindow: 100 }));
    client.socket.pause();
    client.send(GET, "GET");
    await lab.clock.run({ ms: 31_000 });
    client.socket.resume();
    await lab.settle();
    expect(client.received.text).not.toMatch(/bHTTP/);
  });
});
