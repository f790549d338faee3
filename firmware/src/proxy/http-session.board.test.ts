import { describe, expect, test } from "vitest";
import { reply } from "../../../backends/src/http.ts";
import { EmulatedLab } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend } from "../../../hil/kit/http-backend.ts";
import {
  bodies,
  GET,
  get,
  HttpClient,
  labOf,
  labWith,
  lines,
  post,
} from "../../../hil/kit/http-lab.ts";

describe("requests and connections", () => {
  test("the requests of one connection are shared out exactly", async () => {
    const { lab } = labWith("a", "b", "c");
    await lab.serve();
    const client = new HttpClient(lab);

    const answers: string[] = [];
    for (let i = 0; i < 12; i++) answers.push((await client.ask(GET)).body.toString());

    expect(answers.join("")).toBe("abcabcabcabc");
    expect(client.socket.closed).toBe(false);
    expect(lines(lab).map(({ backend }) => backend)).toEqual(answers);
  });

  test("one backend gets one connection, however many requests follow each other", async () => {
    const { lab } = labWith("a", "b");
    await lab.serve();
    const client = new HttpClient(lab);
    for (let i = 0; i < 40; i++) await client.ask(GET);
    for (let i = 0; i < 10; i++) await lab.ask(get("/", "Connection: close"));

    const backends = lab.app!.proxy.pool.backends;
    expect(backends.map(({ counters }) => counters.sessionsTotal)).toEqual([25, 25]);
    const open = lab.network.netstat().filter(({ state, host }) => state === "open" && host < "c");
    expect(open.map(({ host }) => host).sort()).toEqual(["a", "b", "board", "board", "board"]);
  });

  test("pipelined requests are answered in order, however long the backends take", async () => {
    const lab = new EmulatedLab();
    for (const [name, delayMs] of [
      ["slow", 500],
      ["fast", 0],
    ] as const) {
      const backend = httpBackend(({ line }, socket) => {
        lab.clock.after(delayMs, () => socket.write(reply(`${name} ${line.split(" ")[1]}`)));
        return undefined;
      });
      lab.backend(name, backend.serve);
    }
    await lab.serve();
    const client = new HttpClient(lab);
    client.send([1, 2, 3, 4].map(i => get(`/${i}`)).join(""), "GET", "GET", "GET", "GET");
    await lab.clock.run({ until: () => client.replies.length === 4 });
    expect(bodies(client.replies)).toEqual(["slow /1", "fast /2", "slow /3", "fast /4"]);
  });

  test("requests with bodies may be pipelined, in pieces of any size", async () => {
    const seen = httpBackend(({ body }) => reply(`<${body}>`));
    const lab = labOf(seen);
    await lab.serve();
    const text = [
      post("one"),
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nt\r\n02\r\nwo\r\n0\r\nA: b\r\n\r\n",
      GET,
      post("x".repeat(3000)),
      "\r\n", // one empty line before a request may stand there
      post(""),
    ].join("");
    for (const size of [text.length, 1, 7, 1024, 1025]) {
      const client = new HttpClient(lab);
      for (const method of ["POST", "POST", "GET", "POST", "POST"]) client.reader.expects(method);
      for (let at = 0; at < text.length; at += size) client.send(text.slice(at, at + size));
      await lab.clock.run({ until: () => client.replies.length === 5 || client.socket.closed });
      expect(bodies(client.replies)).toEqual([
        "<one>",
        "<two>",
        "<>",
        `<${"x".repeat(3000)}>`,
        "<>",
      ]);
      client.socket.destroy();
    }
    expect(seen.sound).toBe(true);
    expect(seen.requests.map(({ framing }) => framing).slice(0, 5)).toEqual([
      "length",
      "chunked",
      "none",
      "length",
      "length",
    ]);
  });

  test("a request that asks for it is the connection's last one", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const client = new HttpClient(lab);
    client.send(get("/", "Connection: close") + GET, "GET", "GET");
    await client.closed();
    expect(bodies(client.replies)).toEqual(["a"]);
    expect(client.replies[0].all("connection")).toEqual(["close"]);
    expect(backends[0].requests.length).toBe(1);
  });

  test("an HTTP/1.0 client gets a close behind its answer, or a kept connection where it asks", async () => {
    const { lab, backends } = labWith("a");
    await lab.serve();
    const once = new HttpClient(lab);
    expect(bodies([await once.ask("GET / HTTP/1.0\r\n\r\n")])).toEqual(["a"]);
    await once.closed();

    const kept = new HttpClient(lab);
    for (let i = 0; i < 3; i++) {
      const answer = await kept.ask("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
      expect(answer.all("connection")).toEqual(["keep-alive"]);
    }
    expect(kept.socket.closed).toBe(false);
    // HTTP/1.1 demands a Host, and an answer that the client's version can read was asked for by us.
    expect(backends[0].requests.map(({ line }) => line)).toEqual(Array(4).fill("GET / HTTP/1.1"));
    expect(backends[0].requests[0].all("host")).toEqual([""]);
  });
});
