/**
 * How the TCP control blocks of a machine are divided, so that a session in progress never lacks one. Each
 * connection and each listening socket takes one (`platform.connectionsMax`):
 * `2 × sessions + queue + refusals + admin + probe + closing + listeners ≤ connectionsMax`.
 */
export interface Budget {
  /** Most concurrent sessions; each has a connection to its client and one to its backend. */
  readonly sessionsMax: number;
  /** Most queued clients, with one connection each. */
  readonly queueMax: number;
}

/**
 * Clients that are being sent a 503, with one connection each: as many as the memory plan allows without losing a
 * session whose peers do not read. When all places are taken, the client that was answered first is closed for a new
 * one.
 */
export const REFUSALS_MAX = 4;

/** Concurrent clients of the admin port; their places are reserved. */
export const ADMIN_CONNECTIONS_MAX = 2;

/** Concurrent health checks. */
export const PROBES_MAX = 1;

/**
 * Connections that are closing. There may be more: lwIP reuses the control block that is nearest to its end when
 * none is free.
 */
export const CLOSING_CONNECTIONS = 1;

/** Most listeners of a configuration; with the admin port's, lwIP's limit (`LWIP_MAX_LISTENING_TCP`). */
export const LISTENERS_MAX = 3;

/**
 * All listening sockets. A configuration with fewer listeners does not get more sessions: the next one may need the
 * rest, and during its trial the previous admin port stays open if there is a socket for it.
 */
export const LISTENING_SOCKETS_MAX = LISTENERS_MAX + 1;

const KEPT =
  LISTENING_SOCKETS_MAX + REFUSALS_MAX + ADMIN_CONNECTIONS_MAX + PROBES_MAX + CLOSING_CONNECTIONS;

/** The most sessions that fit besides the other connections; at least one. */
export function budget(
  connectionsMax: number,
  wanted: { readonly queueMax: number; readonly sessionsMax: number | undefined },
): Budget {
  const { queueMax } = wanted;
  const fitting = Math.max(1, Math.floor((connectionsMax - KEPT - queueMax) / 2));
  return { sessionsMax: Math.min(wanted.sessionsMax ?? fitting, fitting), queueMax };
}

/** How many of `places` one client address may have: two thirds, so that others find room. */
export function shareOf(places: number): number {
  return Math.max(1, Math.floor((2 * places) / 3));
}
