import type { Endpoint, EndpointOwner } from "./endpoint.ts";

/** The session whose two sides are being closed. */
export interface ClosingOwner {
  /** Called once all sockets are closed. */
  closed(): void;
  failed(error: unknown): void;
}

export interface CloseOptions {
  /** Close this one, too. */
  readonly backendSide?: Endpoint | undefined;
  /** Deliver the bytes that have been received from the backend first. */
  readonly flushBackend?: boolean;
  /**
   * The client is still sending: send FIN where that can be sent alone, and close when the client's FIN has come,
   * because closing over unread bytes sends a reset. No effect where the client shall be reset.
   */
  readonly waitForClientFin?: boolean;
}

/**
 * Closes both sides of a session once everything written has been acknowledged. Bytes that still arrive
 * are read and dropped: closing over unread bytes makes the chip send a reset, and that destroys what has
 * not yet been delivered (RFC 9112 section 9.6).
 */
export class LingeringClose implements EndpointOwner {
  private owner: ClosingOwner;
  private clientSide: Endpoint;
  private backendSide: Endpoint | undefined;
  private scratch: Uint8Array;
  private waitForClientFin: boolean;
  /** Bytes from the backend that are still to be delivered. */
  private owedBytes: number;

  constructor(
    owner: ClosingOwner,
    clientSide: Endpoint,
    scratch: Uint8Array,
    { backendSide, flushBackend = false, waitForClientFin = false }: CloseOptions,
  ) {
    this.owner = owner;
    this.clientSide = clientSide;
    this.backendSide = backendSide;
    this.scratch = scratch;
    this.waitForClientFin = waitForClientFin && clientSide.resets === undefined;
    clientSide.unpipe();
    backendSide?.unpipe();
    this.owedBytes = flushBackend && backendSide !== undefined ? backendSide.readable : 0;
    clientSide.owner = this;
    if (backendSide !== undefined) backendSide.owner = this;
  }

  /** Goes on as far as it goes. */
  onReady(): void {
    const { clientSide, backendSide, scratch } = this;
    if (this.owedBytes > 0) this.flush(backendSide!);
    clientSide.discard(scratch);
    if (this.owedBytes > 0 && !clientSide.writeClosed) return;
    backendSide?.discard(scratch);
    if (backendSide?.flushed) backendSide.close();
    if (this.waitForClientFin) clientSide.end();
    if (clientSide.flushed && (!this.waitForClientFin || this.clientHasEnded)) clientSide.close();
    if (clientSide.state !== "closed") return;
    if (backendSide === undefined || backendSide.state === "closed") this.owner.closed();
  }

  failed(error: unknown): void {
    this.owner.failed(error);
  }

  private get clientHasEnded(): boolean {
    const { state } = this.clientSide;
    return state !== "open" && state !== "write-ended";
  }

  private flush(backendSide: Endpoint): void {
    const { clientSide, scratch } = this;
    while (this.owedBytes > 0 && clientSide.writable > 0) {
      let count = Math.min(this.owedBytes, backendSide.readable, clientSide.writable);
      if (count >= scratch.byteLength) count = scratch.byteLength;
      else if (count === 0 || clientSide.sendQueueFull) return;
      const piece = scratch.subarray(0, count);
      backendSide.read(piece);
      clientSide.write(piece);
      backendSide.passed = backendSide.passedBytes + count;
      this.owedBytes -= count;
    }
  }
}
