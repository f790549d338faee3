import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MessageReader } from "../../backends/src/http-reader.ts";
import { type LiveBoard, startBoard } from "../kit/live-board.ts";
import { missing, PEERS, startPeer } from "./reference-proxies.ts";

// A Node server answers an upload before it has received all of it. Then it closes, which is a reset because
// bytes are unread, or it goes on reading. The client gets that answer, and no request behind it is lost.

const BODY = Buffer.alloc(200_000, "x");

/** Uploads, one after the other. */
const TIMES = 8;

/** When the server answers, and what it does afterwards. */
const SERVERS = {
  "at once, and closes": { afterBytes: 1, closes: true },
  "after 50 kB, and closes": { afterBytes: 50_000, closes: true },
  "after 50 kB, and reads on": { afterBytes: 50_000, closes: false },
};

const PATIENCE = { requestMs: 3_000, keepAliveMs: 3_000 };

const stops: (() => unknown)[] = [];
const ports: { board?: number; nginx?: number; haproxy?: number } = {};
let board: LiveBoard;
const absent = missing(...PEERS);

beforeAll(async () => {
  const server = http.createServer((request, response) => {
    const kind = SERVERS[decodeURIComponent(request.url!.slice(1)) as keyof typeof SERVERS];
    let receivedBytes = 0;
    request.on("data", (bytes: Buffer) => {
      receivedBytes += bytes.byteLength;
      if (response.headersSent || receivedBytes < kind.afterBytes) return;
      response.writeHead(413, kind.closes ? { Connection: "close" } : {}).end("too much");
    });
    if (request.method === "GET") response.end("hello");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  board = await startBoard([port]);
  stops.push(() => board.stop());
  ports.board = board.port;
  for (const name of absent.length === 0 ? PEERS : []) {
    const peer = await startPeer(name, port, PATIENCE);
    stops.push(() => peer.stop());
    ports[name] = peer.port;
  }
});

afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** Uploads, and sends one more request on the same connection unless the answer closes it. */
async function upload(port: number, path: string): Promise<string[]> {
  const socket = net.connect(port, "127.0.0.1");
  const outcome: string[] = [];
  let written = false;
  const goOn = () => {
    if (outcome.length === 1 && written) socket.write("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  };
  const reader = new MessageReader("response", message => {
    const closes = message.all("connection").includes("close");
    outcome.push(message.line.slice(9, 12) + (closes ? " close" : ""));
    if (closes || outcome.length === 2) socket.end();
    else goOn();
  });
  reader.expects("POST");
  reader.expects("GET");
  socket.on("error", () => {}); // the bytes received before a reset count
  socket.on("data", piece => reader.feed(piece));
  const head = `POST /${encodeURIComponent(path)} HTTP/1.1\r\nHost: x\r\nContent-Length: ${BODY.byteLength}\r\n\r\n`;
  socket.write(head);
  socket.write(BODY, () => {
    written = true;
    goOn();
  });
  await once(socket, "close");
  return outcome;
}

describe.each(Object.keys(SERVERS))("a server that answers 413 %s", path => {
  test(`${TIMES} of ${TIMES} uploads get that answer, and the close is announced`, async () => {
    for (let i = 0; i < TIMES; i++) expect(await upload(board.port, path)).toEqual(["413 close"]);
    expect(board.requests.map(({ values }) => values.state)).not.toContain("SH");
    expect(board.faults).toEqual([]);
    expect(board.lines.filter(line => line.includes("backend:"))).toEqual([]); // no backend is blamed
  });

  // With a server that closes, nginx and HAProxy lose some of these answers: they write into its reset before
  // they have read them (on a busy computer four of eight). There only the board must deliver the answer.
  const peers = SERVERS[path as keyof typeof SERVERS].closes ? [] : PEERS;
  test.skipIf(absent.length > 0).each(peers)(
    "%s gives it too, and swallows no further request either",
    async name => {
      for (let i = 0; i < TIMES; i++) {
        const outcome = await upload(ports[name]!, path);
        expect(outcome[0]).toMatch(/^413/);
        expect(outcome).toContain(outcome.length === 1 ? "413 close" : "200");
      }
    },
  );
});
