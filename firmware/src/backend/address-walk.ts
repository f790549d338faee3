import type { Backend } from "./backend.ts";

/** Where a socket connects to. */
export interface Peer {
  readonly address: string;
  readonly port: number;
}

/** An attempt to connect to a backend by name: its addresses in turn, first the one that has not failed since it was tried last. */
export class AddressWalk {
  readonly #backend: Backend;
  /** As they were when the attempt began. */
  readonly #addresses: readonly string[];
  #at: number;
  /** Addresses that are not tried yet, the current one included. */
  #left: number;

  /** `backend` has a host name with addresses. */
  constructor(backend: Backend) {
    const { addresses } = backend.host!;
    this.#backend = backend;
    this.#addresses = addresses;
    this.#at = Math.max(0, addresses.indexOf(backend.preferredAddress ?? ""));
    this.#left = addresses.length;
  }

  /** The current address. */
  get peer(): Peer {
    return { address: this.#addresses[this.#at], port: this.#backend.settings.port };
  }

  /** The current address's share of the time that is left for the attempt. */
  shareOf(leftMs: number): number {
    return leftMs / this.#left;
  }

  /** The current address has failed: goes on to the next one, with which other attempts begin, too. False if all were tried. */
  next(): boolean {
    this.#at = (this.#at + 1) % this.#addresses.length;
    this.#backend.preferredAddress = this.#addresses[this.#at];
    return --this.#left > 0;
  }
}
