import net, { type AddressInfo } from "node:net";
import type { BackendListener, BackendNetwork, Behaviour } from "./behaviour.ts";
import { ServedConnection } from "./connection.ts";
import { REAL_TIME, type Socket, type Timing } from "./steps.ts";

/** Idle connections are closed after this time, as in Node's HTTP server. */
const KEEP_ALIVE_MS = 5_000;

/** The listener of a backend, and its accepted connections. */
export class Server {
  /** All connections so far, also those without a byte. */
  connectionsTotal = 0;
  /** Connections that the client has reset. */
  resetsTotal = 0;
  /** Current connections. */
  readonly sockets = new Set<Socket>();
  #network: BackendNetwork;
  #accept: (socket: Socket) => void;
  #listener: BackendListener | undefined;
  #port = 0;

  /** `accept` is called with each connection. */
  constructor(network: BackendNetwork, accept: (socket: Socket) => void) {
    this.#network = network;
    this.#accept = accept;
  }

  get connections(): number {
    return this.sockets.size;
  }

  /** The port that it listens on, or did last. */
  get port(): number {
    return this.#port;
  }

  /** Rejects with the error of `listen`, such as EADDRINUSE. Port 0 is any free port. */
  listen(port: number, host?: string): Promise<void> {
    const listener = this.#network.createServer({ allowHalfOpen: true, noDelay: true });
    listener.on("connection", (socket: Socket) => {
      this.connectionsTotal++;
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
      socket.on("error", ({ code }: NodeJS.ErrnoException) => {
        if (code === "ECONNRESET") this.resetsTotal++;
      });
      this.#accept(socket);
    });
    return new Promise((resolve, reject) => {
      listener.once("error", reject);
      listener.once("listening", () => {
        listener.off("error", reject);
        this.#port = (listener.address() as AddressInfo).port;
        resolve();
      });
      listener.listen({ port, host });
      this.#listener = listener;
    });
  }

  /** Refuses new connections until it listens again; current ones continue. */
  refuse(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }

  /** Closes every connection. */
  hangUp(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Refuses new connections and closes current ones; resolves when that is done. */
  stop(): Promise<void> {
    const listener = this.#listener;
    const closed = new Promise<void>(resolve => {
      if (listener === undefined) resolve();
      else listener.once("close", resolve);
    });
    this.refuse();
    this.hangUp();
    return closed;
  }
}

export interface BackendOptions {
  /** The server's name in every answer. */
  readonly name: string;
  readonly behaviour: Behaviour;
  /** The network to listen on; the computer's own by default. */
  readonly network?: BackendNetwork;
  readonly clock?: Timing;
}

export interface ServeOptions extends BackendOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host?: string | undefined;
}

/** A server that plays a behaviour as soon as it listens. */
export function backend({ name, behaviour, network = net, clock = REAL_TIME }: BackendOptions) {
  const stage = { name, clock, keepAliveMs: KEEP_ALIVE_MS };
  return new Server(network, socket => new ServedConnection(socket, behaviour, stage));
}

/**
 * Plays a behaviour on a port. HTTP and raw TCP share the port: the first bytes of a connection
 * decide. A client that ends its sending side still gets its answer; a reset ends the connection.
 * Rejects with the error of `listen`, such as EADDRINUSE.
 */
export async function serve({ port, host, ...options }: ServeOptions): Promise<Server> {
  const server = backend(options);
  await server.listen(port, host);
  return server;
}
