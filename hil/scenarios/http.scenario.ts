import { expect } from "expect";
import { chunked } from "../../backends/src/http.ts";
import { patterned } from "../../backends/src/scripted.ts";
import { scenario } from "../kit/scenario.ts";

for (const framing of ["length", "chunked", "close"] as const) {
  scenario(
    `a body whose end is known by ${framing} arrives whole, and is known to be whole`,
    async lab => {
      const body = patterned(50_000);
      lab.backend("red", { body, framing });
      await lab.proxy();

      const reply = await lab.get("/file");

      expect(reply.cutShort).toBe(false);
      expect(reply.body === body).toBe(true);
    },
  );
}

scenario(
  "uploads arrive whole, by length and in chunks, and the connection stays usable",
  async lab => {
    const red = lab.backend("red");
    const client = lab.client();
    const body = patterned(30_000);
    await lab.proxy();

    const statuses = [
      (await client.request("/1", { method: "PUT", body })).status,
      (await client.request("/2", { method: "PUT", body: [body.slice(0, 7), body.slice(7)] }))
        .status,
      (await client.get("/3")).status,
    ];

    expect(statuses).toEqual([200, 200, 200]);
    expect(red.requests.map(request => request.body.toString() === body)).toEqual([
      true,
      true,
      false,
    ]);
  },
);

scenario("HEAD and 304 have no body, and the connection stays usable", async lab => {
  const red = lab.backend("red", { body: "what HEAD does not bring" });
  lab.backend("blue", { status: 304 });
  const client = lab.client();
  await lab.proxy();

  const head = await client.request("/", { method: "HEAD" });
  const unchanged = await client.get("/");
  const whole = await client.get("/");

  expect(head).toMatchObject({ status: 200, body: "", cutShort: false });
  expect(head.headers["content-length"]).toBe("24");
  expect(unchanged).toMatchObject({ status: 304, body: "", by: "blue" });
  expect(whole).toMatchObject({ status: 200, body: "what HEAD does not bring", by: "red" });
  expect(red.asked).toEqual(["HEAD /", "GET /"]);
});

scenario("pipelined requests are answered in order, however long the backends take", async lab => {
  lab.backend("slow", { latencyMs: 100 });
  lab.backend("quick");
  const client = lab.client();
  await lab.proxy();

  const replies = await Promise.all(["/1", "/2", "/3", "/4"].map(path => client.get(path)));

  expect(replies.map(({ body }) => body)).toEqual([
    "slow GET /1",
    "quick GET /2",
    "slow GET /3",
    "quick GET /4",
  ]);
});

scenario(
  "a backend may answer before it has the body; the client receives the answer, then the close",
  async lab => {
    lab.backend("strict", { early: true, status: 403, body: "not from you" });
    const client = lab.client();
    await lab.proxy();

    const reply = await client.request("/upload", {
      method: "POST",
      headers: { "Content-Length": "1000000" },
    });
    await client.closed();

    expect(reply).toMatchObject({ status: 403, body: "not from you", cutShort: false });
  },
);

scenario(
  "Expect: 100-continue is answered by the backend, and then the body is sent",
  async lab => {
    const red = lab.backend("red");
    const client = lab.client();
    await lab.proxy();

    const reply = client.request("/upload", {
      method: "PUT",
      headers: { Expect: "100-continue", "Content-Length": "5" },
    });
    const interim = await client.receive("\r\n\r\n");
    client.send("hello");

    expect(interim).toMatch(/^HTTP\/1\.1 100 /);
    expect((await reply).status).toBe(200);
    expect(red.requests[0].body.toString()).toBe("hello");
  },
);

scenario("an HTTP/1.0 client gets an answer without chunks, then a close", async lab => {
  const body = patterned(5_000);
  lab.backend("red", { body, framing: "chunked" });
  const client = lab.client();
  await lab.proxy();

  client.send("GET / HTTP/1.0\r\n\r\n");
  const { received, error } = await client.closed();

  expect(error).toBeUndefined();
  expect(received).toMatch(/^HTTP\/1\.1 200 /);
  expect(received.endsWith(`\r\n\r\n${body}`)).toBe(true);
});

