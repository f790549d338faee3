/**
 * Why a session ended, and what its client sees.
 *
 * | ending           | the client sees                                              |
 * | ---------------- | ------------------------------------------------------------ |
 * | `done`           | the answers to its HTTP requests, then a close               |
 * | `client-closed`  | nothing: it has left                                         |
 * | `backend-closed` | all that the backend sent, then a close                      |
 * | `keyword`        | what the backend answers to it, then a close                 |
 * | `refused`        | a close (HTTP: 502): no backend took it                      |
 * | `connect-timeout`| the same: the last backend tried did not answer in time      |
 * | `no-socket`      | a close (HTTP: 503): the board had no socket                 |
 * | `no-backend`     | the same: every backend is down or taken out                 |
 * | `no-route`       | a close: raw TCP, and only routes for some hosts or paths    |
 * | `idle`           | a close: not one byte came, or no further request            |
 * | `tunnel-timeout` | a close: no byte moved for long                              |
 * | `full`           | 503 if it spoke HTTP, else a close: the queue was full       |
 * | `no-memory`      | the same; who was being served: a close, it held the most    |
 * | `client-full`    | the same: its address had as many places as one client may   |
 * | `slow`           | a close: others waited, and it moved the fewest bytes        |
 * | `suspended`      | the same: no configuration with routes is in force any more  |
 * | `queue-timeout`  | the same: it waited too long for a slot or a backend         |
 * | `stopped`        | a close: the proxy was told to stop                          |
 * | `error`          | a close: a bug, and the log says where                       |
 */
export type Ending =
  | "done"
  | "client-closed"
  | "backend-closed"
  | "keyword"
  | "refused"
  | "connect-timeout"
  | "no-socket"
  | "no-backend"
  | "full"
  | "queue-timeout"
  | "no-route"
  | "client-full"
  | "slow"
  | "no-memory"
  | "suspended"
  | "idle"
  | "tunnel-timeout"
  | "stopped"
  | "error";
