import type { ListenerConfig } from "../config/settings.ts";
import { hashText } from "../net/hash.ts";
import type { TCPSocket } from "../platform.ts";
import type { ClientInfo } from "./context.ts";

export class Client implements ClientInfo {
  readonly id: number;
  readonly address: string;
  readonly port: number;
  readonly listener: ListenerConfig;
  declare private knownHash: number | undefined;

  /** Asks the socket right after it was accepted: the chip may forget the peer after a reset. */
  constructor(id: number, socket: TCPSocket, listener: ListenerConfig) {
    this.id = id;
    this.address = socket.remoteAddress ?? "0.0.0.0";
    this.port = socket.remotePort ?? 0;
    this.listener = listener;
  }

  /** The hash of the address; 20 instructions for each of its characters, so it is made for the first that asks. */
  get hash(): number {
    this.knownHash ??= hashText(this.address);
    return this.knownHash;
  }
}
