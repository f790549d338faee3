import { EventEmitter } from "node:events";
import { systemError } from "./errors.ts";
import type { Host } from "./host.ts";
import type { Packet } from "./packet.ts";
import { MockSocket } from "./socket.ts";

export interface ServerOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  highWaterMark?: number;
}

/** `net.Server` on a simulated host. Events: listening, connection, close, error. */
export class MockServer extends EventEmitter {
  readonly options: ServerOptions;
  listening = false;
  maxConnections = Number.POSITIVE_INFINITY;
  #host: Host;
  #port = 0;
  #connections = new Set<MockSocket>();
  /** Handshakes under way. */
  #pending = 0;
  #closing = false;

  constructor(host: Host, options: ServerOptions) {
    super();
    this.#host = host;
    this.options = options;
  }

  listen(
    target: number | { port?: number; host?: string | undefined; backlog?: number },
    ...rest: unknown[]
  ): this {
    const wanted = typeof target === "number" ? target : (target.port ?? 0);
    const callback = rest.find(argument => typeof argument === "function") as
      | (() => void)
      | undefined;
    if (callback) this.once("listening", callback);
    const port = wanted === 0 ? this.#host.ephemeralPort() : wanted;
    const { clock } = this.#host.network;
    if (this.#host.servers.has(port)) {
      clock.after(0, () =>
        this.emit("error", systemError("EADDRINUSE", "listen", this.#host.address, port)),
      );
      return this;
    }
    this.#port = port;
    this.#host.servers.set(port, this);
    this.listening = true;
    this.#closing = false;
    clock.after(0, () => this.emit("listening"));
    return this;
  }

  address(): { address: string; family: "IPv4"; port: number } | null {
    if (!this.listening) return null;
    return { address: this.#host.address, family: "IPv4", port: this.#port };
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    this.#host.network.clock.after(0, () => callback(null, this.#connections.size));
    return this;
  }

  close(callback?: (error?: Error) => void): this {
    if (callback) this.once("close", callback);
    if (this.listening) this.#host.servers.delete(this.#port);
    this.listening = false;
    this.#closing = true;
    this.#closeWhenEmpty();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** A SYN has come. False: refused. */
  syn(syn: Packet): boolean {
    const open = this.#connections.size + this.#pending;
    if (
      !this.listening ||
      this.#pending >= this.#host.profile.backlog ||
      open >= this.maxConnections
    ) {
      return false;
    }
    this.#pending++;
    new MockSocket(this.#host, this.options).answer(this, syn);
    return true;
  }

  /** The handshake of `socket` was given up before its end. */
  abandoned(): void {
    this.#pending--;
  }

  /** The handshake of `socket` is complete. */
  established(socket: MockSocket): void {
    this.#pending--;
    if (!this.listening) {
      socket.resetAndDestroy();
      return;
    }
    this.#connections.add(socket);
    socket.once("close", () => {
      this.#connections.delete(socket);
      this.#closeWhenEmpty();
    });
    if (!this.options.pauseOnConnect) socket.read(0);
    this.emit("connection", socket);
  }

  #closeWhenEmpty(): void {
    if (!this.#closing || this.#connections.size > 0) return;
    this.#closing = false;
    this.#host.network.clock.after(0, () => this.emit("close"));
  }
}
