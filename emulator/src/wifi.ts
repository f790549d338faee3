import type { Cancel, Clock } from "./clock.ts";
import type { BoardWifi } from "./station.ts";

/** The Wi-Fi of a board: joins some time after power on, and reports when the board gains or loses its address. */
export class WifiStation implements BoardWifi {
  readonly rssi: number | undefined;
  /** Addresses of DNS servers that the DHCP server gives. */
  dnsServers: readonly string[];
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
    rssi: number | undefined;
    dnsServers?: readonly string[];
    joinMs: number;
    /** Called before the program's watcher, for the stack below it. */
    onChanged: (online: boolean) => void;
    /** Called before all others, for the network that the board is plugged into. */
    onAir?: (online: boolean) => void;
    /** Called when one address replaces another. */
    onReaddressed?: () => void;
  }) {
    this.rssi = parts.rssi;
    this.dnsServers = parts.dnsServers ?? [];
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
   * The Wi-Fi is lost, and joined again `ms` later; lost once more meanwhile, it returns at the later of the
   * two times. Connections that survive until then go on: the address stays the same.
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
    this.#set(undefined); // a callback may switch the board off
  }

  /**
   * The DHCP server gives another address when the lease is renewed; the Wi-Fi stays. The program is called at
   * once; on the chip, the firmware's link notices within 10 s.
   */
  renew(address: string): void {
    const before = this.#address;
    this.#ownAddress = address;
    if (before === undefined || before === address) return;
    this.#address = address;
    this.#onReaddressed();
    this.#watcher?.();
  }

  /** Power off. The wire stays connected, because the stack below still sends its resets. */
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
