import { expect } from "expect";
import { scenario } from "../kit/scenario.ts";

scenario(
  "the board is full: new clients get their 503 in time, and running sessions are not affected",
  async lab => {
    lab.backend("red");
    await lab.proxy({ queueTimeoutMs: 1_000 });
    const { sessionsMax, queueMax } = lab.board;
    const running = lab.clients(sessionsMax);

    for (const client of running) client.send("one");
    await Promise.all(running.map(client => client.receive("one")));
    const waiting = Array.from({ length: queueMax }, () => lab.get("/waiting"));
    const refused = await lab.get("/refused");
    const late = await Promise.all(waiting);
    for (const client of running) client.send("two");
    const after = await Promise.all(running.map(client => client.receive("two")));

    expect(refused.status).toBe(503);
    expect(refused.headers["retry-after"]).toBe("1");
    expect(refused.ms).toBeLessThan(1_000);
    expect(late.map(({ status }) => status)).toEqual(Array(queueMax).fill(503));
    expect(after).toEqual(Array(sessionsMax).fill("two"));
  },
);

scenario("a queued client is served as soon as a slot is free, in FIFO order", async lab => {
  lab.backend("red");
  await lab.proxy();
  const running = lab.clients(lab.board.sessionsMax);
  const [first, second] = lab.clients(2);

  for (const client of running) client.send("one");
  await Promise.all(running.map(client => client.receive("one")));
  await first.connect();
  first.send("first");
  await second.connect();
  second.send("second");
  running[0].end();
  const firstReceived = await first.receive("first");
  const secondBefore = second.received;
  running[1].end();
  const secondReceived = await second.receive("second");

  expect(firstReceived).toBe("first");
  expect(secondBefore).toBe("");
  expect(secondReceived).toBe("second");
});

scenario(
  "ten times as many clients as the board has slots do not disturb running sessions",
  async lab => {
    lab.backend("red");
    await lab.proxy({ queueTimeoutMs: 200, bytesPerSecondMin: 0 }); // running sessions are silent meanwhile
    const { sessionsMax } = lab.board;
    const running = lab.clients(sessionsMax);

    for (const client of running) client.send("one");
    await Promise.all(running.map(client => client.receive("one")));
    const crowd = await Promise.all(Array.from({ length: 10 * sessionsMax }, () => lab.get("/")));
    for (const client of running) client.send("two");
    const after = await Promise.all(running.map(client => client.receive("two")));

    expect(after).toEqual(Array(sessionsMax).fill("two"));
    expect(crowd.filter(({ status }) => status === 200)).toEqual([]);
  },
);

scenario("clients with idle connections give their slots to new clients", async lab => {
  lab.backend("red");
  await lab.proxy();
  const idle = lab.clients(lab.board.sessionsMax);

  for (const client of idle) await client.get("/");
  const newcomer = await lab.get("/newcomer");
  await idle[0].closed();

  expect(newcomer.status).toBe(200);
});

scenario(
  "a backend never serves more than its `maxSessions`; further requests are queued",
  async lab => {
    const red = lab.backend("red", { latencyMs: 50 }, { maxSessions: 1 });
    await lab.proxy();

    const replies = await Promise.all([lab.get("/1"), lab.get("/2"), lab.get("/3")]);

    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    const times = replies.map(({ ms }) => ms).sort((a, b) => a - b);
    for (const [i, ms] of times.entries()) expect(ms).toBeGreaterThanOrEqual((i + 1) * 49);
    expect(red.requests).toHaveLength(3);
  },
);

scenario(
  "the head timeout counts from the first byte, and further bytes do not renew it: 408",
  async lab => {
    const red = lab.backend("red");
    const loris = lab.client();
    const other = lab.client();
    await lab.proxy({ headTimeoutMs: 300 });

    loris.send("GET / HTTP/1.1\r\nX-Slow: ");
    const startMs = lab.nowMs;
    let over = false;
    const closed = loris.closed().finally(() => {
      over = true;
    });
    let drops = 0;
    while (!over && drops < 1000) {
      loris.send("x");
      drops++;
      expect((await other.get("/")).status).toBe(200);
    }
    const { received } = await closed;

    expect(received).toMatch(/^HTTP\/1\.1 408 /);
    expect(lab.nowMs - startMs).toBeGreaterThanOrEqual(299);
    expect(red.requests).toHaveLength(drops);
  },
);

scenario("a head that is too large is 431, and its client receives that", async lab => {
  const red = lab.backend("red");
  await lab.proxy({ headBytesMax: 1024 });

  const reply = await lab.get("/", { headers: { Cookie: "x".repeat(2000) } });

  expect(reply.status).toBe(431);
  expect(red.connections).toBe(0);
});

scenario(
  "a body that is too large is 413, by its length at once, in chunks when it is",
  async lab => {
    lab.backend("red");
    await lab.proxy({ bodyBytesMax: 1000 });

    const replies = [
      await lab.get("/", { method: "POST", body: "x".repeat(1000) }),
      await lab.get("/", { method: "POST", body: "x".repeat(1001) }),
      await lab.get("/", { method: "POST", body: ["x".repeat(600), "x".repeat(600)] }),
    ];

    expect(replies.map(({ status }) => status)).toEqual([200, 413, 413]);
  },
);

scenario(
  "a backend that never answers is 504 after the response timeout, and the connection stays usable",
  async lab => {
    lab.backend("silent", { silent: true });
    lab.backend("red");
    const client = lab.client();
    await lab.proxy({ responseTimeoutMs: 500 });

    const late = await client.get("/1");
    const next = await client.get("/2");

    expect(late.status).toBe(504);
    expect(late.ms).toBeGreaterThanOrEqual(499);
    expect(next).toMatchObject({ status: 200, by: "red" });
  },
);

scenario("a slow but steady reply is not cut", async lab => {
  lab.backend("red", { bodyBytes: 3_000, bytesPerSecond: 2_000 });
  await lab.proxy({ responseTimeoutMs: 1_000, idleTimeoutMs: 1_000 });

  const reply = await lab.get("/film");

  expect(reply).toMatchObject({ status: 200, cutShort: false });
  expect(reply.body).toHaveLength(3_000);
  expect(reply.ms).toBeGreaterThan(1_000);
});

scenario("silence ends a session: soon before the first byte, later after it", async lab => {
  lab.backend("red");
  const silent = lab.client();
  const spoke = lab.client();
  await lab.proxy({ idleTimeoutMs: 500, tunnelTimeoutMs: 1_500 });

  await silent.connect();
  spoke.send("hello");
  await spoke.receive("hello");
  await silent.closed();
  const idle = await lab.until({ on: "session", what: "end", why: "idle" });
  await spoke.closed();
  const tunnel = await lab.until({ on: "session", what: "end", why: "tunnel-timeout" });

  expect(Number(idle.values.ms)).toBeGreaterThanOrEqual(499);
  expect(Number(tunnel.values.ms)).toBeGreaterThanOrEqual(1_499);
});

scenario(
  "an idle client connection is closed without an answer when no further request comes",
  async lab => {
    lab.backend("red");
    const client = lab.client();
    await lab.proxy({ keepAliveTimeoutMs: 200 });

    const reply = await client.get("/");
    const whole = client.received;
    const { received, error } = await client.closed();

    expect(reply.status).toBe(200);
    expect([received, error]).toEqual([whole, undefined]);
  },
);
