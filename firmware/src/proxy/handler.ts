import type { Backend } from "../backend/backend.ts";
import type { Ending } from "../log/ending.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { CloseOptions } from "../net/lingering-close.ts";
import type { Hello } from "../net/tls-hello.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";

/** The handler's part of the log line at a session's end. */
export interface Summary {
  readonly protocol?: "raw" | "upgraded" | "tls";
  readonly backend?: string | undefined;
  readonly status?: number | undefined;
  readonly tls?: TlsStream | undefined;
  /** Bytes that were written to the client. */
  readonly out: number;
}

/** A TLS connection, for its log line. */
export interface TlsStream {
  /** `undefined`: none that could be read. */
  readonly hello: Hello | undefined;
  /** Bytes of the hello that were forwarded, and not by a pipe. */
  readonly sentBytes: number;
  /** Further backends that were tried. */
  readonly retries: number;
}

/** Serves a session's client once it is known what the client speaks, and owns its endpoint. */
export interface Handler {
  /** Since when the session does not need its slot; `undefined` while it is busy. */
  readonly idleSinceMs?: number | undefined;
  /** Bytes of bodies or raw streams that were moved; `undefined` while none are to move. */
  readonly streamedBytes?: number | undefined;
  /** Bytes of the heads that it holds. */
  readonly headBytes?: number;
  /** `undefined`: each request has a log line of its own. */
  readonly summary?: Summary;
  /** The session's deadline has passed. */
  expired(): void;
  /** The session is about to be ended for want of memory or slots. */
  shed?(why: "no-memory" | "slow"): void;
  /** The proxy stops: delivers what has arrived, and ends. */
  stop(): void;
  /** The session has ended: releases what is held. */
  close?(): void;
}

/** A handler's session. */
export interface HandlerOwner {
  readonly context: ProxyContext;
  readonly client: ClientInfo;
  readonly clientSide: Endpoint;
  /** How long the client waited for a slot. */
  readonly waitedMs: number;
  /** When the client's first byte came, where that did not tell HTTP from raw TCP. */
  readonly firstByteMs: number | undefined;
  /** How long the client was held for machines that sleep, until a log line has said so; absent if it was not. */
  heldMs: number | undefined;
  /** Replaces the session's deadline: `expired` is called `ms` from `nowMs`, which is now. */
  setDeadline(ms: number, nowMs?: number): void;
  /** Closes all sockets once what was written has been acknowledged. */
  closeAfter(why: Ending, options?: CloseOptions): void;
  /** Closes all sockets at once. */
  end(why: Ending): void;
  /** Makes it a raw session between the client and `backendSide`: the two have agreed to change the protocol. */
  tunnel(backend: Backend, backendSide: Endpoint): void;
  /** A bug threw: reports it and ends. */
  failed(error: unknown): void;
}
