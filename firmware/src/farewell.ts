import type { Endpoint, EndpointOwner } from "./endpoint.ts";
import { type BodyReader, bodyReader } from "./http/body.ts";
import { relay } from "./http/relay.ts";

/** Who takes leave. */
export interface Leaver {
  readonly client: Endpoint;
  readonly backendSide: Endpoint | undefined;
  /** Both sides are closed. */
  leave(): void;
  failed(error: unknown): void;
}

export interface FarewellOptions {
  /** What has arrived from the backend is still delivered. */
  readonly owes?: boolean;
  /** The client still sends what nobody wants: it shall hang up first, or a reset would hit it. */
  readonly lingers?: boolean;
}

/**
 * Brings both sides to a clean close: everything that had arrived is passed on, everything written is
 * acknowledged. What still comes in is read and dropped, because closing over unread bytes makes the
 * chip send a reset, which would overtake what we want delivered.
 */
export class Farewell implements EndpointOwner {
  private leaver: Leaver;
  private scratch: Uint8Array;
  private lingers: boolean;
  /** What is owed to the client. */
  private owed: BodyReader | undefined;

  constructor(
    leaver: Leaver,
    scratch: Uint8Array,
    { owes = false, lingers = false }: FarewellOptions,
  ) {
    const { client, backendSide } = leaver;
    this.leaver = leaver;
    this.scratch = scratch;
    this.lingers = lingers;
    client.owner = this;
    if (backendSide === undefined) return;
    backendSide.owner = this;
    if (owes) this.owed = bodyReader({ kind: "length", length: backendSide.readable });
  }

  /** Goes on as far as it goes. */
  moved(): void {
    const { client, backendSide } = this.leaver;
    const scratch = this.scratch;
    const owed = this.owed;
    if (owed !== undefined && !owed.done && !client.deaf) {
      backendSide!.passed += relay(backendSide!, client, scratch, owed, false);
      if (!owed.done && !client.deaf) {
        client.discard(scratch);
        return;
      }
    }
    client.discard(scratch);
    backendSide?.discard(scratch);
    if (backendSide?.flushed) backendSide.close();
    if (client.flushed && (!this.lingers || client.deaf)) client.close();
    if (client.closed && (backendSide === undefined || backendSide.closed)) this.leaver.leave();
  }

  lost(): void {
    this.moved();
  }

  failed(error: unknown): void {
    this.leaver.failed(error);
  }
}
