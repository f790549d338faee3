import type { Report } from "../log/event.ts";
import type { Cancel, ListenerSocket, Platform, TCPSocket } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";
import { LISTENING_SOCKETS_MAX } from "./connection-budget.ts";

/** Called with each connection that was accepted on `port`. */
export type Accept = (port: number, connection: TCPSocket) => void;

/** Pause before ports that could not be opened are tried again: what memory is short for may have ended. */
const RETRY_MS = 1_000;

/**
 * The only owner of listening sockets, those of the configuration's listeners and that of the admin port. The SDK's
 * cannot be closed safely: there each one stays open until the restart and takes one of the board's places, so that
 * the open ports decide which others can be opened.
 */
export class Listeners {
  #platform: Platform;
  #report: Report;
  #accept: Accept;
  #sockets = new Map<number, ListenerSocket>();
  #started = false;
  /** Ports that should be open and could not be opened, and the timer of the next try; absent while there are none. */
  declare private missing:
    | { readonly ports: readonly number[]; readonly cancel: Cancel }
    | undefined;

  constructor(platform: Platform, report: Report, accept: Accept) {
    this.#platform = platform;
    this.#report = report;
    this.#accept = accept;
  }

  /** The open ports, including those that the configuration no longer uses. */
  get ports(): number[] {
    return [...this.#sockets.keys()];
  }

  /** True if there are sockets for all of these ports, besides those that cannot be closed. */
  fits(ports: readonly number[]): boolean {
    const kept = this.#platform.closesListeners ? [] : this.ports;
    return new Set([...kept, ...ports]).size <= LISTENING_SOCKETS_MAX;
  }

  /**
   * Called when the network is up for the first time: opens `ports`. A port that cannot be opened is logged and tried again,
   * and the others are served.
   */
  start(ports: readonly number[]): void {
    this.#started = true;
    this.openEach(ports);
  }

  /**
   * Opens those of `ports` that are not open yet; none before `start`. Where they need the sockets of other ports, those
   * are closed, `spared` last. Returns an error if one cannot be opened: then the ports of before are open, and with
   * the SDK's sockets those that had been opened.
   */
  open(ports: readonly number[], spared?: number): string | undefined {
    if (!this.#started) return undefined;
    const missing = this.missing?.ports ?? [];
    const before = [...this.ports, ...missing];
    const others = this.ports.filter(port => !ports.includes(port));
    others.sort((one, other) => Number(one === spared) - Number(other === spared));
    const surplus = others.length + ports.length - LISTENING_SOCKETS_MAX;
    if (surplus > 0) {
      // Then those that are closed could not be opened again either.
      if (this.#platform.link.address === undefined) return "no port can be opened now: no network";
      this.closeAllBut([...ports, ...others.slice(surplus)]);
    }
    const error = this.#open(ports);
    if (error === undefined) {
      this.retry([]);
      return undefined;
    }
    this.closeAllBut(before);
    this.openEach(before);
    return error;
  }

  /** A port that cannot be opened is logged, and tried again until it can. */
  private openEach(ports: readonly number[]): void {
    const missing = new Set(this.missing?.ports);
    const failed: number[] = [];
    for (const port of ports) {
      const error = this.#open([port]);
      if (error === undefined) {
        if (missing.has(port)) this.#report({ level: "I", on: "listener", what: "opened", port });
      } else {
        failed.push(port);
        if (missing.has(port)) continue; // it is logged already
        this.#report({ level: "E", on: "listener", what: "open-failed", port, error });
      }
    }
    this.retry(failed);
  }

  /** Tries these ports later, and no others. */
  private retry(ports: readonly number[]): void {
    this.missing?.cancel();
    this.missing = undefined;
    if (ports.length === 0) return;
    const again = () => this.openEach(ports);
    this.missing = { ports, cancel: this.#platform.clock.after(RETRY_MS, again) };
  }

  #open(ports: readonly number[]): string | undefined {
    for (const port of ports) {
      if (this.#sockets.has(port)) continue;
      try {
        this.#sockets.set(port, this.listen(port));
      } catch (error) {
        return `port ${port} cannot be opened now: ${String(error)}`;
      }
    }
    return undefined;
  }

  /** Closes all sockets except those of `ports`; no effect with the SDK's sockets. */
  closeAllBut(ports: readonly number[]): void {
    if (this.missing !== undefined) {
      this.retry(this.missing.ports.filter(port => ports.includes(port)));
    }
    if (!this.#platform.closesListeners) return;
    for (const [port, socket] of this.#sockets) {
      if (ports.includes(port)) continue;
      socket.close();
      this.#sockets.delete(port);
    }
  }

  stop(): void {
    this.retry([]);
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  private listen(port: number): ListenerSocket {
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
