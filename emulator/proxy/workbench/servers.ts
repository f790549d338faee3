import net from "node:net";
import type { Behaviour } from "../../../backends/src/behaviour.ts";
import { type Server, serve } from "../../../backends/src/serve.ts";
import { resetSocket } from "../../src/io/reset-socket.ts";

/**
 * What may be wrong with a demo backend. `refuse`: newcomers are refused, connections that it has go
 * on; `reset`: every connection is reset; `errors`: every answer is a 500; `silent`: takes
 * everything and never says a word.
 */
export const FAULTS = ["none", "refuse", "reset", "errors", "silent"] as const;
export type Fault = (typeof FAULTS)[number];

/** Longest pause before an answer; the board gives up on one after 30 s. */
export const LATENCY_MAX_MS = 10_000;

/** How a demo backend is doing. */
export interface DemoState {
  readonly running: boolean;
  readonly latencyMs: number;
  readonly fault: Fault;
  readonly connections: number;
}

/** A backend that can be stopped, started, slowed down and broken while it is used. */
export class DemoBackend {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  #server: Server | undefined;
  #listener: net.Server | undefined;
  #sockets = new Set<net.Socket>();
  #latencyMs = 0;
  #fault: Fault = "none";

  constructor({ name, address, port }: { name: string; address: string; port: number }) {
    this.name = name;
    this.address = address;
    this.port = port;
  }

  get state(): DemoState {
    return {
      running: this.#server !== undefined,
      latencyMs: this.#latencyMs,
      fault: this.#fault,
      connections: this.#sockets.size,
    };
  }

  /** Rejects with what `listen` reports, such as EADDRINUSE. */
  async start(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#server = await serve({
      name: this.name,
      host: this.address,
      port: this.port,
      behaviour: this.#behaviour(),
      network: {
        createServer: (options: net.ServerOpts, onSocket: (socket: net.Socket) => void) => {
          this.#listener = net.createServer(options, onSocket);
          this.#listener.on("connection", (socket: net.Socket) => {
            this.#sockets.add(socket);
            socket.once("close", () => this.#sockets.delete(socket));
          });
          return this.#listener;
        },
      },
    });
    if (this.#fault === "refuse") this.#listener?.close();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  set latencyMs(ms: number) {
    this.#latencyMs = ms;
  }

  async setFault(fault: Fault): Promise<void> {
    const before = this.#fault;
    if (fault === before) return;
    this.#fault = fault;
    if (fault === "refuse") this.#listener?.close();
    if (fault === "reset") for (const socket of this.#sockets) resetSocket(socket);
    if (before === "refuse" && this.#server !== undefined) {
      await this.stop(); // a listener cannot be opened again
      await this.start();
    }
  }

  #behaviour(): Behaviour {
    const backend = this;
    return {
      takes: socket => {
        if (this.#fault === "reset") socket.resetAndDestroy();
        else if (this.#fault === "silent") keepQuiet(socket);
        else return false;
        return true;
      },
      // Asked for with each request.
      get latencyMs() {
        return backend.#latencyMs || undefined;
      },
      get answer() {
        return ANSWERS[backend.#fault];
      },
    };
  }
}

/** What a request on a connection gets that was there before the fault. */
const ANSWERS: Partial<Record<Fault, Behaviour["answer"]>> = {
  errors: (_request, response) => {
    response.writeHead(500, { "Content-Length": 0 });
    response.end();
  },
  reset: request => resetSocket(request.socket),
  silent: () => {}, // the client times out
};

function keepQuiet(socket: net.Socket): void {
  socket.once("end", () => socket.end());
  socket.resume();
}
