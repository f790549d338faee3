import type { MockSocket } from "net-mock-socket";
import { describe, expect, test } from "vitest";
import { mendedBoard } from "../../../emulator/proxy/firmware-board.ts";
import { EmulatedLab, ENGINE } from "../../../hil/kit/emulated-lab.ts";
import { heapBytes } from "../../../hil/kit/heap.ts";

describe("memory", () => {
  const size = (ENGINE === "xs" ? 4 : 16) * 2 ** 20;
  test(`twelve sessions streaming ${size / 2 ** 20} MiB both ways hold what TCP's buffers hold and a constant, and no more`, async () => {
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`;
    // The answer is sent before the end of the request, so the board adds that it closes.
    const whole = size + answer.length + "Connection: close\r\n".length;
    // A session's own: heads and pieces that were read too far, as `HttpSession` states them.
    const ownBytes = 2 * 9216 + 9216 + 512 + 2 * 1024;
    // Larger buffers than the chip's let a minute's traffic pass in seconds; the firmware's are its own.
    const room = 65_535;
    const kind = {
      ...mendedBoard(),
      heapBytes: Number.POSITIVE_INFINITY,
      receiveWindowBytes: room,
      sendBufferBytes: room,
      segmentBytes: room,
    };
    const lab = new EmulatedLab(kind);
    const wide = { mss: room };
    lab.network.host("a", wide);
    /** By session: bytes of body that the backend received, those that the client received, its connection. */
    const up = Array<number>(12).fill(0);
    const down = Array<number>(12).fill(0);
    const backendSides: MockSocket[] = [];
    lab.backend("a", socket => {
      let head = "";
      let index = 0;
      socket.on("data", (bytes: Buffer) => {
        let body = bytes;
        if (!head.includes("\r\n\r\n")) {
          const before = head.length;
          head += bytes.toString("latin1");
          const end = head.indexOf("\r\n\r\n") + 4;
          if (end < 4) return;
          index = Number(/^PUT \/(\d+)/.exec(head)![1]);
          backendSides[index] = socket;
          body = bytes.subarray(end - before);
          socket.write(answer);
        }
        up[index] += body.byteLength;
        if (body.byteLength > 0 && !socket.write(body)) socket.pause();
      });
      socket.on("drain", () => socket.resume());
    });
    await lab.serve();
    expect(lab.app!.proxy.budget.sessionsMax).toBeGreaterThanOrEqual(12);

    const block = Buffer.alloc(64 * 1024, "0123456789abcdef");
    const clients = up.map((_, index) => {
      const client = lab.connect({ host: lab.network.host(`client${index}`, wide) });
      let left = size;
      const feed = () => {
        while (left > 0) {
          left -= block.byteLength;
          if (!client.write(block)) return;
        }
      };
      let pieces = 0;
      client.on("data", (bytes: Buffer) => {
        down[index] += bytes.byteLength;
        pieces++;
        if (index % 3 !== 0 || pieces % (ENGINE === "xs" ? 19 : 75) !== 0) return;
        client.pause(); // every third one reads by fits and starts
        lab.clock.after(1500, () => client.resume());
      });
      client.on("drain", feed);
      client.write(`PUT /${index} HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\n`);
      feed();
      return client;
    });
    /** Bytes that the board took of a session's two streams and did not yet hand on. */
    const inBoard = (index: number) => {
      const rows = lab.network.netstat();
      const taken = (socket: MockSocket) => {
        const local = `${socket.localAddress}:${socket.localPort}`;
        const remote = `${socket.remoteAddress}:${socket.remotePort}`;
        const row = rows.find(row => row.local === local && row.remote === remote)!;
        return socket.bytesWritten - row.unacked;
      };
      const client = clients[index];
      const backend = backendSides[index];
      return [taken(client) - backend.bytesRead, taken(backend) - client.bytesRead];
    };
    const share = () => down.reduce((sum, count) => sum + count, 0) / (12 * whole);

    let most = 0;
    let early: number | undefined;
    let late: number | undefined;
    while (down.some((count, index) => count < whole && !clients[index].closed)) {
      await lab.clock.run({ ms: ENGINE === "xs" ? 63 : 250 });
      if (down.some(count => count === whole)) continue; // who is done has closed
      for (const index of clients.keys()) most = Math.max(most, ...inBoard(index));
      if (share() > 0.1) early ??= await heapBytes();
      if (share() > 0.5) late ??= await heapBytes();
    }
    expect(down).toEqual(down.map(() => whole));
    expect(up).toEqual(up.map(() => size));
    expect(most).toBeGreaterThan(room); // a stalled reader did fill the buffers
    expect(most).toBeLessThanOrEqual(2 * room + ownBytes);
    // 150 MiB went by between the two. What is under way differs by what all buffers hold at most, and a
    // mebibyte is for the lab's own objects.
    // On XS the firmware's heap is not this one: there the budget counts it.
    if (ENGINE === "node") expect(late! - early!).toBeLessThan(12 * 4 * 2 * room + 2 ** 20);
  });
});
