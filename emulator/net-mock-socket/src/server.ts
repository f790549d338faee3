import { EventEmitter } from "node:events";
import { systemError } from "./errors.ts";
import type { Kernel, PortListener } from "./kernel.ts";
import type { Packet } from "./packet.ts";
import { MockSocket } from "./socket.ts";
import {
  defineMissing,
  LISTEN_LACKS,
  refuseOptions,
  SERVER_LACKS,
  SERVER_OPTIONS_LACK,
} from "./unsupported.ts";

export interface ServerOptions {
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  noDelay?: boolean;
  keepAlive?: boolean;
  highWaterMark?: number;
  /**
   * Not of `node:net`: called for each SYN. Without a place the SYN is not answered, and the client sends it
   * again; the place is given back when the handshake is over, however it ends.
   */
  admit?: () => GiveBack | undefined;
}

type GiveBack = () => void;

const NO_PLACE_NEEDED: GiveBack = () => {};

/** `net.Server` on a simulated host. Events: listening, connection, close, error. */
export class MockServer extends EventEmitter implements PortListener {
  readonly options: ServerOptions;
  listening = false;
  maxConnections = Number.POSITIVE_INFINITY;
  #kernel: Kernel;
  #port = 0;
  #connections = new Set<MockSocket>();
  #backlog = 0;
  /** Handshakes under way. */
  #pending = 0;
  #closing = false;

  constructor(kernel: Kernel, options: ServerOptions) {
    super();
    refuseOptions(options, "createServer", SERVER_OPTIONS_LACK);
    this.#kernel = kernel;
    this.options = options;
  }

  listen(
    target: number | { port?: number; host?: string | undefined; backlog?: number },
    ...rest: unknown[]
  ): this {
    if (typeof target === "string") throw new Error(`not emulated: listen on the path ${target}`);
    if (typeof target === "object") refuseOptions(target, "listen", LISTEN_LACKS);
    const backlog = typeof target === "object" ? target.backlog : rest.find(isNumber);
    this.#backlog = Math.min(this.#kernel.profile.backlog, backlog ?? Number.POSITIVE_INFINITY);
    const wanted = typeof target === "number" ? target : (target.port ?? 0);
    const callback = rest.find(argument => typeof argument === "function") as
      | (() => void)
      | undefined;
    if (callback) this.once("listening", callback);
    const port = wanted === 0 ? this.#kernel.ephemeralPort() : wanted;
    const { clock } = this.#kernel;
    if (this.#kernel.listeners.has(port)) {
      clock.after(0, () =>
        this.emit("error", systemError("EADDRINUSE", "listen", this.#kernel.address, port)),
      );
      return this;
    }
    this.#port = port;
    this.#kernel.listeners.set(port, this);
    this.listening = true;
    this.#closing = false;
    clock.after(0, () => {
      if (this.listening) this.emit("listening");
    });
    return this;
  }

  address(): { address: string; family: "IPv4"; port: number } | null {
    if (!this.listening) return null;
    return { address: this.#kernel.address, family: "IPv4", port: this.#port };
  }

  getConnections(callback: (error: Error | null, count: number) => void): this {
    this.#kernel.clock.after(0, () => callback(null, this.#connections.size));
    return this;
  }

  close(callback?: (error?: Error) => void): this {
    if (callback) this.once("close", callback);
    if (this.listening) this.#kernel.listeners.delete(this.#port);
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

  onSyn(syn: Packet): "answered" | "refused" | "ignored" {
    const open = this.#connections.size + this.#pending;
    if (!this.listening || this.#pending >= this.#backlog || open >= this.maxConnections) {
      return "refused";
    }
    const { admit = () => NO_PLACE_NEEDED } = this.options;
    const giveBack = admit();
    if (giveBack === undefined) return "ignored";
    this.#pending++;
    const over = () => {
      this.#pending--;
      giveBack();
    };
    new MockSocket(this.#kernel, this.options).answer(syn, {
      abandoned: over,
      established: socket => {
        over();
        this.#established(socket);
      },
    });
    return "answered";
  }

  #established(socket: MockSocket): void {
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
    this.#kernel.clock.after(0, () => this.emit("close"));
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

defineMissing(MockServer.prototype, "server", SERVER_LACKS);
