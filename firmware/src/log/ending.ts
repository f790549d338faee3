import type { SocketFailure } from "../platform.ts";

/** Why a session ended, and what its client sees. */
export type Ending =
  | "done" // the responses to its HTTP requests, then a close
  | "client-closed" // nothing: it closed the connection
  | "backend-closed" // everything the backend sent, then a close
  | "client-reset" // nothing: it reset the connection
  | "backend-reset" // everything the backend sent, then a reset
  | "client-lost" // nothing: it acknowledged no more
  | "backend-lost" // everything the backend sent, then a reset: the backend acknowledged no more
  | "keyword" // the backend's response to the keyword, then a close
  | "refused" // a close (HTTP: 502): every backend refused the connection
  | "connect-timeout" // the same: the last backend tried did not accept in time
  | "no-socket" // a close (HTTP: 503): the board had no free socket
  | "no-backend" // the same: every backend is down or in maintenance
  | "no-route" // a close: raw TCP, and no route for every host and path; TLS, and no route for the name
  | "bad-hello" // a close: TLS without a hello that can be read
  | "hello-timeout" // a close: no whole TLS hello within `headTimeoutMs`
  | "response-timeout" // a close: the backend did not answer the TLS hello
  | "idle" // a close: no byte arrived, or no further request; a reset: one side had ended, and the other fell silent
  | "tunnel-timeout" // a reset: no byte moved for `tunnelTimeoutMs`
  | "full" // 503 to an HTTP client, else a close: the queue was full
  | "client-full" // the same: its address had the most slots an address may have
  | "no-memory" // the same; a session in progress: a reset, it used the most
  | "slow" // a reset: clients were queued, and it was the slowest session
  | "suspended" // 503 or a close: a rollback removed the routes
  | "asleep" // the same as for no-backend: its machine sleeps, and this client may not wake it
  | "held-full" // the same: `heldMax` clients are held already
  | "wake-failed" // the same: its machine was woken, and not ready in time
  | "queue-timeout" // 503 or a close: it waited too long for a slot or a backend
  | "stopped" // a close: the proxy was stopped
  | "error"; // a close: a bug; the log has the stack

/** The end of a session whose client or backend sends no more; `failure`: why its stream was cut off. */
export function endingBy(isClient: boolean, failure: SocketFailure | undefined): Ending {
  if (failure === undefined) return isClient ? "client-closed" : "backend-closed";
  if (failure === "memory") return "no-memory";
  if (failure === "reset") return isClient ? "client-reset" : "backend-reset";
  return isClient ? "client-lost" : "backend-lost";
}
