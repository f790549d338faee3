import { mendedBoard } from "../../emulator/proxy/firmware-board.ts";
import { Flash } from "../../emulator/src/flash.ts";
import { type Answer, get, put, TOKEN } from "./admin-port.ts";
import { collect, EmulatedLab, type EmulatedLabOptions } from "./emulated-lab.ts";
import { named } from "./http-backend.ts";

export const GET_ONCE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/** A board with a flash of its own and a token, which the test can boot again. */
export async function adminLab(
  settings: object = {},
  kind = mendedBoard(),
  options: EmulatedLabOptions = {},
) {
  const lab = new EmulatedLab(kind, { flash: new Flash(), reboots: true, ...options });
  for (const name of "ab") lab.backend(name, named(name).serve);
  await lab.serve(settings);
  lab.app!.runtime.token.set(TOKEN);
  return lab;
}

export const json = ({ body }: Answer) => JSON.parse(body);
export const documentOf = async (lab: EmulatedLab, port = 8404) =>
  json(await get(lab, "/api/config", { port }));
export const statusOf = async (lab: EmulatedLab, port = 8404) =>
  json(await get(lab, "/api/status", { port }));
export const change = async (lab: EmulatedLab, settings: object, port?: number) =>
  put(lab, "/api/config", { ...(await documentOf(lab, port)), ...settings }, [], port);
export const listeners = (...ports: number[]) => ports.map(port => ({ port }));

/** The bytes that a client at `port` of the board receives. */
export async function ask(lab: EmulatedLab, port: number): Promise<string> {
  const socket = lab.network.host("client").connect({ host: "board", port });
  const received = collect(socket);
  socket.write(GET_ONCE);
  await lab.clock.run({ until: () => socket.closed, ms: 60_000 });
  return received.text.slice(0, 12) || (received.error ?? "closed");
}

/** Resets the board, and waits until it serves again. */
export async function restart(lab: EmulatedLab): Promise<void> {
  const before = lab.events("proxy", "ready").length;
  lab.board.reset();
  await lab.clock.run({ until: () => lab.events("proxy", "ready").length > before, ms: 60_000 });
}

export const balanceOf = (lab: EmulatedLab) => lab.app!.proxy.config.balance;
