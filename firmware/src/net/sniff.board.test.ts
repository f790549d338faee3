import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { collect, EmulatedLab, echoes } from "../../../hil/kit/emulated-lab.ts";
import { httpBackend, named } from "../../../hil/kit/http-backend.ts";

/** More than one way through the lab, less than any time-out. */
const AT_ONCE_MS = 50;

/** As the sniffer has it. */
const SNIFF_TIMEOUT_MS = 500;

/** A backend that keeps what it is sent, each connection's bytes as text, and never answers. */
function recorder() {
  const streams: { text: string }[] = [];
  const serve = (socket: MockSocket) => {
    streams.push(collect(socket));
    socket.on("end", () => socket.end());
  };
  return { streams, serve };
}

/** A board with one backend that records and answers nothing. */
async function testBed() {
  const lab = new EmulatedLab();
  const { streams, serve } = recorder();
  lab.backend("a", serve);
  await lab.serve({ inspect: [], responseTimeoutMs: 1_000 });
  /** The outcome of a client that sends `pieces` with pauses between, and the log's line of it. */
  const send = async (pieces: readonly string[], pauseMs = 5) => {
    streams.length = 0;
    lab.lines.length = 0;
    const client = lab.connect();
    const received = collect(client);
    await lab.clock.run({ ms: 10 });
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) await lab.clock.run({ ms: pauseMs });
      client.write(Buffer.from(piece, "latin1"));
    }
    const reached = () => streams.map(({ text }) => text).join();
    await lab.clock.run({ ms: AT_ONCE_MS });
    const early = reached();
    await lab.clock.run({ ms: 2_000 });
    const late = reached();
    client.destroy();
    await lab.clock.run({ ms: 100 });
    const raw = lab.events("session", "end").some(({ values }) => values.protocol === "raw");
    return { early, late, received, raw, requests: lab.events("http", "request").length };
  };
  return send;
}

/** Every way to cut `text` in two, all of it in one piece, and each byte by itself. */
function cuts(text: string): string[][] {
  const halves = Array.from({ length: text.length - 1 }, (_, i) => [
    text.slice(0, i + 1),
    text.slice(i + 1),
  ]);
  return [[text], ...halves, [...text]];
}

/** Only the board may have said who the client is. */
const CLAIM = "Host: x\r\nX-Forwarded-For: 10.9.9.9\r\n\r\n";

describe("a request never reaches a backend unread, wherever its bytes are cut", () => {
  test.each([
    "GET /a HTTP/1.1\r\n",
    "\nGET /a HTTP/1.1\r\n",
    "\r\n\r\nGET /a HTTP/1.1\r\n",
    "\r\n\n\r\n\nGET /a HTTP/1.1\r\n",
    "PROPFIND / HTTP/1.1\r\n",
    "VERSION-CONTROL / HTTP/1.1\r\n",
    "QUERY / HTTP/1.1\r\n",
    "GET http://x/a HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "CONNECT x:80 HTTP/1.1\r\n",
    "CONNECT [::1]:80 HTTP/1.1\r\n",
    "GET /\r\n",
    "GET  / HTTP/1.1\r\n",
    "GET\t/ HTTP/1.1\r\n",
    "GET / nonsense\r\n",
    "GET / HTTP/2.0\r\n",
  ])("%j", async line => {
    const send = await testBed();
    for (const pieces of cuts(line)) {
      const { late, received, raw, requests } = await send([...pieces, CLAIM]);
      if (late === "") {
        expect(received.text).toMatch(/^HTTP\/1.1 (400|405|505) /);
      } else {
        expect(late).toMatch(/^[A-Z-]+ [^ ]+ HTTP\/1\.1\r\n/);
        expect(late).toContain("\r\nVia: 1.");
        expect(late).not.toContain("10.9.9.9");
      }
      expect([raw, requests]).toEqual([false, 1]);
    }
  });

  // Greetings whose beginning is no method's: cut within it, they are raw TCP at once.
  test.each([
    " GET / HTTP/1.1\r\n",
    " GET /\r\n",
    "\rGET / HTTP/1.1\r\n",
    "GET foo HTTP/1.1\r\n",
    "FOO / HTTP/1.1\r\n",
    "get / HTTP/1.1\r\n",
    "\x0bGET / HTTP/1.1\r\n",
    "GET\x0c/ HTTP/1.1 \r\n",
    "\n\n\n\n\n\n\nGET / HTTP/1.1\r\n",
  ])("in one piece %j", async line => {
    const send = await testBed();
    const { late, received, raw, requests } = await send([line + CLAIM]);
    if (late === "") expect(received.text).toMatch(/^HTTP\/1.1 400 /);
    else expect(late).not.toContain("10.9.9.9");
    expect([raw, requests]).toEqual([false, 1]);
  });
});

