import type { Config } from "./config.ts";

/**
 * How a machine's connections are shared out, so that a running session never lacks one:
 * `2 × sessions + queue + refusals + spare ≤ connections`.
 */
export interface Budget {
  /** Sessions at once; each holds a connection to its client and one to its backend. */
  readonly sessionsMax: number;
  /** Clients that wait for a slot, one connection each. */
  readonly queueMax: number;
}

/** Clients that are being told that the proxy is full, one connection each. */
export const REFUSALS_MAX = 2;

/** Clients of the admin port at once, for whom a place is kept however full the board is. */
export const ADMIN_CONNECTIONS_MAX = 2;

/** Connections kept free beside those for the admin port: one for a health probe. */
const SPARE_CONNECTIONS = 1;

/** The most sessions that fit beside the rest; at least one, however small the machine. */
export function budget(
  connectionsMax: number,
  config: Pick<Config, "queueMax" | "sessionsMax">,
): Budget {
  const { queueMax } = config;
  const kept = REFUSALS_MAX + ADMIN_CONNECTIONS_MAX + SPARE_CONNECTIONS;
  const fitting = Math.max(1, Math.floor((connectionsMax - kept - queueMax) / 2));
  return { sessionsMax: Math.min(config.sessionsMax ?? fitting, fitting), queueMax };
}
