import net from "node:net";
import { seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { unlimited } from "../boards/unlimited.ts";
import { RealClock } from "../clock.ts";
import type { BoardPlatform, TCP } from "../platform.ts";

test("a connection that Linux has made to itself, because no program listens there, is refused", async () => {
  const free = net.createServer();
  await new Promise<void>(resolve => free.listen(0, "127.0.0.1", resolve));
  const { port } = free.address() as net.AddressInfo;
  await new Promise(resolve => free.close(resolve));
  const board = new Board({
    kind: { ...esp32(), joinMs: 0 },
    clock: new RealClock(),
    random: seeded(1),
    // Stands for the kernel that happens to choose this port.
    wire: { ...net, connect: options => net.connect({ ...options, localPort: options.port }) },
  });
  try {
    const platform = await new Promise<BoardPlatform>(resolve =>
      board.boot(given => given.link.watch(() => resolve(given))),
    );
    const event = await new Promise<string>(resolve => {
      new platform.TCP({
        address: "127.0.0.1",
        port,
        onWritable: () => resolve("connected"),
        onError: () => resolve("refused"),
      });
    });
    expect([event, board.stack.connections]).toEqual(["refused", 0]);
  } finally {
    board.unplug();
  }
});

test("streams pass a pipe byte for byte, and hold their sender up where the receiver is slow", async () => {
  const STREAMS = 4;
  const BYTES = 8 * 1024 * 1024;
  const sent = Buffer.from({ length: BYTES }).map((_, i) => i ^ (i >> 8) ^ (i >> 16));
  const server = net.createServer(socket => {
    socket.on("error", () => {}); // the board is unplugged in the end
    socket.end(sent);
  });
  await new Promise<void>(resolve => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  let published = (_at: { port: number }) => {};
  const isPublished = new Promise<{ port: number }>(resolve => {
    published = resolve;
  });
  const board = new Board({
    kind: unlimited("own"),
    clock: new RealClock(),
    random: seeded(1),
    wire: { ...net, takesOnread: true },
    publish: () => ({ port: 0, host: "127.0.0.1" }),
    onListening: (_, at) => published(at),
  });
  try {
    board.boot(({ TCP, Listener, link }) =>
      link.watch(() => {
        const listener = new Listener({
          port: 80,
          onReadable() {
            const to = new TCP({ from: listener.read(), onEnd() {} });
            new TCP({
              address: "127.0.0.1",
              port,
              onWritable(this: TCP) {
                if (this.passed === undefined) this.pipe!(to, {});
              },
              onEnd: () => to.end!(),
            });
          },
        });
      }),
    );
    const at = await isPublished;
    const received = await Promise.all(
      Array.from({ length: STREAMS }, async () => {
        const client = net.connect({ host: "127.0.0.1", port: at.port, allowHalfOpen: true });
        const pieces: Buffer[] = [];
        for await (const piece of client) {
          pieces.push(piece);
          if (pieces.length % 8 === 0) await new Promise(resolve => setTimeout(resolve, 1));
        }
        client.destroy();
        return Buffer.concat(pieces);
      }),
    );
    for (const bytes of received) expect(bytes.equals(sent)).toBe(true);
    expect(board.fatal).toBeUndefined();
  } finally {
    board.unplug();
    server.close();
  }
});
