import { expect } from "expect";
import { scenario } from "../kit/scenario.ts";

scenario(
  "a backend that dies in mid-reply cuts that reply, and no other client is affected",
  async lab => {
    const red = lab.backend("red", { bodyBytes: 100, diesAfterBytes: 10 });
    lab.backend("blue", { bodyBytes: 100 });
    const bystander = lab.client();
    await lab.proxy();

    const unlucky = lab.get("/report");
    const meanwhile = bystander.get("/report");
    const outcomes = await Promise.all([unlucky, meanwhile]);
    const next = [await lab.get("/report"), await bystander.get("/report")];

    expect(outcomes[0]).toMatchObject({ by: "red", cutShort: true });
    expect(outcomes[0].body).toHaveLength(10);
    for (const reply of [outcomes[1], ...next]) {
      expect(reply).toMatchObject({ by: "blue", cutShort: false });
    }
    expect(red.connections).toBe(1);
  },
);

scenario("a backend that refuses connections costs clients nothing", async lab => {
  const red = lab.backend("red", { refuses: true });
  const blue = lab.backend("blue");
  await lab.proxy();

  const replies = await Promise.all(Array.from({ length: 6 }, () => lab.get("/")));

  expect(replies.map(({ status, by }) => `${status} ${by}`)).toEqual(Array(6).fill("200 blue"));
  expect([red.connections, blue.requests.length]).toEqual([0, 6]);
});

scenario("all backends down: 502 at once; one back: served as before", async lab => {
  const red = lab.backend("red");
  const blue = lab.backend("blue");
  const client = lab.client();
  await lab.proxy();

  const before = await client.get("/");
  red.stop();
  blue.stop();
  const down = await client.get("/");
  await red.start();
  const back = await client.get("/");

  expect([before.status, down.status, back.status]).toEqual([200, 502, 200]);
  expect(back.by).toBe("red");
});

scenario(
  "raw TCP that no backend accepts is closed, after each backend was tried once",
  async lab => {
    lab.backend("red", { refuses: true });
    lab.backend("blue", { refuses: true });
    const client = lab.client();
    await lab.proxy();

    client.send("hello");
    const { received } = await client.closed();
    await lab.until({ on: "session", what: "end", why: "refused" });

    expect(received).toBe("");
    const tried = lab
      .logged({ on: "backend", what: "connect-failed" })
      .map(({ values }) => values.name);
    expect(tried.sort()).toEqual(["blue", "red"]);
  },
);

for (const [how, behaviour] of [
  ["resets", { resets: true }],
  ["closes", { closes: true }],
] as const) {
  scenario(`a GET whose backend ${how} instead of answering goes to the next one`, async lab => {
    const rude = lab.backend("rude", behaviour);
    lab.backend("kind");
    await lab.proxy();

    const reply = await lab.get("/");

    expect(reply).toMatchObject({ status: 200, by: "kind", cutShort: false });
    expect(rude.connections).toBe(1);
  });
}

for (const method of ["POST", "PUT"]) {
  scenario(`a ${method} whose body went out is never sent twice`, async lab => {
    lab.backend("rude", { closes: true });
    const kind = lab.backend("kind");
    await lab.proxy();

    const reply = await lab.get("/order", { method, body: "one coffee" });

    expect(reply.status).toBe(502);
    expect(kind.connections).toBe(0);
  });
}

scenario("a POST that no backend accepted is sent to the next one, with its body", async lab => {
  lab.backend("red", { refuses: true });
  const blue = lab.backend("blue");
  await lab.proxy();

  const reply = await lab.get("/order", { method: "POST", body: "one coffee" });

  expect(reply).toMatchObject({ status: 200, by: "blue" });
  expect(blue.requests.map(({ body }) => body.toString())).toEqual(["one coffee"]);
});

scenario("at most `retries` other backends are tried", async lab => {
  const rude = ["red", "green", "blue"].map(name => lab.backend(name, { resets: true }));
  lab.backend("kind");
  await lab.proxy({ retries: 2 });

  const reply = await lab.get("/");

  expect(reply.status).toBe(502);
  expect(rude.map(({ connections }) => connections)).toEqual([1, 1, 1]);
});

scenario("an idle connection that its backend closes costs no client a request", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  const first = await client.get("/1");
  red.hangUp();
  const second = await client.get("/2");

  expect([first, second]).toMatchObject([{ status: 200 }, { status: 200 }]);
  expect([red.connections, red.asked]).toEqual([2, ["GET /1", "GET /2"]]);
});

