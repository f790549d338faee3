import { expect, test } from "vitest";
import { collect, echoes, Lab, mendedBoard, says } from "../src/lab.ts";

/** A lab in which eight echoing clients are in the middle of it when the Wi-Fi drops. */
async function dropped(seed: number, ms: number, kind = mendedBoard()) {
  const lab = new Lab(kind, { seed });
  lab.network.link("board", { latencyMs: 2, jitterMs: 10, bytesPerSecond: 500_000, loss: 0.02 });
  lab.backend("a", echoes);
  await lab.serve({ inspect: [] });
  const clients = Array.from({ length: 8 }, (_, i) => {
    const sent = `${i} `.repeat(20_000);
    const socket = lab.connect();
    const heard = collect(socket);
    socket.write(sent);
    return { sent, heard };
  });
  // A connection that is still being made is given up after its timeout.
  await lab.clock.run({ until: () => clients.every(({ heard }) => heard.text.length > 0) });
  lab.wifiDrop(ms);
  const whole = () => clients.every(({ sent, heard }) => heard.text.length === sent.length);
  await lab.clock.run({ until: whole, ms: 600_000 });
  return { lab, clients };
}

test("the Wi-Fi drops for 20 s under load: every byte arrives, late, if the heap holds what waits", async () => {
  const kind = { ...mendedBoard(), heapBytes: Number.POSITIVE_INFINITY };
  const { lab, clients } = await dropped(1, 20_000, kind);

  for (const { sent, heard } of clients) {
    expect(heard.error).toBeUndefined();
    expect(heard.text === sent).toBe(true);
  }
  expect(lab.clock.now()).toBeGreaterThan(20_000);
  expect(lab.events("net").map(({ values }) => values.ip)).toHaveLength(2);
  expect(lab.board.fatal).toBeUndefined();
});

test("what does not fit into the heap while the Wi-Fi is away breaks visibly, and the board serves on", async () => {
  const { lab, clients } = await dropped(1, 20_000);

  const whole = clients.filter(({ sent, heard }) => heard.text === sent);
  expect(whole.length).toBeGreaterThan(0);
  expect(whole.length).toBeLessThan(clients.length);
  for (const { sent, heard } of clients) expect(sent.startsWith(heard.text)).toBe(true);
  expect(lab.board.fatal).toBeUndefined();
  const later = lab.connect();
  const heard = collect(later);
  later.write("still there?");
  expect(await lab.clock.run({ until: () => heard.text === "still there?" })).toBe(true);
});

test("the same seed plays the same storm to the packet, another seed another one", async () => {
  const first = (await dropped(7, 5_000)).lab.network.trace;
  const again = (await dropped(7, 5_000)).lab.network.trace;
  const other = (await dropped(8, 5_000)).lab.network.trace;
  expect([again.hash, again.events]).toEqual([first.hash, first.events]);
  expect(other.hash).not.toBe(first.hash);
});

test("who knocks while the Wi-Fi is away is served when it is back", async () => {
  const lab = new Lab();
  lab.backend("a", says("a"));
  await lab.serve();
  lab.wifiDrop(2_000);
  expect(lab.board.radio.address).toBeUndefined();
  expect(await lab.ask("hello")).toBe("a: hello");
  expect(lab.clock.now()).toBeGreaterThan(2_000);
});
