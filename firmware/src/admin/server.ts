import { ADMIN_CONNECTIONS_MAX } from "../budget.ts";
import { Deadlines } from "../deadline.ts";
import { exceptionText } from "../exception.ts";
import type { ListenerSocket, Platform, TCPSocket } from "../platform.ts";
import { AdminConnection, type AdminContext } from "./connection.ts";
import type { Report } from "./event.ts";
import type { Operator } from "./operator.ts";

/** Bytes on their way at once. */
const SCRATCH_BYTES = 512;

/**
 * The admin port. It has places of its own in the board's budget of connections, so that it answers
 * when everybody else is sent away; who comes when they are taken, takes that of the oldest.
 */
export class AdminServer {
  #platform: Platform;
  #report: Report;
  #context: AdminContext;
  #listener: ListenerSocket | undefined;
  /** The oldest first. */
  #connections: AdminConnection[] = [];

  constructor(platform: Platform, operator: Operator, report: Report) {
    this.#platform = platform;
    this.#report = report;
    this.#context = {
      platform,
      deadlines: new Deadlines(platform.clock),
      operator,
      report,
      scratch: new Uint8Array(SCRATCH_BYTES),
      ended: connection => {
        this.#connections = this.#connections.filter(other => other !== connection);
      },
    };
  }

  listen(port: number): void {
    if (port === 0) return;
    const listener: ListenerSocket = new this.#platform.Listener({
      port,
      onReadable: connections => {
        // Exactly as often as announced: one read more would leak a socket.
        for (let i = 0; i < connections; i++) {
          try {
            this.#accept(listener.read());
          } catch (error) {
            // Leaving the listener's callback, it would reboot the chip.
            const text = exceptionText(error);
            this.#report({ level: "E", on: "admin", what: "exception", error: text });
          }
        }
      },
    });
    this.#listener = listener;
  }

  stop(): void {
    this.#listener?.close();
    for (const connection of [...this.#connections]) connection.end();
  }

  #accept(accepted: TCPSocket | undefined): void {
    if (accepted === undefined) return;
    if (this.#connections.length >= ADMIN_CONNECTIONS_MAX) this.#connections[0].end();
    try {
      this.#connections.push(new AdminConnection(this.#context, accepted));
    } catch (error) {
      accepted.close(); // it died while it waited to be accepted
      this.#report({ level: "W", on: "proxy", what: "dud", error: String(error) });
    }
  }
}
