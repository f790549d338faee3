import { type BodyReader, bodyReader } from "../http1/body.ts";
import { relay } from "../http1/relay.ts";
import type { Endpoint, EndpointOwner } from "../net/endpoint.ts";

/** A session that is being closed. */
export interface ClosingSession {
  readonly client: Endpoint;
  readonly backendSide: Endpoint | undefined;
  /** Called once both sockets are closed. */
  close(): void;
  failed(error: unknown): void;
}

export interface CloseOptions {
  /** Deliver the bytes that have been received from the backend first. */
  readonly flushBackend?: boolean;
  /** The client is still sending; wait for its FIN, because closing over unread bytes sends a reset. */
  readonly waitForClientFin?: boolean;
}

/**
 * Closes both sides of a session once everything written has been acknowledged. Bytes that still arrive
 * are read and dropped: closing over unread bytes makes the chip send a reset, and that destroys what has
 * not yet been delivered (RFC 9112 section 9.6).
 */
export class LingeringClose implements EndpointOwner {
  private session: ClosingSession;
  private scratch: Uint8Array;
  private waitForClientFin: boolean;
  /** The bytes from the backend that are still to be delivered. */
  private owed: BodyReader | undefined;

  constructor(
    session: ClosingSession,
    scratch: Uint8Array,
    { flushBackend = false, waitForClientFin = false }: CloseOptions,
  ) {
    const { client, backendSide } = session;
    this.session = session;
    this.scratch = scratch;
    this.waitForClientFin = waitForClientFin;
    client.owner = this;
    if (backendSide === undefined) return;
    backendSide.owner = this;
    if (flushBackend) this.owed = bodyReader(backendSide.readable);
  }

  /** Goes on as far as it goes. */
  moved(): void {
    const { client, backendSide } = this.session;
    const scratch = this.scratch;
    const owed = this.owed;
    if (owed !== undefined && !owed.done && !client.writeClosed) {
      backendSide!.passed += relay(backendSide!, client, scratch, owed, false);
      if (!owed.done && !client.writeClosed) {
        client.discard(scratch);
        return;
      }
    }
    client.discard(scratch);
    backendSide?.discard(scratch);
    if (backendSide?.flushed) backendSide.close();
    if (client.flushed && (!this.waitForClientFin || client.writeClosed)) client.close();
    if (client.closed && (backendSide === undefined || backendSide.closed)) this.session.close();
  }

  lost(): void {
    this.moved();
  }

  failed(error: unknown): void {
    this.session.failed(error);
  }
}
