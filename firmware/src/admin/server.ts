import { ADMIN_CONNECTIONS_MAX } from "../budget.ts";
import { Deadlines } from "../deadline.ts";
import type { Platform, TCPSocket } from "../platform.ts";
import { AdminConnection, type AdminContext } from "./connection.ts";
import type { Report } from "./event.ts";
import type { Operator } from "./operator.ts";

/** Bytes on their way at once. */
const SCRATCH_BYTES = 512;

/**
 * The admin port. It has places of its own in the board's budget of connections, so that it answers
 * when everybody else is sent away. Whoever comes when they are taken gets that of a client whose token was
 * wrong, or else that of the oldest.
 */
export class AdminServer {
  #report: Report;
  #context: AdminContext;
  /** The oldest first. */
  #connections: AdminConnection[] = [];

  constructor(platform: Platform, operator: Operator, report: Report) {
    this.#report = report;
    this.#context = {
      platform,
      deadlines: new Deadlines(platform.clock),
      operator,
      report,
      scratch: new Uint8Array(SCRATCH_BYTES),
      delayed: undefined,
      ended: connection => {
        this.#connections = this.#connections.filter(other => other !== connection);
      },
    };
  }

  /** Takes a connection to the admin port, which is `port`. */
  accept(port: number, accepted: TCPSocket): void {
    if (this.#connections.length >= ADMIN_CONNECTIONS_MAX) {
      (this.#context.delayed ?? this.#connections[0]).end();
    }
    try {
      this.#connections.push(new AdminConnection(this.#context, port, accepted));
    } catch (error) {
      accepted.close(); // it died while it waited to be accepted
      this.#report({ level: "W", on: "proxy", what: "dud", error: String(error) });
    }
  }

  stop(): void {
    for (const connection of [...this.#connections]) connection.end();
  }
}
