import net from "node:net";
import { seeded } from "net-mock-socket";
import { afterEach, expect, test } from "vitest";
import { configurationOf, FirmwareBoard } from "../../emulator/proxy/firmware-board.ts";
import { esp32 } from "../../emulator/src/boards/esp32.ts";
import { RigBoard } from "./board.ts";
import { discover } from "./discovery.ts";
import { doctorParts, openBoard } from "./doctor/parts.ts";
import { runDoctor } from "./doctor.ts";
import { EMULATED_PATH, EmulatedBinding } from "./emulated-port.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A board with our firmware on a serial line of 115200 baud. */
function plugged(): EmulatedBinding {
  const emulated = new FirmwareBoard({
    kind: esp32(),
    random: seeded(1),
    publish: () => ({ host: "127.0.0.1", port: 0 }),
    pacedConsole: true,
    onBooted: app => stops.push(() => app.stop()),
  });
  const configuration = configurationOf({
    listeners: [{ port: 80 }],
    backends: [{ address: "127.0.0.1", port: 9 }],
    adminPort: 0,
  });
  emulated.bootFirmware(configuration, { build: "1f09c2ab" });
  stops.push(() => emulated.unplug());
  return new EmulatedBinding(emulated.adapter);
}

test("all checks of a board with our firmware pass, and a port in use is named", async () => {
  const server = net.createServer();
  await new Promise<void>(resolve => server.listen(0, resolve));
  stops.push(() => server.close());
  const { port } = server.address() as net.AddressInfo;

  const binding = plugged();
  const asked: string[] = [];
  const parts = doctorParts({
    ports: () => discover(binding),
    wanted: EMULATED_PATH,
    open: path => openBoard(new RigBoard({ binding, path, onIncident() {} })),
    dialsBack: async board => {
      asked.push(board);
      return "reached";
    },
  });
  const lines: string[] = [];
  const code = await runDoctor({ ...parts, backendPorts: [port] }, line => lines.push(line));

  const text = lines.join("\n");
  expect(text).toMatch(/^ok +the board answers/m);
  expect(text).toMatch(/^ok +its way to be flashed +its lines bring it into download mode$/m);
  expect(text).toMatch(/^ok +its firmware +version \S+, build 1f09c2ab$/m);
  expect(text).toMatch(/^ok +its Wi-Fi +joined, its address is 127\.0\.0\.1$/m);
  expect(text).toContain(`port ${port} is not free: EADDRINUSE`);
  expect([code, asked]).toEqual([4, ["127.0.0.1"]]);
});
