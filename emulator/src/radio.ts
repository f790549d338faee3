import type { Cancel, Clock } from "./clock.ts";

/** The Wi-Fi of a board: joins a while after power on, and says when the address comes or goes. */
export class Radio {
  readonly rssi: number;
  #address: string | undefined;
  #ownAddress: string;
  #clock: Clock;
  #joinMs: number;
  #joining: Cancel | undefined;
  #watcher: (() => void) | undefined;
  #onChanged: (online: boolean) => void;

  constructor(parts: {
    clock: Clock;
    address: string;
    rssi: number;
    joinMs: number;
    /** Told before the program is: what depends on the network below it. */
    onChanged: (online: boolean) => void;
  }) {
    this.rssi = parts.rssi;
    this.#clock = parts.clock;
    this.#ownAddress = parts.address;
    this.#joinMs = parts.joinMs;
    this.#onChanged = parts.onChanged;
  }

  get address(): string | undefined {
    return this.#address;
  }

  watch(changed: (() => void) | undefined): void {
    this.#watcher = changed;
  }

  join(): void {
    this.#joining ??= this.#clock.after(this.#joinMs, () => {
      this.#joining = undefined;
      this.#set(this.#ownAddress);
    });
  }

  leave(): void {
    this.#joining?.();
    this.#joining = undefined;
    if (this.#address !== undefined) this.#set(undefined);
  }

  #set(address: string | undefined): void {
    this.#address = address;
    this.#onChanged(address !== undefined);
    this.#watcher?.();
  }
}
