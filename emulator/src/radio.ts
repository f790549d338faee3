import type { Cancel, Clock } from "./clock.ts";

/** The Wi-Fi of a board: joins a while after power on, and says when the address comes or goes. */
export class Radio {
  readonly rssi: number;
  #address: string | undefined;
  #ownAddress: string;
  #clock: Clock;
  #joinMs: number;
  #joining: Cancel | undefined;
  #joiningAtMs = 0;
  #watcher: (() => void) | undefined;
  #onChanged: (online: boolean) => void;
  #onAir: (online: boolean) => void;
  #onReaddressed: () => void;

  constructor(parts: {
    clock: Clock;
    address: string;
    rssi: number;
    joinMs: number;
    /** Told before the program is: what depends on the network below it. */
    onChanged: (online: boolean) => void;
    /** Told before all others: what the board is plugged into. */
    onAir?: (online: boolean) => void;
    /** Told when one address takes the place of another. */
    onReaddressed?: () => void;
  }) {
    this.rssi = parts.rssi;
    this.#clock = parts.clock;
    this.#ownAddress = parts.address;
    this.#joinMs = parts.joinMs;
    this.#onChanged = parts.onChanged;
    this.#onAir = parts.onAir ?? (() => {});
    this.#onReaddressed = parts.onReaddressed ?? (() => {});
  }

  get address(): string | undefined {
    return this.#address;
  }

  watch(changed: (() => void) | undefined): void {
    this.#watcher = changed;
  }

  join(): void {
    this.#joinIn(this.#joinMs);
  }

  /**
   * The Wi-Fi is lost, and joined again `ms` later; lost once more meanwhile, it is away until the
   * later one of both. Connections that live so long go on: the address stays the same.
   */
  drop(ms: number): void {
    const online = this.#address !== undefined;
    if (!online && this.#joining === undefined) return; // switched off
    if (this.#joining === undefined || this.#clock.now() + ms > this.#joiningAtMs) {
      this.#joining?.();
      this.#joining = undefined;
      this.#joinIn(ms);
    }
    if (!online) return;
    this.#onAir(false);
    this.#set(undefined); // whoever hears of it may switch the board off
  }

  /**
   * The DHCP server gives another address when the lease is renewed; the Wi-Fi stays. The program is told at
   * once, by the firmware's link on the chip within 10 s.
   */
  renew(address: string): void {
    const before = this.#address;
    this.#ownAddress = address;
    if (before === undefined || before === address) return;
    this.#address = address;
    this.#onReaddressed();
    this.#watcher?.();
  }

  /** Power off: the stack below resets its connections, so the way out stays open for it. */
  leave(): void {
    this.#joining?.();
    this.#joining = undefined;
    if (this.#address !== undefined) this.#set(undefined);
  }

  #joinIn(ms: number): void {
    if (this.#joining !== undefined) return;
    this.#joiningAtMs = this.#clock.now() + ms;
    this.#joining = this.#clock.after(ms, () => {
      this.#joining = undefined;
      this.#onAir(true);
      this.#set(this.#ownAddress);
    });
  }

  #set(address: string | undefined): void {
    this.#address = address;
    this.#onChanged(address !== undefined);
    this.#watcher?.();
  }
}
