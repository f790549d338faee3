import { once } from "node:events";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { seeded } from "net-mock-socket";
import { afterAll, expect, test } from "vitest";
import { startBoard } from "../kit/live-board.ts";
import { sha256 } from "./test-site.ts";

// Protocols that the board forwards as raw TCP, with programs that use them.

const stops: (() => unknown)[] = [];
afterAll(async () => {
  for (const stop of stops.reverse()) await stop();
});

const UPLOADS = 8;
const UPLOAD_BYTES = 128 * 1024;

test("HTTP/2 in the clear works in `auto`: uploads side by side on one connection, whatever they spell", async () => {
  const server = http2.createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => response.end(sha256(Buffer.concat(pieces))));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stops.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const board = await startBoard([port], { inspect: [{ keyword: "END", from: "both" }] });
  stops.push(() => board.stop());

  const client = http2.connect(`http://127.0.0.1:${board.port}`);
  const random = seeded(1);
  const upload = async () => {
    const body = Buffer.from(Array.from({ length: UPLOAD_BYTES }, () => random() * 256));
    body.write("\r\nEND\r\n", UPLOAD_BYTES / 2);
    const stream = client.request({ ":method": "POST", ":path": "/" });
    stream.end(body);
    let digest = "";
    for await (const piece of stream.setEncoding("latin1")) digest += piece;
    expect(digest).toBe(sha256(body));
  };
  await Promise.all(Array.from({ length: UPLOADS }, upload));
  client.close();
  await board.until(({ on, what }) => on === "session" && what === "end");

  expect(board.requests).toEqual([]);
  expect(board.lines.join("\n")).toMatch(/session: end .* protocol=raw .* why=client-closed/);
  expect(board.faults).toEqual([]);
});
