import { expect } from "expect";
import { patterned } from "../../backends/src/scripted.ts";
import { scenario } from "../kit/scenario.ts";

const HALF_CLOSE = { needs: ["half-close"] } as const;

const sent = patterned(100_000);

scenario(
  "over raw TCP, a client that ends its sending side gets its whole answer",
  HALF_CLOSE,
  async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy({ inspect: [] });

    client.send(sent);
    client.end();
    const { received, error } = await client.closed();
    const { values } = await lab.until({ on: "session", what: "end" });

    expect(error).toBeUndefined();
    expect(received === sent).toBe(true);
    expect(values).toMatchObject({ in: "100000", out: "100000", why: "client-closed" });
  },
);

scenario("so it does when it had sent nothing", HALF_CLOSE, async lab => {
  lab.backend("red", { greeting: "12:00\r\n" });
  const client = lab.client();
  await lab.proxy({ listeners: [{ port: 80, mode: "tcp" }] });

  client.end();
  const { received, error } = await client.closed();

  expect([received, error]).toEqual(["12:00\r\n", undefined]);
});

scenario(
  "a backend that ends its sending side first receives all that the client still sends",
  HALF_CLOSE,
  async lab => {
    const red = lab.backend("red", { raw: "answer", body: "enough" });
    const client = lab.client();
    await lab.proxy({ inspect: [] });

    client.send(sent);
    const { received, error } = await client.closed();
    await lab.until({ on: "session", what: "end", why: "backend-closed" });

    expect([received, error]).toEqual(["enough", undefined]);
    expect(red.received === sent).toBe(true);
  },
);

scenario("a keyword right before the client's end is answered", HALF_CLOSE, async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  client.send("hello END");
  client.end();
  const { received, error } = await client.closed();
  await lab.until({ on: "session", what: "end", why: "keyword" });

  expect([received, error, red.received]).toEqual(["hello END", undefined, "hello END"]);
});

scenario(
  "on a WebSocket connection, what follows the client's end still arrives",
  HALF_CLOSE,
  async lab => {
    lab.backend("red", { upgrades: true });
    const client = lab.client();
    await lab.proxy();

    client.send(
      "GET /chat HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    const head = await client.receive("\r\n\r\n");
    client.send(sent);
    client.end();
    const { received, error } = await client.closed();
    await lab.until({ on: "session", what: "end", protocol: "upgraded", why: "client-closed" });

    expect(error).toBeUndefined();
    expect(received === head + sent).toBe(true);
  },
);

scenario(
  "a half-closed connection without a byte ends after idleTimeoutMs",
  HALF_CLOSE,
  async lab => {
    lab.backend("red", { raw: "answer" });
    const client = lab.client();
    await lab.proxy({ idleTimeoutMs: 2_000 });

    client.send("go");
    client.pause(); // so it does not see the backend's end, and does not close
    const { values } = await lab.until({ on: "session", what: "end" });

    expect(values.why).toBe("idle");
    expect(Number(values.ms)).toBeGreaterThanOrEqual(2_000);
    expect(Number(values.ms)).toBeLessThan(4_000);
  },
);

scenario(
  "over HTTP, a client that ends its sending side gets the answers to all its requests",
  HALF_CLOSE,
  async lab => {
    const red = lab.backend("red", { body: sent, latencyMs: 500 });
    const client = lab.client();
    await lab.proxy();

    client.send(
      "GET /1 HTTP/1.1\r\nHost: board\r\n\r\nPUT /2 HTTP/1.1\r\nHost: board\r\nContent-Length: 3\r\n\r\nabc",
    );
    client.end();
    const { received, error } = await client.closed();
    for (let i = 0; i < 2; i++) await lab.until({ on: "http", what: "request", state: "--" });

    expect(error).toBeUndefined();
    expect(received.split(sent).length - 1).toBe(2);
    expect(red.asked).toEqual(["GET /1", "PUT /2"]);
  },
);

scenario(
  "a request that the client's end cuts is answered with 400, and the client can read it",
  HALF_CLOSE,
  async lab => {
    lab.backend("red");
    await lab.proxy();

    const cuts = [
      "GET / HTTP/1.1\r\nHost: board\r\n",
      "PUT / HTTP/1.1\r\nHost: board\r\nContent-Length: 10\r\n\r\nabc",
    ];
    for (const cut of cuts) {
      const client = lab.client();
      client.send(cut);
      client.end();
      const { received, error } = await client.closed();
      expect(received).toMatch(/^HTTP\/1\.1 400 /);
      expect(error).toBeUndefined();
    }
    await lab.until({ on: "http", what: "request", state: "CR" });
    await lab.until({ on: "http", what: "request", state: "CH" });
  },
);

scenario("a client's reset reaches the backend as a reset", HALF_CLOSE, async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  client.send("hello");
  await client.receive("hello");
  client.reset();
  await lab.until({ on: "session", what: "end", why: "client-reset" });
  await lab.get("/");

  expect(red.resets).toBe(1);
});

scenario("a backend's reset reaches the client as a reset", HALF_CLOSE, async lab => {
  lab.backend("red", { resets: true });
  const client = lab.client();
  await lab.proxy();

  client.send("hello");
  const { error } = await client.closed();
  await lab.until({ on: "session", what: "end", why: "backend-reset" });

  expect(error).toBe("ECONNRESET");
});

scenario(
  "an end is no reset: neither the client nor the backend sees one",
  HALF_CLOSE,
  async lab => {
    const red = lab.backend("red", { framing: "close", body: sent });
    const client = lab.client();
    await lab.proxy();

    client.send("GET / HTTP/1.0\r\n\r\n");
    const { received, error } = await client.closed();
    await lab.until({ on: "http", what: "request", status: 200, state: "--" });

    expect(error).toBeUndefined();
    expect(received.endsWith(sent)).toBe(true);
    expect(red.resets).toBe(0);
  },
);

scenario(
  "a response without length that a reset cuts is not passed on as whole, whatever the client speaks",
  HALF_CLOSE,
  async lab => {
    lab.backend("red", { framing: "close", body: sent, resetsAfterBytes: 5_000 });
    const old = lab.client();
    await lab.proxy();

    old.send("GET / HTTP/1.0\r\n\r\n");
    const { received, error } = await old.closed();
    const reply = await lab.get("/");
    for (let i = 0; i < 2; i++) await lab.until({ on: "http", what: "request", state: "SD" });

    expect(received.endsWith(sent.slice(0, 5_000))).toBe(true);
    expect(error).toBe("ECONNRESET");
    expect(reply.body.length).toBe(5_000);
    expect(reply.cutShort).toBe(true);
  },
);
