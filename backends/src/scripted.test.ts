import { expect, test } from "vitest";
import { type Script, scripted } from "./scripted.ts";
import { hear, LATENCY_MS, play, request } from "./testing.ts";

/** The answer to `text`, and the time of each piece. */
async function ask(script: Script, text: string) {
  const raw: string[] = [];
  const requests: string[] = [];
  const broken: string[] = [];
  let died = false;
  const stage = await play(
    scripted(script, {
      requested: ({ line, body }) => requests.push(`${line} ${body}`),
      received: bytes => raw.push(String(bytes)),
      broken: why => broken.push(why),
      dies: () => {
        died = true;
        void stage.server.stop();
      },
    }),
  );
  const client = stage.connect();
  const heard = hear(client);
  const pieces: [number, string][] = [];
  client.on("data", bytes => pieces.push([stage.clock.now(), String(bytes)]));
  client.write(text);
  await stage.clock.run({ ms: 10_000 });
  return { ...stage, client, heard, pieces, raw, requests, broken, died: () => died };
}

const GET = request("GET /x");
const POST = request("POST /x", { "Content-Length": "5" });

test("without a script it answers its name and the request, and echoes raw TCP", async () => {
  const http = await ask({}, GET);
  expect(http.heard.text).toBe(
    "HTTP/1.1 200 As-It-Is\r\nX-Backend: a\r\nContent-Length: 8\r\n\r\na GET /x",
  );
  expect(http.requests).toEqual(["GET /x HTTP/1.1 "]);
  const tcp = await ask({}, "hello");
  expect([tcp.heard.text, tcp.raw]).toEqual(["hello", ["hello"]]);
});

test("the end of a body is known by its length, by the last chunk, or by the close", async () => {
  const body = { bodyBytes: 1500 };
  const framed = async (script: Script) => (await ask({ ...body, ...script }, GET)).heard;
  expect((await framed({})).text).toMatch(/Content-Length: 1500\r\n\r\n.{1500}$/s);
  expect((await framed({ framing: "chunked" })).text).toMatch(/\r\n1f4\r\n.{500}\r\n0\r\n\r\n$/s);
  expect(await framed({ framing: "close" })).toMatchObject({ ended: true });
});

test("a slow answer is delayed, then sent at its rate", async () => {
  const { pieces } = await ask({ latencyMs: 300, bytesPerSecond: 5000, bodyBytes: 250 }, GET);
  const [[firstMs], ...rest] = pieces;
  expect(firstMs).toBe(300 + 4 * LATENCY_MS); // the handshake, and there and back
  expect(rest.map(([ms, text]) => [ms - firstMs, text.length])).toEqual([
    [0, 100],
    [20, 100],
    [40, 50],
  ]);
});

test("an early answer does not wait for the body; a usual one sends 100 Continue and waits", async () => {
  expect((await ask({ early: true }, POST)).heard.text).toMatch(/a POST \/x$/);
  const late = await ask({}, POST.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
  expect(late.heard.text).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  late.client.write("hello");
  await late.clock.run({ ms: 10 });
  expect(late.requests).toEqual(["POST /x HTTP/1.1 hello"]);
  expect(late.heard.text).toMatch(/a POST \/x$/);
});

test("an upgrade ends HTTP: bytes after its head are echoed, in the same piece or later", async () => {
  const head = request("GET /x", { Connection: "Upgrade", Upgrade: "potato" });
  const { client, clock, heard, raw, broken } = await ask({ upgrades: true }, `${head}one`);
  client.write("two");
  await clock.run({ ms: 10 });
  expect(heard.text).toMatch(/^HTTP\/1\.1 101 .*\r\nUpgrade: potato\r\n\r\nonetwo$/s);
  expect([raw.join(""), broken]).toEqual(["onetwo", []]);
});

test.each<[Script, Partial<Awaited<ReturnType<typeof ask>>["heard"]>]>([
  [
    { silent: true, greeting: "220 hi" },
    { text: "", ended: false },
  ],
  [
    { greeting: "220 hi\n", raw: "swallow" },
    { text: "220 hi\n", ended: false },
  ],
  [
    { raw: "answer", body: "bye" },
    { text: "bye", ended: true },
  ],
  [{ closes: true }, { text: "" }],
  [{ resets: true }, { text: "", error: "ECONNRESET" }],
])("%j: %j", async (script, expected) => {
  expect((await ask(script, "hello")).heard).toMatchObject(expected);
});

test("it stops after some bytes of an answer, and refuses new connections", async () => {
  const { heard, died, server, connect, clock } = await ask(
    { bodyBytes: 100, diesAfterBytes: 10 },
    GET,
  );
  expect(heard.text).toMatch(/\r\n\r\n.{10}$/);
  expect([died(), server.connections]).toEqual([true, 0]);
  const refused = hear(connect());
  await clock.run({ ms: 10 });
  expect(refused.error).toBe("ECONNREFUSED");
});

test("a malformed request is reported, and not answered", async () => {
  const { heard, broken } = await ask({}, "GET lost\r\n\r\n");
  expect([heard.text, broken]).toEqual(["", ['first line "GET lost"']]);
});
