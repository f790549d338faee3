import { expect, test } from "vitest";
import { type HostProfile, type MockSocket, Network } from "./network.ts";
import { pattern, StillClock, watch } from "./testing.ts";

function world(profile: { client?: Partial<HostProfile>; server?: Partial<HostProfile> } = {}) {
  const clock = new StillClock();
  const network = new Network({ clock, latencyMs: 5 });
  const client = network.host("client", profile.client);
  const server = network.host("server", profile.server);
  return { clock, network, client, server };
}

async function connected(
  { clock, client, server }: ReturnType<typeof world>,
  onConnection?: (socket: MockSocket) => void,
) {
  let accepted: MockSocket | undefined;
  const listener = server.createServer(socket => {
    accepted = socket;
    onConnection?.(socket);
  });
  listener.listen(80);
  const socket = client.connect({ host: "server", port: 80 });
  await clock.run();
  return { socket, accepted: accepted!, listener };
}

test("every byte arrives in order both ways, a reader that stalls included", async () => {
  const w = world();
  const { socket, accepted } = await connected(w);
  const up = pattern(1 << 20);
  const down = pattern(1 << 20).reverse();
  const got: Record<string, Buffer[]> = { up: [], down: [] };
  accepted.on("data", (bytes: Buffer) => {
    got.up.push(bytes);
    if (got.up.length % 50 === 0) {
      accepted.pause();
      w.clock.after(100, () => accepted.resume());
    }
  });
  socket.on("data", (bytes: Buffer) => got.down.push(bytes));
  for (let at = 0; at < up.byteLength; at += 5000) socket.write(up.subarray(at, at + 5000));
  accepted.end(down);
  socket.end();
  await w.clock.run();
  expect(Buffer.concat(got.up).equals(up)).toBe(true);
  expect(Buffer.concat(got.down).equals(down)).toBe(true);
});

test("a reader that stalls takes exactly its window, and the sender's buffer holds the rest", async () => {
  const w = world({ client: { sendBuffer: 3000 }, server: { receiveWindow: 8192 } });
  const { socket, accepted } = await connected(w, s => s.pause());
  let taken = 0;
  for (let i = 0; i < 200; i++) socket.write(Buffer.alloc(100), () => (taken += 100));
  await w.clock.run();
  expect(accepted.readableLength).toBe(8192);
  // Whole writes only: 11,192 bytes would fit.
  expect(taken).toBe(11_100);

  accepted.resume();
  await w.clock.run();
  expect(taken).toBe(20_000);
  expect(accepted.bytesRead).toBe(20_000);
});

test("on a host that frees its window by recved, no byte arrives without it", async () => {
  const w = world({ server: { receiveWindow: 5000, windowRelease: "recved", mss: 1000 } });
  const { socket, accepted } = await connected(w);
  let seen = 0;
  accepted.on("data", (bytes: Buffer) => (seen += bytes.byteLength));
  socket.write(Buffer.alloc(20_000));
  await w.clock.run();
  expect(seen).toBe(5000);
  accepted.recved(999); // less than a segment: not worth an acknowledgement
  await w.clock.run();
  expect(seen).toBe(5000);
  accepted.recved(1);
  await w.clock.run();
  expect(seen).toBe(6000);
});

test("the event sent has the bytes that the peer acknowledged, a round trip later", async () => {
  const w = world({ server: { mss: 1000 } });
  const { socket, accepted } = await connected(w);
  accepted.resume();
  const start = w.clock.now();
  const sent: [number, number][] = [];
  socket.on("sent", (bytes: number) => sent.push([w.clock.now() - start, bytes]));
  socket.write(Buffer.alloc(2500));
  await w.clock.run();
  expect(sent).toEqual([
    [10, 1000],
    [10, 1000],
    [10, 500],
  ]);
});

test("a connection takes a round trip, a refusal too", async () => {
  const w = world();
  const { socket, listener } = await connected(w);
  expect(socket.readyState).toBe("open");
  expect(`${socket.remoteAddress}:${socket.remotePort}`).toBe(`${w.server.address}:80`);
  listener.close();
  const start = w.clock.now();
  let refusedMs = 0;
  w.client.connect({ host: w.server.address, port: 80 }).on("error", error => {
    expect(error).toMatchObject({ code: "ECONNREFUSED", syscall: "connect", port: 80 });
    refusedMs = w.clock.now() - start;
  });
  await w.clock.run();
  expect(refusedMs).toBe(10);
});

test("a thousand conversations leave no socket and no alarm, and have the same events twice", async () => {
  const play = async () => {
    const w = world();
    const trace: string[] = [];
    const listener = w.server.createServer(socket => socket.pipe(socket));
    listener.listen(80);
    for (let i = 0; i < 1000; i++) {
      w.clock.after(i % 70, () => {
        const socket = w.client.connect({ host: "server", port: 80 });
        socket.end(`hello ${i}`);
        socket.on("data", bytes => trace.push(`${w.clock.now()} ${bytes}`));
        socket.on("close", () => trace.push(`${w.clock.now()} close ${i}`));
      });
    }
    await w.clock.run();
    listener.close();
    await w.clock.run();
    expect(w.network.netstat()).toEqual([]);
    expect(w.clock.pending).toBe(0);
    return trace;
  };
  const first = await play();
  expect(first).toHaveLength(2000);
  expect(await play()).toEqual(first);
});

test("a host that connects to a closed port of its own is refused, also at its next ephemeral port", async () => {
  const { clock, client } = world();
  const server = client.createServer();
  server.listen(0);
  const next = server.address()!.port + 1;
  server.close();
  const socket = client.connect({ host: "127.0.0.1", port: next });
  const { events } = watch(socket);
  await clock.run(0);
  expect(events).toEqual(["connect ECONNREFUSED", "close"]);
});
