import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Runs `task` once, `ms` milliseconds from now, unless the returned function is called first. */
export interface Timing {
  after(ms: number, task: () => void): () => void;
}

/** What a behaviour may know of the server that it plays. */
export interface Stage {
  readonly name: string;
  readonly clock: Timing;
}

/** How a server treats those who connect to it. What is left out is done as `steady` does it. */
export interface Behaviour {
  /**
   * The first bytes of a connection have come. True: the behaviour has taken the connection over,
   * nobody else touches it, and closing it is its affair.
   */
  takes?(socket: Socket, stage: Stage): boolean;
  /** Pause before each HTTP reply and each echoed line; lines are echoed one after the other. */
  readonly latencyMs?: number;
  /** Answers a request; without it the server names itself. */
  answer?(request: IncomingMessage, response: ServerResponse, stage: Stage): void;
  /** Talks to a raw TCP client that began with `head`; without it lines are echoed. */
  talk?(socket: Socket, head: Buffer, stage: Stage): void;
}
