import type { EventEmitter } from "node:events";
import type { Message } from "./http-reader.ts";
import type { Socket, Steps, Timing } from "./steps.ts";

/** `node:net`, or an object with the same interface. */
export interface BackendNetwork {
  createServer(options: { allowHalfOpen: boolean; noDelay: boolean }): BackendListener;
}

export interface BackendListener extends EventEmitter {
  listen(options: { port: number; host?: string | undefined }): unknown;
  close(): unknown;
  address(): unknown;
}

/** A connection, for behaviours. */
export interface Connection {
  readonly socket: Socket;
  /** The backend's name in its answers. */
  readonly name: string;
  /** Called with the bytes of a raw TCP client. */
  receive: (bytes: Buffer) => void;
  /** Called when the client has ended its sending side. */
  finish: () => void;
  /** Adds steps after those that are still to be done. */
  play(steps: Steps): void;
  /** Further bytes are not HTTP: `receive` gets them. */
  upgrade(receive: (bytes: Buffer) => void): void;
  /** Reads nothing more while much is to do, or to be read by the client. */
  throttle(): void;
  /** Closes the connection unless a request comes within `keepAliveMs`. */
  idle(): void;
}

/** The backend's part of its connections. */
export interface Stage {
  /** The backend's name in its answers. */
  readonly name: string;
  readonly clock: Timing;
  /** How long an idle connection is kept after an answer, in milliseconds; without it for ever. */
  readonly keepAliveMs?: number;
}

/**
 * How a backend treats its clients; anything absent is as `steady` does it. Steps are done after those that the
 * connection has still to do, and dropped when its client is gone.
 */
export interface Behaviour {
  /** The connection was accepted. */
  accepts?(connection: Connection): void;
  /** Called with its first bytes. If it returns steps, they are all that the client gets. */
  takes?(connection: Connection): Steps | undefined;
  /** Whether these first bytes begin HTTP; `undefined` while they are too few to tell. */
  speaksHttp?(first: Buffer): boolean | undefined;
  /** Requests are kept with their bodies, and read strictly (`MessageReader`). */
  readonly strict?: boolean;
  /** The head of a request has arrived, its body perhaps not. By default `100 Continue` for a client that waits for it. */
  head?(request: Message, connection: Connection): Steps;
  /** Pause before each answer and each echoed line; lines are echoed one after the other. */
  readonly latencyMs?: number | undefined;
  /** A whole request has arrived; by default the answer is the server's name. */
  answer?: ((request: Message, connection: Connection) => Steps) | undefined;
  /** The request is malformed; by default 400 and a close. */
  broken?(why: string, connection: Connection): Steps;
  /** Serves a raw TCP client whose first bytes are `first`; by default lines are echoed. */
  talk?(connection: Connection, first: Buffer): void;
  /** The client has ended its sending side; by default it gets the remaining bytes, then the end. */
  ended?(connection: Connection): void;
}
