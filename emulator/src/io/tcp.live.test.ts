import net from "node:net";
import { seeded } from "net-mock-socket";
import { expect, test } from "vitest";
import { Board } from "../board.ts";
import { esp32 } from "../boards/esp32.ts";
import { RealClock } from "../clock.ts";
import type { BoardPlatform } from "../platform.ts";

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