scenario(
  "a dead backend is found by its checks and not by clients, and so is its return",
  async lab => {
    const red = lab.backend("red");
    lab.backend("blue");
    await lab.proxy({
      health: { check: "tcp", intervalMs: 200, timeoutMs: 1_000, fall: 1, rise: 1 },
    });

    red.stop();
    await lab.until({ on: "backend", what: "down", name: "red" });
    const meanwhile = [await lab.get("/1"), await lab.get("/2")];
    await red.start();
    await lab.until({ on: "backend", what: "up", name: "red" });
    const after = [await lab.get("/3"), await lab.get("/4")];

    expect(meanwhile.map(({ by }) => by)).toEqual(["blue", "blue"]);
    expect(lab.logged({ on: "backend", what: "connect-failed" })).toEqual([]);
    expect(after.map(({ by }) => by).sort()).toEqual(["blue", "red"]);
  },
);

scenario("an HTTP check finds a failure that a TCP check does not", async lab => {
  lab.backend("ill", { status: 500 });
  lab.backend("well");
  await lab.proxy({
    health: { check: "http", path: "/health", intervalMs: 200, timeoutMs: 1_000 },
  });

  await lab.until({ on: "backend", what: "down", name: "ill", check: "L7STS/500" });
  const replies = [await lab.get("/1"), await lab.get("/2")];

  expect(replies.map(({ by }) => by)).toEqual(["well", "well"]);
});

scenario(
  "an HTTP backend and a raw TCP backend of one board are checked each in its way",
  async lab => {
    const web = lab.backend("web", {}, { health: { check: "http", path: "/health" } });
    lab.backend("ill", { status: 503 }, { health: { check: "http", status: "200", fall: 1 } });
    const echo = lab.backend("echo", { greeting: "220 ready\r\n" });
    const client = lab.client();
    await lab.proxy({
      health: { check: "tcp", intervalMs: 200, timeoutMs: 1_000, fall: 1 },
      routes: [{ host: "web.home", backends: ["web", "ill"] }, { backends: ["echo"] }],
      inspect: [],
    });

    await lab.until({ on: "backend", what: "down", name: "ill", check: "L7STS/503" });
    await web.gets("/health");
    const headers = { Host: "web.home" };
    const replies = [await lab.get("/1", { headers }), await lab.get("/2", { headers })];
    client.send("hello");
    const received = await client.receive("hello");
    client.leave();
    echo.stop();
    await lab.until({ on: "backend", what: "down", name: "echo", check: "L4CON" });

    expect(replies.map(({ by }) => by)).toEqual(["web", "web"]);
    expect(received).toBe("220 ready\r\nhello");
    expect(lab.logged({ on: "backend", what: "down", name: "web" })).toEqual([]);
  },
);

scenario("a backend that fails request after request is ejected for a while", async lab => {
  const rude = lab.backend("rude", { resets: true });
  lab.backend("kind");
  await lab.proxy({ health: { check: "none", ejectAfter: 2 } });

  const replies = [];
  for (let i = 0; i < 10; i++) replies.push(await lab.get("/"));
  await lab.until({ on: "backend", what: "ejected", name: "rude" });

  expect(replies.map(({ by }) => by)).toEqual(Array(10).fill("kind"));
  expect(rude.connections).toBe(2);
});

scenario(
  "a black hole costs its connect timeout once, and then 504 when there is no other backend",
  {
    needs: ["simulated-network"],
  },
  async lab => {
    lab.backend("hole");
    const blue = lab.backend("blue");
    await lab.proxy({ connectTimeoutMs: 1000 });

    lab.network.blackHole("hole");
    const late = await lab.get("/");
    blue.stop();
    lab.network.blackHole("blue");
    const lost = await lab.get("/");

    expect(late).toMatchObject({ status: 200, by: "blue" });
    expect(late.ms).toBeGreaterThan(1000);
    expect(late.ms).toBeLessThan(1100);
    expect(lost.status).toBe(504);
  },
);

scenario(
  "raw TCP does not wait longer for a black hole than the connect timeout",
  { needs: ["simulated-network"] },
  async lab => {
    lab.backend("hole");
    lab.backend("blue");
    const client = lab.client();
    await lab.proxy({ connectTimeoutMs: 1000 });

    lab.network.blackHole("hole");
    client.send("hello");
    const received = await client.receive("hello");
    const { values } = await lab.until({ on: "backend", what: "connect-failed" });

    expect(received).toBe("hello");
    expect(values).toMatchObject({ name: "hole", why: "timeout" });
  },
);
