import { seeded } from "net-mock-socket";
import { afterEach, expect, test } from "vitest";
import { serve } from "../../backends/src/serve.ts";
import { steady } from "../../backends/src/steady.ts";
import { esp32 } from "../src/boards/esp32.ts";
import { computerWire, SERVICES_ADDRESS } from "../src/io/computer-wire.ts";
import { reservePort } from "../src/reserved-port.ts";
import { configurationOf, FirmwareBoard } from "./firmware-board.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

test("on this computer's network a backend by name is resolved, and reached", async () => {
  const behaviour = steady();
  const server = await serve({ name: "a", port: 0, host: "127.0.0.1", behaviour });
  stops.push(() => server.stop());
  const { port, release } = await reservePort();
  stops.push(release);
  const lines: string[] = [];
  const asked: string[] = [];
  const board = new FirmwareBoard({
    kind: { ...esp32({ sockets: "own" }), joinMs: 0 },
    random: seeded(1),
    wire: computerWire(async name => {
      asked.push(name);
      return name === "nas.home" ? ["127.0.0.1"] : [];
    }),
    dnsServers: [SERVICES_ADDRESS],
    publish: boardPort => (boardPort === 80 ? { host: "127.0.0.1", port } : undefined),
    onLine: line => lines.push(line),
  });
  stops.push(() => board.unplug());
  board.bootFirmware(
    configurationOf({ backends: [{ name: "a", address: "nas.home", port: server.port }] }),
  );
  await expect
    .poll(async () => {
      const response = await fetch(`http://127.0.0.1:${port}`).catch(() => undefined);
      return response?.text();
    })
    .toBe("a: GET /\n");
  expect(asked.filter(name => name === "nas.home").length).toBe(1);
  expect(lines.filter(line => line.startsWith("E "))).toEqual([]);
});
