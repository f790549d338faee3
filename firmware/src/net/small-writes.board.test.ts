import { expect, test } from "vitest";
import { MessageReader } from "../../../backends/src/http-reader.ts";
import { collect, EmulatedLab, echoes } from "../../../hil/kit/emulated-lab.ts";
import { named } from "../../../hil/kit/http-backend.ts";

// lwIP queues 23 segments at most on a connection, however small they are; a write that would be the
// 24th fails, and the connection is dead.

test("a hundred small messages within one round trip all arrive, both ways", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", echoes);
  await lab.serve({ inspect: [] });
  lab.network.link("a", { latencyMs: 150 });
  lab.network.link("board", { latencyMs: 150 });
  const client = lab.connect();
  const received = collect(client);
  client.write("first ");
  await lab.clock.run({ ms: 3000 });
  let sent = "first ";
  for (let i = 0; i < 100; i++) {
    client.write(`m${i} `);
    sent += `m${i} `;
    await lab.clock.run({ ms: 2 });
  }
  await lab.clock.run({ ms: 10_000 });
  expect(lab.events("session", "end")).toEqual([]);
  expect(received.text).toBe(sent);
});

test("a stream over two slow links ends with its last byte, not before", async () => {
  const lab = new EmulatedLab();
  const size = 400_000;
  lab.backend("a", socket => {
    socket.once("data", () => socket.end(Buffer.alloc(size, "x")));
  });
  await lab.serve({ inspect: [] });
  for (const host of ["a", "board"]) {
    lab.network.link(host, { latencyMs: 20, bytesPerSecond: 60_000 });
  }
  const client = lab.connect();
  const received = collect(client);
  client.write("go");
  await lab.clock.run({ until: () => client.closed, ms: 120_000 });
  expect(received.text.length).toBe(size);
});

test("forty pipelined requests with small answers are all answered", async () => {
  const lab = new EmulatedLab();
  lab.backend("a", named("a").serve);
  await lab.serve();
  lab.network.link("board", { latencyMs: 100 });
  const client = lab.connect();
  const reader = new MessageReader("response");
  client.on("data", (bytes: Buffer) => reader.feed(bytes));
  client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(40));
  await lab.clock.run({ until: () => reader.messages.length === 40, ms: 60_000 });
  expect(reader.messages.map(({ line }) => line)).toEqual(Array(40).fill("HTTP/1.1 200 OK"));
});
