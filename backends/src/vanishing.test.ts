import { expect, test } from "vitest";
import { hear, play, request } from "./testing.ts";
import { vanishing } from "./vanishing.ts";

const HOUR_MS = 3_600_000;

test.each([
  ["a request", request("GET /")],
  ["a line", "hello\n"],
  ["a megabyte", "x".repeat(1_000_000)],
])("a vanishing backend takes %s and never says a word", async (_, text) => {
  const { clock, network, connect, server } = await play(vanishing());
  const client = connect();
  const heard = hear(client);
  client.write(text);
  await clock.run({ ms: HOUR_MS });
  expect(heard).toEqual({ text: "", ended: false, error: undefined });
  expect(server.connections).toBe(1);
  expect(network.netstat().find(({ host }) => host === "client")!.unacked).toBe(0);
});

test("it closes when its client does", async () => {
  const { clock, connect, server } = await play(vanishing());
  const client = connect();
  const heard = hear(client);
  client.end("hello\n");
  await clock.run();
  expect(heard).toEqual({ text: "", ended: true, error: undefined });
  expect(server.connections).toBe(0);
});
