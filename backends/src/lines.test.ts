import { expect, test } from "vitest";
import { steady } from "./steady.ts";
import { hear, play } from "./testing.ts";

/** The echo of `pieces`, each sent when the previous one has arrived. */
async function echo(pieces: readonly Buffer[]): Promise<string> {
  const { clock, connect } = await play(steady());
  const client = connect();
  const heard = hear(client);
  for (const piece of pieces) {
    client.write(piece);
    await clock.run();
  }
  client.end();
  await clock.run();
  return heard.text;
}

test("lines are echoed whole, however they are cut, also empty and last ones", async () => {
  const text = "one\r\n\ntwo three\nlast";
  const echoed = "a: one\r\na: \na: two three\na: last\n";
  const bytes = Buffer.from(text);
  expect(await echo([...bytes].map(byte => Buffer.of(byte)))).toBe(echoed);
  for (let cut = 0; cut <= bytes.byteLength; cut++) {
    expect(await echo([bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(echoed);
  }
});

test("every byte is echoed as it was sent, text or not", async () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter(byte => byte !== 10));
  expect(await echo([bytes])).toBe(`a: ${bytes.toString("latin1")}\n`);
});

test("a line without an end is echoed in pieces, so that it needs no more memory", async () => {
  const { clock, connect } = await play(steady());
  const client = connect();
  const heard = hear(client);
  const text = "0123456789".repeat(20_000);
  client.write(text);
  await clock.run();
  expect(heard.text.length).toBeGreaterThan(text.length - 2 ** 17);
  client.end();
  await clock.run();
  expect(heard.text.replaceAll(/a: |\n/g, "")).toBe(text);
});

test("a client that sends and does not read is paused until it reads", async () => {
  const { clock, network, connect } = await play(steady());
  const client = connect();
  const line = `${"x".repeat(1023)}\n`;
  const count = 2 * 1024;
  client.pause();
  client.write(line.repeat(count));
  await clock.run();
  const unacked = network.netstat().find(({ host }) => host === "client")!.unacked;
  expect(count * line.length - unacked).toBeLessThan(2 ** 19); // of 2 MiB

  const heard = hear(client);
  client.resume().end();
  await clock.run();
  expect(heard.text).toBe(`a: ${line}`.repeat(count));
});
