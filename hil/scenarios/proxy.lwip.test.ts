import { createHash } from "node:crypto";
import { expect, inject, test } from "vitest";
import { patterned } from "../../backends/src/scripted.ts";
import { lwipTarget } from "../kit/lwip-target.ts";
import { play } from "../kit/play.ts";
import type { ScenarioBody } from "../kit/scenario.ts";

// The firmware that ships, on the chip's engine, with its own sockets over the chip's TCP stack. Afterwards no session, socket
// or block of lwIP's memory is left: `play` looks.

const LARGE_BYTES = 8 * 1024 * 1024;

function plays(title: string, body: ScenarioBody): void {
  const scenario = { title, theme: "lwip", needs: [], faults: [], measures: [], body };
  test(`${title} (on lwIP)`, async () => {
    expect(await play(scenario, lwipTarget(inject("firmwareBoard")!))).toEqual({});
  });
}

const sha256 = (text: string | Buffer) =>
  createHash("sha256")
    .update(Buffer.from(text as string, "latin1"))
    .digest("hex");

plays("requests are balanced over two backends in turn", async lab => {
  const backends = [lab.backend("red"), lab.backend("blue")];
  await lab.proxy();
  const by = [];
  for (let i = 0; i < 6; i++) by.push((await lab.get(`/${i}`)).by);
  expect(by).toEqual(["red", "blue", "red", "blue", "red", "blue"]);
  expect(backends.map(({ requests }) => requests.length)).toEqual([3, 3]);
});

plays("END in a raw stream ends the session, and nothing behind it is forwarded", async lab => {
  const red = lab.backend("red");
  const client = lab.client();
  await lab.proxy();
  client.send("hello EN");
  await client.receive("hello EN");
  client.send("D and more");
  const { received, error } = await client.closed();
  await lab.until({ on: "session", what: "end", why: "keyword" });
  expect([received, error]).toEqual(["hello END", undefined]);
  expect(red.received).toBe("hello END");
});

plays("8 MiB go up and 8 MiB come down, each with its SHA-256", async lab => {
  const sent = patterned(LARGE_BYTES);
  const red = lab.backend("red", { body: sent });
  const client = lab.client();
  await lab.proxy({ bodyBytesMax: LARGE_BYTES });
  const { status, body } = await client.request("/file", { method: "PUT", body: sent });
  expect(status).toBe(200);
  expect(sha256(red.requests[0].body)).toBe(sha256(sent));
  expect(sha256(body)).toBe(sha256(sent));
});

plays("WebSocket frames pass both ways after the 101, END in them too", async lab => {
  const red = lab.backend("red", { upgrades: true });
  const client = lab.client();
  await lab.proxy();
  client.send(
    "GET /chat HTTP/1.1\r\nHost: board\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  const head = await client.receive("\r\n\r\n");
  const frames = [frame(TEXT, "END"), frame(BINARY, patterned(70_000)), frame(CLOSE, "\x03\xe8")];
  for (const each of frames) {
    client.send(each);
    expect((await client.receive(each.length)) === each).toBe(true);
  }
  client.end();
  await client.closed();
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  expect(red.received === frames.join("")).toBe(true);
});

plays("a GET whose backend resets goes to the other backend", async lab => {
  lab.backend("red", { resets: true });
  lab.backend("blue");
  await lab.proxy();
  const replies = [await lab.get("/1"), await lab.get("/2")];
  expect(replies.map(({ status, by }) => [status, by])).toEqual([
    [200, "blue"],
    [200, "blue"],
  ]);
});

plays("a backend that resets within its answer cuts that answer visibly", async lab => {
  lab.backend("red", { bodyBytes: 100_000, diesAfterBytes: 20_000 });
  await lab.proxy();
  const reply = await lab.get("/file");
  expect(reply.status).toBe(200);
  expect(reply.cutShort).toBe(true);
});

plays("a browser's forty parallel requests on six connections are all answered", async lab => {
  const backends = [lab.backend("red"), lab.backend("blue")];
  const browser = lab.clients(6);
  await lab.proxy();
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) => browser[i % browser.length].request(`/${i}`)),
  );
  expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
  expect(replies.map(({ body }) => body.split(" ")[2])).toEqual(replies.map((_, i) => `/${i}`));
  expect(backends.map(({ requests }) => requests.length)).toEqual([20, 20]);
});

plays(
  "forty clients at once are all answered: served, or told that the board is full",
  async lab => {
    lab.backend("red", { latencyMs: 50 });
    const clients = lab.clients(40);
    await lab.proxy();
    const replies = await Promise.all(
      clients.map(client => client.request("/", { headers: { Connection: "close" } })),
    );
    const served = replies.filter(({ status }) => status === 200);
    expect(served.length).toBeGreaterThanOrEqual(lab.board.sessionsMax + lab.board.queueMax);
    expect(replies.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
    expect(replies.filter(({ cutShort }) => cutShort)).toEqual([]);
  },
);

// Opcodes of RFC 6455, section 5.2.
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;

/** A whole frame of a client (RFC 6455, section 5.2), with the mask 0. */
function frame(opcode: number, payload: string): string {
  const long = payload.length > 125;
  const head = Buffer.alloc(long ? 10 : 2);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (long ? 127 : payload.length);
  if (long) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return `${head.toString("latin1")}\0\0\0\0${payload}`;
}
