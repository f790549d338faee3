import { expect, test } from "vitest";
import { slow } from "./slow.ts";
import { hear, LATENCY_MS, play, request } from "./testing.ts";

const LATE_MS = 500 + 2 * LATENCY_MS;

test("a slow backend answers a request after its latency, not sooner", async () => {
  const { clock, connect } = await play(slow());
  const client = connect();
  const heard = hear(client);
  await clock.run();
  const start = clock.now();
  client.write(request("GET /"));
  await clock.run({ until: () => heard.text.endsWith("a: GET /\n") });
  expect(clock.now() - start).toBe(LATE_MS);

  client.write(request("GET /again")); // on the same connection, and as late
  await clock.run({ until: () => heard.text.endsWith("a: GET /again\n") });
  expect(clock.now() - start).toBe(2 * LATE_MS);
});

test("each line is delayed as well, one after the other, in any pieces", async () => {
  for (const pieces of [["1\n2\n3\n"], ["1\n", "2\n", "3\n"], [..."1\n2\n3\n"]]) {
    const { clock, connect } = await play(slow({ latencyMs: 100 }));
    const client = connect();
    await clock.run();
    const start = clock.now();
    const heard: [number, string][] = [];
    client.on("data", line => heard.push([clock.now() - start, String(line)]));
    for (const piece of pieces) client.write(piece);
    await clock.run();
    expect(heard).toEqual([
      [102, "a: 1\n"],
      [202, "a: 2\n"],
      [302, "a: 3\n"],
    ]);
  }
});

test.each([
  ["a request", request("GET /")],
  ["a line", "hello\n"],
])("it forgets a client that resets after %s", async (_, text) => {
  const { clock, connect, network, server } = await play(slow({ latencyMs: 60_000 }));
  const client = connect();
  client.write(text);
  await clock.run({ ms: 1000 });
  expect(server.connections).toBe(1);

  client.resetAndDestroy();
  await clock.run({ ms: 10 });
  expect(server.connections).toBe(0);
  expect(network.netstat().map(({ state }) => state)).toEqual(["listen"]);
  expect(clock.pending).toBe(0); // no response is pending
});
