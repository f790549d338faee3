import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { AdminClient } from "./admin-client.ts";

const BOOT = "I (3) boot: version=0.1.0";

test("each line is new once: also behind lines that the board has forgotten, and after a restart", async () => {
  const told = [
    [BOOT, "I (10) http: request id=1", "I (20) http: request id=2"],
    [BOOT, "I (20) http: request id=2", "W (30) backend: down name=a"],
    [BOOT, "W (30) backend: down name=a", "I (40) http: request id=9"],
    [BOOT],
  ];
  const server = http.createServer((_, response) => {
    response.end(JSON.stringify({ events: told.shift() }));
  });
  await new Promise<void>(go => server.listen(0, "127.0.0.1", go));
  const { port } = server.address() as AddressInfo;
  const client = new AdminClient({ host: "127.0.0.1", port, token: undefined });
  const received: (readonly string[])[] = [];
  for (let i = 0; i < 4; i++) received.push(await client.newEvents());
  server.close();
  expect(received).toEqual([
    [BOOT, "I (10) http: request id=1", "I (20) http: request id=2"],
    ["W (30) backend: down name=a"],
    ["I (40) http: request id=9"],
    [BOOT],
  ]);
});
