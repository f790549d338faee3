import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { ADMIN_PORT } from "../../emulator/proxy/workbench/admin-client.ts";
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
  const server = net.createServer(socket => {
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
    const port = await listen(server, address);
    const document = {
      health: { check: "none" },
      connectTimeoutMs: DIAL_MS,
      backends: [{ name: "computer", address, port }],
    };
    const { listeners } = await device.configure(document);
    await ask(device.addressOf(listeners?.[0]?.port ?? PROXY_PORT));
    if (reached) return "reached";
    return refused ? "refused" : "timeout";
  } finally {
    device.onEvent = onEvent;
    server.close();
    await device.reset?.();
  }
}

async function listen(server: net.Server, host: string): Promise<number> {
  server.listen({ port: 0, host });
  await once(server, "listening");
  return (server.address() as net.AddressInfo).port;
}

/** Makes the board connect to its backend; its answer does not matter. */
function ask(proxy: { host: string; port: number }): Promise<void> {
  return new Promise(resolve => {
    const request = http.get({ ...proxy, agent: false, timeout: ANSWER_MS });
    request.on("timeout", () => request.destroy());
    request.on("response", response => response.resume());
    request.on("error", () => {}); // `close` follows; the board's log has the reason
    request.on("close", () => resolve());
  });
}
