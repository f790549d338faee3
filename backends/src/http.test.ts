import { expect, test } from "vitest";
import { steady } from "./steady.ts";
import { answers, hear, play, request } from "./testing.ts";

/** Long enough for every answer here, and shorter than Node keeps an idle connection. */
const SETTLE_MS = 1000;

async function ask(...texts: string[]) {
  const stage = await play(steady());
  const client = stage.connect();
  const heard = hear(client);
  for (const text of texts) {
    client.write(text);
    await stage.clock.run({ ms: SETTLE_MS });
  }
  return { ...stage, client, heard };
}

test.each([0, 1, 16_383, 16_384, 16_385, 1_000_000])(
  "/bytes/%i is exactly as long",
  async count => {
    const { heard } = await ask(request(`GET /bytes/${count}`));
    const [{ status, headers, body }, ...others] = answers(heard.text);
    expect([status, headers["content-length"], others.length]).toEqual([200, String(count), 0]);
    expect(body).toBe("0123456789abcdef".repeat(count / 16 + 1).slice(0, count));
  },
);

test("a request for too many bytes is refused with the maximum", async () => {
  const { heard } = await ask(request("GET /bytes/1073741825"));
  const [{ status, body }] = answers(heard.text);
  expect(status).toBe(400);
  expect(body).toBe("a: /bytes/1073741825 is too much; the maximum is 1073741824\n");
});

test("HEAD is answered like GET, without the bytes", async () => {
  const { heard } = await ask(request("HEAD /"), request("HEAD /bytes/1073741824"));
  const found = answers(heard.text, { head: true });
  expect(found.map(({ status, headers }) => [status, headers["content-length"]])).toEqual([
    [200, String("a: HEAD /\n".length)],
    [200, "1073741824"],
  ]);
});

test("an upload is counted to the byte, with a length or in chunks, in any pieces", async () => {
  const body = "x".repeat(100_000);
  const sized = request("POST /up", { "Content-Length": "100000" }, body);
  const chunks = `${(99_999).toString(16)}\r\n${body.slice(1)}\r\n1\r\nx\r\n0\r\n\r\n`;
  const chunked = request("PUT /up", { "Transfer-Encoding": "chunked" }, chunks);
  const pieces = [sized, chunked].flatMap(text => text.match(/.{1,7919}/gs)!);
  const { heard } = await ask(...pieces);
  expect(answers(heard.text).map(answer => answer.body)).toEqual([
    "a: POST /up (100000 bytes received)\n",
    "a: PUT /up (100000 bytes received)\n",
  ]);
});

test("a connection serves requests one after the other, pipelined ones in order", async () => {
  const { heard, server } = await ask(
    request("GET /1"),
    request("GET /bytes/20000") + request("GET /2") + request("GET /3"),
  );
  const found = answers(heard.text).map(({ body }) => body);
  expect(found).toEqual(["a: GET /1\n", expect.any(String), "a: GET /2\n", "a: GET /3\n"]);
  expect(found[1]).toHaveLength(20_000);
  expect([server.connections, server.connectionsTotal]).toEqual([1, 1]);
});

test("a connection that its client wants closed is closed after the answer", async () => {
  const { heard } = await ask(request("GET /", { Connection: "close" }));
  expect(answers(heard.text)).toHaveLength(1);
  expect(heard.ended).toBe(true);
});

test("a client that resets in the middle of a response leaks nothing", async () => {
  const { clock, connect, network, server } = await play(steady());
  const client = connect();
  client.write(request("GET /bytes/1000000000"));
  await clock.run({ until: () => client.bytesRead > 1_000_000 });
  client.resetAndDestroy();
  await clock.run();
  expect(server.connections).toBe(0);
  expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
});

test("a malformed request is refused, and the next client is served", async () => {
  const { clock, connect, heard } = await ask("GET lost\r\n\r\n");
  expect(heard.text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  const next = connect();
  const got = hear(next);
  next.write("hello\n");
  await clock.run({ ms: SETTLE_MS });
  expect(got.text).toBe("a: hello\n");
});

test("chunks may have extensions, and trailers behind them", async () => {
  const chunks = "5;a=b\r\nhello\r\n2 \r\nxy\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n";
  const upload = request("POST /up", { "Transfer-Encoding": "Chunked" }, chunks);
  for (let cut = 1; cut < upload.length; cut += 5) {
    const { heard } = await ask(upload.slice(0, cut), upload.slice(cut) + request("GET /next"));
    expect(answers(heard.text).map(answer => answer.body)).toEqual([
      "a: POST /up (7 bytes received)\n",
      "a: GET /next\n",
    ]);
  }
});

test("an upload that asks first gets 100 Continue, and an HTTP/1.0 client gets its close", async () => {
  const { heard } = await ask(
    request("POST /up", { Expect: "100-continue", "Content-Length": "5" }),
    "hello",
    "GET / HTTP/1.0\r\n\r\n",
  );
  const [interim, ...rest] = heard.text.split(/(?<=\r\n\r\n)(?=HTTP)/);
  expect(interim).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  expect(rest.join("")).toMatch(/a: POST \/up \(5 bytes received\)\n.*a: GET \/\n$/s);
  expect(heard.ended).toBe(true);
});

test("an idle connection is closed after a while, one in use is not", async () => {
  const { clock, heard, client } = await ask(request("GET /1"));
  await clock.run({ ms: 3_000 });
  client.write(request("GET /2"));
  await clock.run({ ms: 4_500 });
  expect(heard.ended).toBe(false);
  await clock.run({ ms: 1_000 });
  expect(heard.ended).toBe(true);
});

test("a head without an end is refused, and a client that reads no answers is read no further", async () => {
  const endless = await ask(`GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}`);
  expect(endless.heard.text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);

  const { clock, network, connect } = await play(steady());
  const client = connect();
  client.pause();
  const count = 1_000;
  const long = request(`GET /${"x".repeat(2_000)}`);
  client.write(long.repeat(count));
  await clock.run();
  const { unacked } = network.netstat().find(({ host }) => host === "client")!;
  expect(unacked).toBeGreaterThan(long.length * count * 0.3);
  const heard = hear(client);
  client.resume();
  await clock.run();
  expect(answers(heard.text).length).toBe(count);
});
