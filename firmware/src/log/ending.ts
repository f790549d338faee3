/** Why a session ended, and what its client sees. */
export type Ending =
  | "done" // the responses to its HTTP requests, then a close
  | "client-closed" // nothing: it closed the connection
  | "backend-closed" // everything the backend sent, then a close
  | "keyword" // the backend's response to the keyword, then a close
  | "refused" // a close (HTTP: 502): every backend refused the connection
  | "connect-timeout" // the same: the last backend tried did not accept in time
  | "no-socket" // a close (HTTP: 503): the board had no free socket
  | "no-backend" // the same: every backend is down or in maintenance
  | "no-route" // a close: raw TCP, and no route for every host and path
  | "idle" // a close: no byte arrived, or no further request
  | "tunnel-timeout" // a close: no byte moved for `tunnelTimeoutMs`
  | "full" // 503 to an HTTP client, else a close: the queue was full
  | "client-full" // the same: its address had the most slots an address may have
  | "no-memory" // the same; a session in progress: a close, it used the most
  | "slow" // a close: clients were queued, and it was the slowest session
  | "suspended" // 503 or a close: a rollback removed the routes
  | "queue-timeout" // 503 or a close: it waited too long for a slot or a backend
  | "stopped" // a close: the proxy was stopped
  | "error"; // a close: a bug; the log has the stack
