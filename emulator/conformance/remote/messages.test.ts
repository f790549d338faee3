import { expect, test } from "vitest";
import { encode, Inbox, type ToBoard } from "./messages.ts";

test("messages and their bytes are received whole, in any pieces", () => {
  const sent: [ToBoard, string][] = [
    [{ type: "answer", ask: 1, port: 80 }, ""],
    [{ type: "received", peer: 1, bytes: 9 }, "a\n{\0\xff\r\n}b"],
    [{ type: "received", peer: 2, bytes: 300 }, "x".repeat(300)],
    [{ type: "end", cases: 3 }, ""],
  ];
  const wire = Buffer.concat(sent.map(([message, text]) => encode(message, text)));
  for (const size of [1, 2, 7, 64, wire.byteLength]) {
    const got: [ToBoard, string][] = [];
    const inbox = new Inbox<ToBoard>((message, text) => got.push([message, text]));
    for (let at = 0; at < wire.byteLength; at += size) inbox.push(wire.subarray(at, at + size));
    expect(got).toEqual(sent);
  }
});

test("a line or a text that is too long is refused before it is kept", () => {
  const inbox = new Inbox<ToBoard>(() => {});
  expect(() => inbox.push(new Uint8Array(5000).fill(120))).toThrow("no message");
  const long = encode({ type: "received", peer: 1, bytes: 1e9 });
  expect(() => new Inbox<ToBoard>(() => {}).push(long)).toThrow("1000000000 bytes");
});
