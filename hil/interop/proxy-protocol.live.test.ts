import { once } from "node:events";
import net from "node:net";
import { describe, expect, test } from "vitest";
import { startBoard } from "../kit/live-board.ts";
import { missing, PEERS, startProxyReader } from "./reference-proxies.ts";

const GET = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** The answer's body, and the client's own port. */
async function ask(port: number): Promise<{ body: string; from: number }> {
  const socket = net.connect(port, "127.0.0.1");
  await once(socket, "connect");
  const from = socket.localPort!;
  let text = "";
  socket.on("data", bytes => {
    text += bytes;
  });
  socket.write(GET);
  await once(socket, "close");
  return { body: text.slice(text.indexOf("\r\n\r\n") + 4), from };
}

describe.each(PEERS)("%s behind us", name => {
  test.skipIf(missing(name).length > 0).each(["v1", "v2"])(
    "reads from PROXY protocol %s who the client is, for each connection anew, and takes our checks",
    async proxyProtocol => {
      const reader = await startProxyReader(name);
      const board = await startBoard([], {
        backends: [{ address: "127.0.0.1", port: reader.port, proxyProtocol }],
        listeners: [{ port: 80, mode: "http" }],
        health: { check: "http", intervalMs: 100, start: "down" },
      });
      try {
        await board.until(({ on, what }) => on === "backend" && what === "up");
        for (let i = 0; i < 3; i++) {
          const { body, from } = await ask(board.port);
          expect(body).toBe(`127.0.0.1 ${from} 127.0.0.1 80`);
        }
        expect(board.faults).toEqual([]);
      } finally {
        board.stop();
        await reader.stop();
      }
    },
  );
});
