import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { Message } from "./http-reader.ts";

/** Runs `task` once, `ms` milliseconds from now, unless the returned function is called first. */
export interface Timing {
  after(ms: number, task: () => void): () => void;
}

/** A connection of `node:net`, or of a network of its shape. */
export interface BackendSocket extends Duplex {
  resetAndDestroy(): unknown;
}

/** `node:net`, or anything of its shape. */
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
  readonly socket: BackendSocket;
  /** The backend's name in its answers. */
  readonly name: string;
  /** Called with the bytes of a raw TCP client. */
  receive: (bytes: Buffer) => void;
  /** Adds steps after those that are still to be done. */
  play(steps: Steps): void;
  /** Further bytes are not HTTP: `receive` gets them. */
  upgrade(receive: (bytes: Buffer) => void): void;
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

/** One action of a backend on a connection. */
export type Step =
  /** Sends bytes (one per character of a text), in pieces with `gapMs` between them if given. */
  | { readonly send: string | Buffer; readonly pieceBytes?: number; readonly gapMs?: number }
  /** Sends this many bytes as fast as the client reads. */
  | { readonly pour: number }
  | { readonly waitMs: number }
  | { readonly close: "end" | "destroy" | "reset" }
  /** Decides now: returns the next steps. */
  | { readonly run: (connection: Connection) => Steps | undefined };

export type Steps = readonly Step[];

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
