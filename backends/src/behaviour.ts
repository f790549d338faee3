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

/** A connection as a behaviour sees it. */
export interface Connection {
  readonly socket: BackendSocket;
  /** What the backend calls itself. */
  readonly name: string;
  /** What hears the bytes of a raw TCP client. */
  receive: (bytes: Buffer) => void;
  /** Does these steps behind those that it has still to do. */
  play(steps: Steps): void;
  /** What comes from now on is no HTTP any more: `receive` hears it. */
  upgrade(receive: (bytes: Buffer) => void): void;
  /** Closes the connection unless a request comes within `keepAliveMs`. */
  idle(): void;
}

/** What a connection has of its backend. */
export interface Stage {
  /** What the backend calls itself. */
  readonly name: string;
  readonly clock: Timing;
  /** How long an idle connection is kept after an answer, in milliseconds; for ever when it is not there. */
  readonly keepAliveMs?: number;
}

/** One thing that a backend does on a connection. */
export type Step =
  /** Sends bytes (a character of a text is one), in pieces with a gap between them where that is said. */
  | { readonly send: string | Buffer; readonly pieceBytes?: number; readonly gapMs?: number }
  /** Sends so many bytes as fast as the client reads. */
  | { readonly pour: number }
  | { readonly waitMs: number }
  | { readonly close: "end" | "destroy" | "reset" }
  /** What the backend does is known only now: does the steps that this returns. */
  | { readonly run: (connection: Connection) => Steps | undefined };

export type Steps = readonly Step[];

/**
 * How a backend treats those who connect to it. What is left out is done as `steady` does it. Steps are done behind
 * those that the connection has still to do; those of a client that is gone are left out.
 */
export interface Behaviour {
  /** The connection was accepted. */
  accepts?(connection: Connection): void;
  /** Its first bytes have come. Steps: all that the client gets, whatever it sends. */
  takes?(connection: Connection): Steps | undefined;
  /** Whether these first bytes begin HTTP; `undefined` while they are too few to tell. */
  speaksHttp?(first: Buffer): boolean | undefined;
  /** Requests are kept with their bodies, and read strictly (`MessageReader`). */
  readonly strict?: boolean;
  /** The head of a request has come, its body may still come. By default `100 Continue` for a client that waits for it. */
  head?(request: Message, connection: Connection): Steps;
  /** Pause before each answer and each echoed line; lines are echoed one after the other. */
  readonly latencyMs?: number | undefined;
  /** A whole request has come; by default the server names itself. */
  answer?: ((request: Message, connection: Connection) => Steps) | undefined;
  /** What came is no HTTP; by default 400 and a close. */
  broken?(why: string, connection: Connection): Steps;
  /** Talks to a raw TCP client that began with `first`; by default lines are echoed. */
  talk?(connection: Connection, first: Buffer): void;
  /** The client has ended its sending side; by default it gets what it still has to get, then the end. */
  ended?(connection: Connection): void;
}