describe("what is not HTTP reaches the backend at once, every byte of it", () => {
  test.each([
    ["TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["MQTT", "\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08hot-pots"],
    ["Redis, RESP", "*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n"],
    ["Redis, inline", "GET foo\r\n"],
    ["Redis, inline, a key with a colon", "GET user:1\r\n"],
    ["memcached", "get /x\r\n"],
    ["LDAP", "\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"],
    ["PostgreSQL", "\x00\x00\x00\x08\x04\xd2\x16\x2f"],
    ["PROXY v1", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"],
    ["PROXY v2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"],
    ["STOMP", "CONNECT\naccept-version:1.2\nhost:x\n\n\0"],
    ["NATS", 'CONNECT {"verbose":false}\r\n'],
    ["RTSP", "OPTIONS rtsp://cam/1 RTSP/1.0\r\n\r\n"],
    ["RTSP of the server", "OPTIONS * RTSP/1.0\r\n\r\n"],
    ["SIP", "OPTIONS sip:a@b.c SIP/2.0\r\n\r\n"],
    ["ICAP", "OPTIONS icap://x/echo ICAP/1.0\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04"],
    ["SMTP", "HELO x\r\n"],
    ["a file", "cat /etc/passwd\n"],
    ["a word", "hello"],
    ["a letter", "x"],
    ["a device's poll", "STATUS\r\n"],
    ["an empty line and a word", "\r\n\nhello"],
    ["five empty lines", "\r\n\r\n\r\n\r\n\r\n"],
    ["a blank", " "],
  ])("%s", async (_, text) => {
    const send = await testBed();
    for (const pieces of cuts(text)) {
      const { early, late, raw, requests } = await send(pieces);
      expect([early, late, raw, requests]).toEqual([text, text, true, 0]);
    }
  });
});

describe("the limit of time", () => {
  test("counts from the first byte, and no further byte renews it", async () => {
    const lab = new EmulatedLab();
    const { streams, serve } = recorder();
    lab.backend("a", serve);
    await lab.serve();
    const client = lab.connect();
    await lab.clock.run({ ms: 10 });
    const start = lab.clock.now();
    for (const letter of "VERSION-CONTROL") {
      client.write(letter);
      await lab.clock.run({ ms: 100 });
      if (streams.length > 0) break;
    }
    expect(lab.clock.now() - start).toBeGreaterThan(SNIFF_TIMEOUT_MS);
    expect(lab.clock.now() - start).toBeLessThan(SNIFF_TIMEOUT_MS + 200);
    expect("VERSION-CONTROL").toContain(streams[0].text);
  });

  test("delivers empty lines and the beginning of a method that no request follows", async () => {
    const send = await testBed();
    for (const text of ["\n", "\r\n\r\n", "\r\n\r\n\r\n\r\n", "\r\nG", "OPTION"]) {
      const { early, late } = await send([text]);
      expect([early, late]).toEqual(["", text]);
    }
  });

  test("makes a bad request of a method and a blank, not raw TCP", async () => {
    const send = await testBed();
    const { late, received } = await send(["GET ", `/private HTTP/1.1\r\n${CLAIM}`], 600);
    expect(late).toContain("\r\nVia: 1.");
    expect(late).not.toContain("10.9.9.9");
    expect(received.text).toMatch(/^HTTP\/1.1 504 /);
  });

  test("belongs to the head's, which counts from the first byte, too", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", echoes);
    await lab.serve({ headTimeoutMs: 2_000 });
    const client = lab.connect();
    const received = collect(client);
    await lab.clock.run({ ms: 10 });
    const start = lab.clock.now();
    client.write("G");
    await lab.clock.run({ ms: 400 });
    client.write("ET / HT");
    await lab.clock.run({ until: () => received.text !== "" });
    expect(received.text).toMatch(/^HTTP\/1.1 408 /);
    expect(lab.clock.now() - start).toBeLessThan(2_100);
  });
});

describe("raw TCP that its first bytes show is routed as an unknown host is", () => {
  const PRIVATE = { host: "private.test", backends: ["b"] };

  /** Backends a and b, which say their name to whatever comes. */
  async function labWith(routes: object[], mode = "auto") {
    const lab = new EmulatedLab();
    for (const name of ["a", "b"])
      lab.backend(name, socket => socket.once("data", () => socket.end(name)));
    await lab.serve({ routes, listeners: [{ port: 80, mode }, { port: 81 }] });
    return lab;
  }

  const FIRST_BYTES = ["hello", "\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " GET", "G"];

  test.each([
    ["to all backends without routes", [], ["a", "b", "a", "b", "a"]],
    ["to those of the route for everything", [PRIVATE, { backends: ["a"] }], Array(5).fill("a")],
    [
      "to those of the longest such route",
      [{ path: "/x" }, { path: "/", backends: ["b"] }],
      Array(5).fill("b"),
    ],
    ["nowhere where there are routes for some hosts only", [PRIVATE], Array(5).fill("")],
    ["nowhere where there are routes for some paths only", [{ path: "/api" }], Array(5).fill("")],
  ])("%s", async (_, routes, expected) => {
    const lab = await labWith(routes);
    const answers: string[] = [];
    for (const text of FIRST_BYTES) answers.push(await lab.ask(text));
    expect(answers).toEqual(expected);
    await lab.clock.run({ ms: 100 });
    const ends = lab.events("session", "end").map(({ values }) => values);
    expect(ends.map(({ protocol }) => protocol)).toEqual(Array(5).fill("raw"));
    const why = expected[0] === "" ? "no-route" : "backend-closed";
    expect(ends.map(values => values.why)).toEqual(Array(5).fill(why));
  });

  test("a request cut in its method, with a pause, does not reach a private backend", async () => {
    const lab = await labWith([PRIVATE, { backends: ["a"] }]);
    for (let i = 0; i < 4; i++) {
      const client = lab.connect();
      const received = collect(client);
      client.write("G");
      await lab.clock.run({ ms: 600 });
      client.write("ET /private HTTP/1.1\r\nHost: private.test\r\n\r\n");
      await lab.clock.run({ until: () => client.closed });
      expect(received.text).toBe("a");
    }
  });

  test("a refused one is closed and not reset, whatever it has sent", async () => {
    const lab = await labWith([PRIVATE]);
    const client = lab.connect();
    const received = collect(client);
    client.write(`hello${"x".repeat(2_000)}`);
    await lab.clock.run({ until: () => client.closed });
    expect(received).toEqual({ text: "", error: undefined });
    expect(lab.app!.proxy.sessions).toBe(0);
  });

  test("a listener for raw TCP knows no routes", async () => {
    const lab = await labWith([PRIVATE], "tcp");
    const answers = [await lab.ask("hello"), await lab.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n")];
    expect(answers).toEqual(["a", "b"]);
  });
});

test("no body of an HTTP request is searched for keywords, whatever its method", async () => {
  const lab = new EmulatedLab();
  const backend = named("a");
  lab.backend("a", backend.serve);
  await lab.serve();
  const put = "PUT /f HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nBACK\nEND\n";
  const bodies = [
    `MKCOL /BACKEND/ HTTP/1.1\r\nHost: x\r\n\r\n${put}`,
    `PROPFIND /END HTTP/1.1\r\nHost: x\r\nDepth: 0\r\n\r\n${put}`,
    "REPORT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nEND\n",
    `\n${put}`,
  ];
  for (const text of bodies) {
    const client = lab.connect();
    const received = collect(client);
    client.write(text);
    await lab.clock.run({ ms: 500 });
    expect(received.text).toMatch(/^HTTP\/1.1 200 /);
    expect(client.closed).toBe(false);
    client.end();
  }
  await lab.settle();
  expect(backend.requests.map(({ body }) => body.toString())).toEqual([
    ...["", "BACK\nEND\n", "", "BACK\nEND\n", "END\n", "BACK\nEND\n"],
  ]);
  expect(lab.events("session", "end").filter(({ values }) => values.why === "keyword")).toEqual([]);
});

describe.each(["auto", "http"] as const)("clients that never send a byte, mode %s", mode => {
  const listeners = [{ port: 80, mode }];

  test("give their slots to one that does, although they come again and again", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", httpBackend(() => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").serve);
    await lab.serve({ listeners });
    const { sessionsMax } = lab.app!.proxy.budget;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < sessionsMax; i++) lab.connect().on("error", () => {});
      await lab.clock.run({ ms: 300 });
      const start = lab.clock.now();
      const client = lab.connect();
      const received = collect(client);
      client.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      await lab.clock.run({ until: () => received.text !== "" || client.closed });
      expect(received.text).toMatch(/^HTTP\/1.1 200 /);
      expect(lab.clock.now() - start).toBeLessThan(1_200);
      await lab.clock.run({ ms: 5_000 });
    }
  });

  test("are closed after `idleTimeoutMs`", async () => {
    const lab = new EmulatedLab();
    lab.backend("a", echoes);
    await lab.serve({ listeners, idleTimeoutMs: 2_000 });
    const client = lab.connect();
    const start = lab.clock.now();
    await lab.clock.run({ until: () => client.closed });
    expect(lab.clock.now() - start).toBeGreaterThan(1_900);
    expect(lab.clock.now() - start).toBeLessThan(2_200);
  });
});

test("a silent client keeps its slot where the server may speak first", async () => {
  const lab = new EmulatedLab();
  let greet = () => {};
  lab.backend("a", socket => {
    greet = () => socket.write("220 ready\r\n");
  });
  await lab.serve({ listeners: [{ port: 80, mode: "tcp" }], sessionsMax: 1, queueMax: 0 });
  const client = lab.connect();
  const received = collect(client);
  await lab.clock.run({ ms: 5_000 });
  const late = lab.connect();
  late.on("error", () => {});
  await lab.clock.run({ ms: 5_000 });
  greet();
  await lab.clock.run({ ms: 100 });
  expect(received.text).toBe("220 ready\r\n");
  expect(late.closed).toBe(true);
});
