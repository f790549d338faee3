/** Clients and requests that were refused since the start, by the reason. */
export type Refusals = ReturnType<typeof noRefusals> &
  Partial<ReturnType<typeof noMachineRefusals>>;

export function noRefusals() {
  return {
    /** The queue for a slot, or that for a backend with room, was full. */
    full: 0,
    /** The client's address had as many sessions, and places in the queue, as one client may. */
    clientFull: 0,
    /** The client or request waited too long for a slot, or for a backend with room. */
    queueTimeout: 0,
    /** The board was rolled back to a configuration without routes. */
    suspended: 0,
    /** Memory was low. */
    noMemory: 0,
    /** No backend was available. */
    noBackend: 0,
    /** The board had no socket for a connection to a backend. */
    noSocket: 0,
    /** No route matched. */
    noRoute: 0,
    /** A TLS client sent no hello that can be read, or not in time. */
    badHello: 0,
    helloTimeout: 0,
    /** Clients that were refused for lack of a slot or of memory, and closed without an answer. */
    unanswered: 0,
  };
}

/** Refusals of clients of a machine that sleeps: a board without machines has no counters for them. */
export function noMachineRefusals() {
  return {
    /** The client may not wake the machine. */
    asleep: 0,
    /** `heldMax` clients were held already. */
    heldFull: 0,
    /** The machine was woken, and not ready in time. */
    wakeFailed: 0,
  };
}

/** The counter of each reason in the log. */
export const REFUSAL_COUNTERS = Object.freeze({
  full: "full",
  "client-full": "clientFull",
  "queue-timeout": "queueTimeout",
  "no-memory": "noMemory",
  suspended: "suspended",
  "no-backend": "noBackend",
  "no-socket": "noSocket",
  "no-route": "noRoute",
  "bad-hello": "badHello",
  "hello-timeout": "helloTimeout",
  asleep: "asleep",
  "held-full": "heldFull",
  "wake-failed": "wakeFailed",
} as const satisfies Record<string, keyof Refusals>);
