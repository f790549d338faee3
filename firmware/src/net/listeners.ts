import type { Report } from "../log/event.ts";
import type { ListenerSocket, Platform, TCPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { LISTENING_SOCKETS_MAX } from "./connection-budget.ts";

/** Called with each connection that was accepted on `port`. */
export type Accept = (port: number, connection: TCPSocket) => void;

/**
 * The only owner of listening sockets, those of the configuration's listeners and that of the admin port. The chip
 * cannot close a listening socket safely, so each one stays open until the restart and takes one of the board's
 * places: which ports can be opened depends on those that are open already.
 */
export class Listeners {
  #platform: Platform;
  #report: Report;
  #accept: Accept;
  #sockets = new Map<number, ListenerSocket>();
  #started = false;

  constructor(platform: Platform, report: Report, accept: Accept) {
    this.#platform = platform;
    this.#report = report;
    this.#accept = accept;
  }

  /** The open ports, including those that the configuration no longer uses. */
  get ports(): number[] {
    return [...this.#sockets.keys()];
  }

  /** True if sockets are left for all of these ports besides the open ones. */
  fits(ports: readonly number[]): boolean {
    return new Set([...this.#sockets.keys(), ...ports]).size <= LISTENING_SOCKETS_MAX;
  }

  /**
   * Called when the network is up for the first time: opens `ports`. A port that cannot be opened is logged, and
   * the others are served.
   */
  start(ports: readonly number[]): void {
    this.#started = true;
    for (const port of ports) {
      const error = this.open([port]);
      if (error !== undefined) {
        this.#report({ level: "E", on: "listener", what: "open-failed", port, error });
      }
    }
  }

  /**
   * Opens those of `ports` that are not open yet; none before `start`. Returns an error for the first one that
   * cannot be opened, else `undefined`.
   */
  open(ports: readonly number[]): string | undefined {
    if (!this.#started) return undefined;
    for (const port of ports) {
      if (this.#sockets.has(port)) continue;
      try {
        this.#sockets.set(port, this.#listen(port));
      } catch (error) {
        return `port ${port} cannot be opened now: ${String(error)}`;
      }
    }
    return undefined;
  }

  /** Closes all sockets except those of `ports`, on machines that can close one. */
  closeAllBut(ports: readonly number[]): void {
    if (!this.#platform.closesListeners) return;
    for (const [port, socket] of this.#sockets) {
      if (ports.includes(port)) continue;
      socket.close();
      this.#sockets.delete(port);
    }
  }

  stop(): void {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #listen(port: number): ListenerSocket {
    const listener: ListenerSocket = new this.#platform.Listener({
      port,
      onReadable: connections => {
        // Read exactly as many as were announced: one more would leak a socket.
        for (let i = 0; i < connections; i++) {
          try {
            const connection = listener.read();
            if (connection !== undefined) this.#accept(port, connection);
          } catch (error) {
            // An exception that leaves the listener's callback reboots the chip.
            const text = exceptionText(error);
            this.#report({ level: "E", on: "listener", what: "exception", error: text, port });
          }
        }
      },
    });
    return listener;
  }
}
