import type { Report } from "../log/event.ts";
import type { ListenerSocket, Platform, TCPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { LISTENING_SOCKETS_MAX } from "./connection-budget.ts";

/** Takes a connection that was accepted on `port`. */
export type Accept = (port: number, connection: TCPSocket) => void;

/**
 * The one owner of all listening sockets: those of the configuration's listeners and that of the admin
 * port. The chip cannot close one safely, so a socket that was opened stays open until the restart, and
 * counts: which ports can be had depends on the ports that were open before.
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

  /** The ports that are open, each served or not. */
  get ports(): number[] {
    return [...this.#sockets.keys()];
  }

  /** Is there a socket for each of these ports, beside those that are open? */
  fits(ports: readonly number[]): boolean {
    return new Set([...this.#sockets.keys(), ...ports]).size <= LISTENING_SOCKETS_MAX;
  }

  /**
   * The network is there for the first time: opens `ports`. A port that cannot be opened is reported, and
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
   * Opens those of `ports` that are not open yet; before the start, none. Returns why one cannot be had;
   * `undefined`: all of them are open.
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

  /** Closes all sockets but those of `ports`, where a machine can close one. */
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
        // Exactly as often as announced: one read more would leak a socket.
        for (let i = 0; i < connections; i++) {
          try {
            const connection = listener.read();
            if (connection !== undefined) this.#accept(port, connection);
          } catch (error) {
            // Leaving the listener's callback, it would reboot the chip.
            const text = exceptionText(error);
            this.#report({ level: "E", on: "listener", what: "exception", error: text, port });
          }
        }
      },
    });
    return listener;
  }
}
