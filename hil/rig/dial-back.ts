import net from "node:net";
import { Client } from "../../backends/src/client.ts";
import { Server } from "../../backends/src/serve.ts";
import { ADMIN_PORT } from "../../emulator/proxy/workbench/admin-client.ts";
import { RealClock } from "../../emulator/src/clock.ts";
import { parseLine } from "../../firmware/tools/log-line.ts";
import type { Device } from "./device.ts";
import type { DialledBack } from "./doctor/step.ts";
import { addressTowards } from "./own-address.ts";
import { PROXY_PORT } from "./rig-target.ts";

/** Connect timeout of the board; then it answers 503. */
const DIAL_MS = 3_000;

/** How long that answer is waited for. */
const ANSWER_MS = 2 * DIAL_MS;

/**
 * Has the board connect to a free port of this computer, as the backends of scenarios use them, then restarts
 * it. A fixed port would not do: a firewall may let in some ports only.
 */
export async function dialBack(device: Device): Promise<DialledBack> {
  await device.ready();
  const address = await addressTowards(device.addressOf(ADMIN_PORT));
  let reached = false;
  const server = new Server(net, socket => {
    reached = true;
    socket.destroy();
  });
  let refused = false;
  const { onEvent } = device;
  device.onEvent = line => {
    const event = parseLine(line);
    if (event?.on === "backend" && event.values.why === "refused") refused = true;
  };
  try {
    await server.listen(0, address);
    const document = {
      health: { check: "none" },
      connectTimeoutMs: DIAL_MS,
      backends: [{ name: "computer", address, port: server.port }],
    };
    const { listeners } = await device.configure(document);
    const proxy = device.addressOf(listeners?.[0]?.port ?? PROXY_PORT);
    const client = new Client({
      name: "client",
      net,
      clock: new RealClock(),
      server: () => proxy,
      patienceMs: ANSWER_MS,
    });
    await client.get("/").catch(() => {}); // the board's log has the outcome
    client.leave();
    if (reached) return "reached";
    return refused ? "refused" : "timeout";
  } finally {
    device.onEvent = onEvent;
    await server.stop();
    await device.reset?.();
  }
}
