import { expect, test } from "vitest";
import { flaky } from "./flaky.ts";
import { hear, play, request } from "./testing.ts";

test("a flaky backend resets every third connection and serves the others", async () => {
  const { clock, connect } = await play(flaky());
  const outcomes: string[] = [];
  for (let i = 0; i < 9; i++) {
    const client = connect();
    const heard = hear(client);
    client.write(i % 2 === 0 ? "hello\n" : request("GET /"));
    await clock.run({ ms: 10 });
    outcomes.push(heard.error ?? heard.text.slice(-9));
    client.destroy();
  }
  expect(outcomes).toEqual([
    ...["a: hello\n", "a: GET /\n", "ECONNRESET"],
    ...["a: GET /\n", "a: hello\n", "ECONNRESET"],
    ...["a: hello\n", "a: GET /\n", "ECONNRESET"],
  ]);
});

test("later pieces of a connection do not count, nor connections without a byte", async () => {
  const { clock, connect, server } = await play(flaky());
  const talker = connect();
  const heard = hear(talker);
  for (const piece of ["P", "O", "ST\n", "one\n", "two\n"]) {
    talker.write(piece); // after the first two it may become a request or a line
    connect().end();
    await clock.run({ ms: 10 });
  }
  expect(heard).toMatchObject({ text: "a: POST\na: one\na: two\n", error: undefined });
  expect(server.connectionsTotal).toBe(6);
});