scenario("a client that leaves mid-request frees its backend at once", async lab => {
  const red = lab.backend("red", { latencyMs: 5_000 });
  const client = lab.client();
  await lab.proxy();

  const unheard = client.get("/long");
  await red.gets("/long");
  client.reset();
  const logged = await lab.until({ on: "http", what: "request", path: "/long" });

  expect((await unheard).cutShort).toBe(true);
  expect(logged.values).toMatchObject({ backend: "red", status: "499", state: "CH" });
  expect(Number(logged.values.Ta)).toBeLessThan(5_000);
});

scenario("a backend learns the client's address, and the host that it asked for", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  await client.get("/", { headers: { Host: "www.home", "X-Forwarded-For": "1.2.3.4" } });

  const [request] = red.requests;
  expect(request.all("host")).toEqual(["www.home"]);
  expect(request.all("x-forwarded-for")).toEqual([client.address]);
  expect(request.all("x-forwarded-host")).toEqual(["www.home"]);
  expect(request.all("x-forwarded-proto")).toEqual(["http"]);
});

scenario("forwarding headers of a trusted proxy are kept and extended", async lab => {
  const red = lab.backend("red");
  const gateway = lab.client();
  await lab.proxy({ trustedProxies: [gateway.address] });

  await gateway.get("/", {
    headers: { "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https" },
  });

  const [request] = red.requests;
  expect(request.all("x-forwarded-for").join(", ")).toBe(`1.2.3.4, ${gateway.address}`);
  expect(request.all("x-forwarded-proto")).toEqual(["https"]);
});

scenario("a request has one id, from the client over the log to the backend", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  await client.get("/named", { headers: { "X-Request-Id": "theirs-1" } });
  await client.get("/unnamed");
  await lab.until({ on: "http", what: "request", path: "/unnamed" });

  const ids = red.requests.map(request => request.all("x-request-id").join());
  const logged = lab.logged({ on: "http", what: "request" }).map(({ values }) => values.request);
  expect(ids).toEqual(logged);
  expect(ids[0]).toBe("theirs-1");
  expect(ids[1]).not.toBe("");
});

scenario("an ambiguous request reaches no backend", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  client.send(
    "POST / HTTP/1.1\r\nHost: board\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" +
      `${chunked([])}GET /admin HTTP/1.1\r\nHost: board\r\n\r\n`,
  );
  const { received } = await client.closed();

  expect(received).toMatch(/^HTTP\/1\.1 400 /);
  expect(red.requests).toEqual([]);
});

scenario("a chunked reply that its backend cuts arrives visibly cut", async lab => {
  lab.backend("red", { bodyBytes: 5_000, framing: "chunked", diesAfterBytes: 2_500 });
  await lab.proxy();

  const reply = await lab.get("/file");
  const logged = await lab.until({ on: "http", what: "request" });

  expect(reply).toMatchObject({ status: 200, cutShort: true });
  expect(logged.values.state).toBe("SD");
});

scenario("a client that leaves between two requests is noticed at once", async lab => {
  lab.backend("red");
  const client = lab.client();
  await lab.proxy({ keepAliveTimeoutMs: 60_000 });

  const reply = await client.get("/");
  client.leave();

  expect(reply).toMatchObject({ status: 200, cutShort: false });
  // Whether its session is over is looked at after each scenario; here no time-out helps.
});

scenario("an upload that its client cuts never looks complete to the backend", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();

  const fields = "Host: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n";
  client.send(`POST /half HTTP/1.1\r\n${fields}\r\n`);
  await client.receive("100 Continue\r\n\r\n"); // the backend has the head
  client.send("half of it");
  client.leave();
  await lab.until({ on: "http", what: "request", path: "/half" });

  expect(red.asked).toEqual([]);
});

scenario("a client that closes during a download stops it", async lab => {
  const red = lab.backend("red", { bodyBytes: 200_000, bytesPerSecond: 100_000 });
  const client = lab.client();
  await lab.proxy();

  client.send("GET /film HTTP/1.1\r\nHost: x\r\n\r\n");
  await client.receive(10_000);
  client.leave();
  const logged = await lab.until({ on: "http", what: "request", path: "/film" });

  expect(logged.values).toMatchObject({ backend: "red", state: "CD" });
  expect(Number(logged.values.out)).toBeLessThan(200_000);
  expect(red.connections).toBe(1);
});
