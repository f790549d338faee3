/**
 * How the TCP control blocks of a machine are shared out, so that a running session never lacks one. Each
 * connection takes one, and so does each listening socket (`platform.connectionsMax`):
 * `2 × sessions + queue + refusals + admin + probe + closing + listeners ≤ connectionsMax`.
 */
export interface Budget {
  /** Sessions at once; each holds a connection to its client and one to its backend. */
  readonly sessionsMax: number;
  /** Clients that wait for a slot, one connection each. */
  readonly queueMax: number;
}

/**
 * Clients that are being refused, one connection each. As many as the memory plan carries without one session
 * less whose peers do not read; when there are more, the longest answered one is closed for the newcomer.
 */
export const REFUSALS_MAX = 4;

/** Clients of the admin port at once, for whom a place is kept however full the board is. */
export const ADMIN_CONNECTIONS_MAX = 2;

/** Health probes at once. */
export const PROBES_MAX = 1;

/**
 * Connections that have ended and still close. There may be more of them: a full board gives up the one
 * that is nearest to its end.
 */
export const CLOSING_CONNECTIONS = 1;

/** Listeners of a configuration; with the admin port's as many as lwIP gives (`LWIP_MAX_LISTENING_TCP`). */
export const LISTENERS_MAX = 3;

/**
 * All listening sockets. A configuration with fewer listeners has no more sessions for it: a port that was
 * once listened on stays open, so that the next configuration may need the others.
 */
export const LISTENING_SOCKETS_MAX = LISTENERS_MAX + 1;

const KEPT =
  LISTENING_SOCKETS_MAX + REFUSALS_MAX + ADMIN_CONNECTIONS_MAX + PROBES_MAX + CLOSING_CONNECTIONS;

/** The most sessions that fit beside the rest; at least one, however small the machine. */
export function budget(
  connectionsMax: number,
  wanted: { readonly queueMax: number; readonly sessionsMax: number | undefined },
): Budget {
  const { queueMax } = wanted;
  const fitting = Math.max(1, Math.floor((connectionsMax - KEPT - queueMax) / 2));
  return { sessionsMax: Math.min(wanted.sessionsMax ?? fitting, fitting), queueMax };
}

/** Of so many places, those that one client address may have: two thirds, so never the last of several. */
export function shareOf(places: number): number {
  return Math.max(1, Math.floor((2 * places) / 3));
}
