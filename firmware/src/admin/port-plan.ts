import type { Config } from "../config/settings.ts";
import { LISTENING_SOCKETS_MAX } from "../net/connection-budget.ts";
import type { Listeners } from "../net/listeners.ts";

/** The ports that a configuration needs. */
export function portsOf({ listeners, adminPort }: Config): number[] {
  const ports = listeners.map(({ port }) => port);
  return adminPort === 0 ? ports : [...ports, adminPort];
}

/** Opens `ports` besides the open ones. Returns an error if one cannot be opened; then none of them is. */
export function openAll(listeners: Listeners, ports: readonly number[]): string | undefined {
  if (!listeners.fits(ports)) return noSocketFor(listeners, ports);
  const openBefore = listeners.ports;
  const error = listeners.open(ports);
  if (error !== undefined) listeners.closeAllBut(openBefore);
  return error;
}

/** The message that no sockets are left for `ports`. */
export function noSocketFor({ ports: open }: Listeners, ports: readonly number[]): string {
  const closed = ports.filter(port => !open.includes(port));
  return `no socket is left for port ${closed.join(", ")} besides ${open.join(", ")}; the board has ${LISTENING_SOCKETS_MAX}, and an open one stays open until a restart`;
}
