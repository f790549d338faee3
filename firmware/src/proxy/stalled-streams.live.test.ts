import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { BLOCK_BYTES } from "../../../emulator/src/io/account.ts";
import { startBoard } from "../../../hil/kit/live-board.ts";
import { onThisComputer } from "../../../hil/kit/patience.ts";

// Streams that are not read, over the kernel's sockets: what each end does must free what they hold.

const STREAMS = 8;
const CHUNK = Buffer.alloc(64 * 1024, "x");

/** When nothing more has been sent for this time, the stream has stalled. */
const QUIET_MS = 300;

let sent = 0;
const serving = new Set<net.Socket>();
/** Sends for ever, as fast as it is read. */
const firehose = net.createServer(socket => {
  serving.add(socket);
  socket.on("close", () => serving.delete(socket));
  socket.on("error", () => {}); // `close` follows
  const send = () => {
    do sent += CHUNK.byteLength;
    while (socket.write(CHUNK));
  };
  socket.on("drain", send);
  socket.once("data", request => {
    if (String(request).startsWith("GET")) {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
    }
    send();
  });
});

let board: Awaited<ReturnType<typeof startBoard>>;
beforeAll(async () => {
  firehose.listen(0, "127.0.0.1");
  await once(firehose, "listening");
  board = await startBoard([(firehose.address() as AddressInfo).port]);
});
afterAll(() => {
  board.stop();
  firehose.close();
});
beforeEach(() =>
  expect.poll(() => board.board.stack.connections - board.board.stack.remembered).toBe(0),
);

/** Sockets of this process that are open, seen or not. */
const descriptors = () =>
  process.getActiveResourcesInfo().filter(name => name === "TCPSocketWrap").length;

/** Clients that ask for a stream and read nothing of it, once all of them have stalled. */
async function stalled(request: string): Promise<net.Socket[]> {
  const clients = Array.from({ length: STREAMS }, () => {
    const client = net.connect(board.port, "127.0.0.1");
    client.on("error", () => {});
    client.pause();
    client.write(request);
    return client;
  });
  await expect.poll(() => serving.size, { timeout: onThisComputer(5_000) }).toBe(STREAMS);
  for (let before = -1; before !== sent; ) {
    before = sent;
    await new Promise(resolve => setTimeout(resolve, QUIET_MS));
  }
  return clients;
}

/** Does something to every socket. */
const each = (deed: (socket: net.Socket) => void) => (sockets: readonly net.Socket[]) => {
  for (const socket of sockets) deed(socket);
};

describe.each([
  ["HTTP", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["raw TCP", "hello\n"],
])("%s", (_, request) => {
  test.each<[string, (clients: net.Socket[]) => void]>([
    ["clients reset", each(client => client.resetAndDestroy())],
    ["clients leave", each(client => client.destroy())],
    [
      "backends reset, and clients leave",
      clients => {
        each(socket => socket.resetAndDestroy())([...serving]);
        each(client => client.resetAndDestroy())(clients);
      },
    ],
  ])(
    `${STREAMS} stalled streams whose %s leave no descriptor, no memory and no sender`,
    async (_, end) => {
      const { stack, heap } = board.board;
      const [openBefore, heldBefore] = [descriptors(), stack.heldBytes];
      const clients = await stalled(request);
      expect(descriptors()).toBeGreaterThan(openBefore);
      end(clients);
      await expect.poll(() => serving.size, { timeout: onThisComputer(5_000) }).toBe(0);
      await expect.poll(descriptors, { timeout: onThisComputer(5_000) }).toBe(openBefore);
      const sentBefore = sent;
      await expect.poll(() => stack.connections - stack.remembered).toBe(0);
      expect(stack.heldBytes - heldBefore).toBeLessThanOrEqual(stack.remembered * BLOCK_BYTES);
      expect(heap.freeBytes).toBeGreaterThan(0);
      expect(sent).toBe(sentBefore);
      expect(board.faults).toEqual([]);
    },
  );
});
