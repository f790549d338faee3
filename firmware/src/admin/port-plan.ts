import type { Config } from "../config/settings.ts";
import { LISTENING_SOCKETS_MAX } from "../net/connection-budget.ts";
import type { Listeners } from "../net/listeners.ts";

/** The ports that a configuration needs. */
export function portsOf({ listeners, adminPort }: Config): number[] {
  const ports = listeners.map(({ port }) => port);
  return adminPort === 0 ? ports : [...ports, adminPort];
}

/**
 * Opens `ports`; the ones that are not among them may be closed for that, `adminPort` last. Returns an error if one
 * cannot be opened; then the open ports are those of before.
 */
export function openAll(
  listeners: Listeners,
  ports: readonly number[],
  adminPort?: number,
): string | undefined {
  if (!listeners.fits(ports)) return noSocketFor(listeners, ports);
  return listeners.open(ports, adminPort);
}

/** The message that no sockets are left for `ports`. */
export function noSocketFor({ ports: open }: Listeners, ports: readonly number[]): string {
  const closed = ports.filter(port => !open.includes(port));
  return `no socket is left for port ${closed.join(", ")} besides ${open.join(", ")}; the board has ${LISTENING_SOCKETS_MAX}, and an open one stays open until a restart`;
}
