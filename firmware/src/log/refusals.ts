/** Clients and requests that were refused since the start, by the reason. */
export interface Refusals {
  /** The queue for a slot, or that for a backend with room, was full. */
  full: number;
  /** Their address had as many sessions, and places in the queue, as one client may. */
  clientFull: number;
  /** They waited too long for a slot, or for a backend with room. */
  queueTimeout: number;
  /** Memory was low. */
  noMemory: number;
  /** No backend was available. */
  noBackend: number;
  /** The board had no socket for a connection to a backend. */
  noSocket: number;
  /** The board has fallen back to a configuration without routes. */
  suspended: number;
  /** No route led anywhere. */
  noRoute: number;
  /** Of the clients refused for want of a slot or memory: closed without an answer. */
  unanswered: number;
}

export function noRefusals(): Refusals {
  return {
    full: 0,
    clientFull: 0,
    queueTimeout: 0,
    suspended: 0,
    noMemory: 0,
    noBackend: 0,
    noSocket: 0,
    noRoute: 0,
    unanswered: 0,
  };
}
