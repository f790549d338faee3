import type { Behaviour } from "../../../backends/src/behaviour.ts";
import { reply } from "../../../backends/src/http.ts";
import { backend, type Server } from "../../../backends/src/serve.ts";
import type { Steps } from "../../../backends/src/steps.ts";
import { resetSocket } from "../../src/io/reset-socket.ts";

/**
 * Faults of a demo backend. `refuse`: new clients are refused, existing connections go on; `reset`: every
 * connection is reset; `errors`: every answer is a 500; `silent`: it accepts everything and sends nothing.
 */
export const FAULTS = ["none", "refuse", "reset", "errors", "silent"] as const;
export type Fault = (typeof FAULTS)[number];

/** Longest pause before an answer; the board gives up on one after 30 s. */
export const LATENCY_MAX_MS = 10_000;

/** State of a demo backend. */
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
  /** Pause before each answer. */
  latencyMs = 0;
  #server: Server;
  #running = false;
  #fault: Fault = "none";

  constructor({ name, address, port }: { name: string; address: string; port: number }) {
    this.name = name;
    this.address = address;
    this.port = port;
    this.#server = backend({ name, behaviour: this.#behaviour() });
  }

  get state(): DemoState {
    return {
      running: this.#running,
      latencyMs: this.latencyMs,
      fault: this.#fault,
      connections: this.#server.connections,
    };
  }

  /** Rejects with what `listen` reports, such as EADDRINUSE. */
  async start(): Promise<void> {
    if (this.#running) return;
    if (this.#fault !== "refuse") await this.#server.listen(this.port, this.address);
    this.#running = true;
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#server.stop();
  }

  async setFault(fault: Fault): Promise<void> {
    const before = this.#fault;
    if (fault === before) return;
    this.#fault = fault;
    if (fault === "refuse") this.#server.refuse();
    if (fault === "reset") for (const socket of this.#server.sockets) resetSocket(socket);
    if (before !== "refuse" || !this.#running) return;
    this.#running = false;
    await this.start();
  }

  #behaviour(): Behaviour {
    const demo = this;
    return {
      takes: () => TAKES[demo.#fault],
      // Asked for with each request.
      get latencyMs() {
        return demo.latencyMs || undefined;
      },
      get answer() {
        return ANSWERS[demo.#fault];
      },
    };
  }
}

/** The treatment of a new connection. */
const TAKES: Partial<Record<Fault, Steps>> = { reset: [{ close: "reset" }], silent: [] };

/** The treatment of a request on a connection that is older than the fault. */
const ANSWERS: Partial<Record<Fault, Behaviour["answer"]>> = {
  errors: (_request, { name }) => [
    { send: reply("", { status: "500 Internal Server Error", fields: [`X-Backend: ${name}`] }) },
  ],
  reset(_request, { socket }) {
    resetSocket(socket);
    return [];
  },
  silent: () => [], // the client times out
};
