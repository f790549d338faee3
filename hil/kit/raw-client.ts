import type { Clock } from "../../emulator/src/clock.ts";
import { resetSocket } from "../../emulator/src/io/reset-socket.ts";
import type { WireSocket } from "../../emulator/src/io/wire.ts";
import type { Journal } from "./journal.ts";
import type { Computer } from "./target.ts";

/** How a connection ended: cleanly, or with the code of an error. */
export interface Ended {
  readonly received: string;
  readonly error: string | undefined;
}

export interface ClientParts {
  readonly name: string;
  readonly computer: Computer;
  readonly clock: Clock;
  readonly journal: Journal;
  /** Where the board is found. */
  proxyAddress(): { readonly host: string; readonly port: number };
}

/**
 * A client of the board that sends and receives raw bytes. It connects by itself with the first bytes that it
 * sends, and again when that connection is over.
 */
export class RawClient {
  readonly name: string;
  /** All that came on the current connection; bytes are characters. */
  received = "";
  protected readonly parts: ClientParts;
  /** Its end of the connection that it had last, as the board should see it: `10.0.0.9:49152`. */
  endpoint: string | undefined;
  #socket: WireSocket | undefined;
  /** Characters of `received` that a `receive` has returned. */
  #taken = 0;
  #receiving = false;
  #connected = false;
  #ended: Ended | undefined;
  /** Who waits for bytes or for the end. */
  #watchers = new Set<() => void>();

  constructor(parts: ClientParts) {
    this.name = parts.name;
    this.parts = parts;
  }

  /** Its IPv4 address, as the board sees it. */
  get address(): string {
    return this.parts.computer.address;
  }

  /** Resolves when the connection is established; rejects when it is refused. */
  connect(): Promise<void> {
    this.open();
    return unawaited(this.#until("to be connected", () => this.#connected));
  }

  send(bytes: string | Buffer): void {
    this.open().write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /**
   * What came since the last `receive`, up to this text or so many bytes; rejects when the connection
   * ends before. One at a time: two would take each other's bytes.
   */
  receive(until: string | number): Promise<string> {
    return unawaited(this.#receive(until));
  }

  /** Ends its sending side; it still listens. */
  end(): void {
    this.note("ends");
    this.open().end();
  }

  /** Leaves with a reset. */
  reset(): void {
    this.note("resets");
    resetSocket(this.open());
  }

  /** Leaves, whatever is still to come. */
  leave(): void {
    this.#socket?.destroy();
  }

  /** Takes nothing more off the network, until `resume`. */
  pause(): void {
    this.open().pause();
  }

  resume(): void {
    this.open().resume();
  }

  /** Waits for the connection's end. */
  closed(): Promise<Ended> {
    return this.#wait("to be closed", () => this.#ended);
  }

  /** The current connection, or a new one. */
  protected open(): WireSocket {
    if (this.#socket !== undefined && this.#ended === undefined) return this.#socket;
    const { computer, proxyAddress } = this.parts;
    const socket = computer.net.connect({ ...proxyAddress(), allowHalfOpen: true, noDelay: true });
    let error: string | undefined;
    this.#socket = socket;
    this.#connected = false;
    this.#ended = undefined;
    this.received = "";
    this.#taken = 0;
    socket.on("connect", () => {
      this.#connected = true;
      this.endpoint = `${computer.address}:${socket.localPort}`;
      this.#tell();
    });
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.toString("latin1");
      this.#tell();
    });
    socket.on("end", () => {
      this.note("hears the end");
      socket.end();
    });
    socket.on("error", (failure: NodeJS.ErrnoException) => {
      error = failure.code;
    });
    socket.on("close", () => {
      this.note(`is closed${error === undefined ? "" : ` by ${error}`}`);
      this.#ended = { received: this.received, error };
      this.#tell();
    });
    return socket;
  }

  protected note(what: string): void {
    this.parts.journal.note(`${this.name} ${what}`);
  }

  async #receive(until: string | number): Promise<string> {
    const bytes = typeof until === "number";
    const end = () =>
      bytes ? this.#taken + until : this.received.indexOf(until, this.#taken) + until.length;
    const there = () =>
      bytes ? this.received.length >= end() : this.received.indexOf(until, this.#taken) >= 0;
    if (this.#receiving) throw new Error(`${this.name} is receiving already: await that first`);
    this.#receiving = true;
    try {
      await this.#until(`to hear ${bytes ? `${until} bytes` : JSON.stringify(until)}`, there);
    } finally {
      this.#receiving = false;
    }
    const from = this.#taken;
    this.#taken = end();
    return this.received.slice(from, this.#taken);
  }

  async #until(what: string, there: () => boolean): Promise<void> {
    const outcome = await this.#wait(what, () => (there() ? "there" : this.#ended));
    if (outcome === "there") return;
    const { received, error } = outcome;
    throw new Error(
      `${this.name} waited ${what}, and the connection ended${error ? ` by ${error}` : ""}; ` +
        `it had received ${brief(received.slice(this.#taken))}`,
    );
  }

  #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    return this.parts.journal.waiting(`${this.name} ${what}`, resolve => {
      const watcher = () => {
        const found = look();
        if (found === undefined) return;
        this.#watchers.delete(watcher);
        resolve(found);
      };
      this.#watchers.add(watcher);
      watcher();
    });
  }

  #tell(): void {
    for (const look of [...this.#watchers]) look();
  }
}

/** A scenario that has failed elsewhere awaits it no more: that is no failure of its own. */
export function unawaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Characters of what a client received that an error echoes. */
const ECHOED_MAX = 80;

function brief(text: string): string {
  const shown = JSON.stringify(text.slice(0, ECHOED_MAX));
  return text.length <= ECHOED_MAX ? shown : `${shown}…`;
}
