import type { Backend } from "./backend.ts";

/** An attempt to connect to a backend by name: its addresses in turn, the one that worked last first. */
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
    this.#at = Math.max(0, addresses.indexOf(backend.workingAddress ?? ""));
    this.#left = addresses.length;
  }

  /** The current address, for a socket. */
  get peer(): { address: string; port: number } {
    return { address: this.#addresses[this.#at], port: this.#backend.settings.port };
  }

  /** The current address's share of the time that is left for the attempt. */
  shareOf(leftMs: number): number {
    return leftMs / this.#left;
  }

  /** Goes on to the next address; false if all were tried. */
  next(): boolean {
    if (--this.#left <= 0) return false;
    this.#at = (this.#at + 1) % this.#addresses.length;
    return true;
  }

  /** The connection is established: the next attempts begin with this address. */
  connected(): void {
    this.#backend.workingAddress = this.#addresses[this.#at];
  }
}
