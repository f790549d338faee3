import { expect, test } from "vitest";
import type { Behaviour } from "./behaviour.ts";
import { Client, type ClientOptions, NO_ANSWER } from "./client.ts";
import { reply } from "./http.ts";
import { steady } from "./steady.ts";
import { play } from "./testing.ts";
import { vanishing } from "./vanishing.ts";

async function served(behaviour: Behaviour, options: Partial<ClientOptions> = {}) {
  const stage = await play(behaviour);
  const client = new Client({
    name: "client",
    net: stage.network.host("client"),
    clock: stage.clock,
    server: () => ({ host: "backend", port: 80 }),
    ...options,
  });
  return { ...stage, client };
}

test("requests on one connection are answered in their order, also when sent at once", async () => {
  const { client, clock, server } = await served(steady());
  const replies = Promise.all([
    client.get("/1"),
    client.request("/2", { method: "POST", body: ["hel", "lo"] }),
    client.request("/3", { method: "HEAD" }),
    client.request("/4", { method: "PUT", body: "hello" }),
  ]);
  await clock.run({ ms: 100 });
  expect(
    (await replies).map(({ status, by, body, cutShort }) => [status, by, body, cutShort]),
  ).toEqual([
    [200, "a", "a: GET /1\n", false],
    [200, "a", "a: POST /2 (5 bytes received)\n", false],
    [200, "a", "", false],
    [200, "a", "a: PUT /4 (5 bytes received)\n", false],
  ]);
  expect(server.connectionsTotal).toBe(1);
});

test("it connects anew when its connection is over, and tells an answer that was cut", async () => {
  const cut = reply("hello").slice(0, -2);
  const { client, clock, server } = await served({
    answer: ({ line }) => [
      { send: line.startsWith("GET /cut") ? cut : reply("whole") },
      { close: "end" },
    ],
  });
  const first = client.get("/cut");
  await clock.run({ ms: 100 });
  expect(await first).toMatchObject({ status: 200, body: "hel", cutShort: true });
  expect([client.isOpen, client.error]).toEqual([false, undefined]);
  const second = client.get("/");
  await clock.run({ ms: 100 });
  expect(await second).toMatchObject({ status: 200, body: "whole", cutShort: false });
  expect(server.connectionsTotal).toBe(2);
});

test("raw bytes are received up to a text or a count, and a connection that ends before is an error", async () => {
  const { client, clock } = await served(steady());
  client.send("one\ntwo\n");
  const line = client.receive("\n");
  await clock.run({ ms: 10 });
  expect(await line).toBe("a: one\n");
  expect(await client.receive(3)).toBe("a: ");
  const never = client.receive("three");
  client.end();
  const ended = client.closed();
  await clock.run({ ms: 10 });
  await expect(never).rejects.toThrow(
    'waited to hear "three", and the connection ended; it had received "two\\n"',
  );
  expect(await ended).toEqual({ received: "a: one\na: two\n", error: undefined });
});

test.each(["request", "receive"] as const)(
  "its patience ends a %s that nothing answers",
  async what => {
    const { client, clock, server } = await served(vanishing(), { patienceMs: 500 });
    client.send("hello");
    const outcome = what === "request" ? client.get("/") : client.receive("\n").catch(String);
    await clock.run({ ms: 450 });
    expect(server.connections).toBe(1);
    await clock.run({ ms: 100 });
    expect([server.connections, client.error]).toEqual([0, NO_ANSWER]);
    expect(await outcome).toEqual(
      what === "request"
        ? expect.objectContaining({ status: undefined, cutShort: true })
        : expect.stringContaining("ended by no answer"),
    );
  },
);

test("a refused connection and a response that is not HTTP are reported", async () => {
  const refused = await served(steady(), { server: () => ({ host: "backend", port: 81 }) });
  const unanswered = refused.client.get("/");
  await refused.clock.run({ ms: 100 });
  expect(await unanswered).toMatchObject({ status: undefined, cutShort: true });
  expect(refused.client.error).toBe("ECONNREFUSED");

  const { client, clock } = await served({ answer: () => [{ send: "220 hi\r\n\r\n" }] });
  const garbled = client.get("/").catch(String);
  await clock.run({ ms: 100 });
  expect(await garbled).toContain('no HTTP: first line "220 hi"');
});

test("a forgetful client keeps nothing of what it was answered", async () => {
  const { client, clock } = await served(steady(), { forgetful: true });
  const answered = client.get("/bytes/100000");
  await clock.run({ ms: 100 });
  expect(await answered).toMatchObject({ status: 200, body: "", cutShort: false });
  expect(client.received).toBe("");
});
