import type { LinkKind } from "./boards/kind.ts";
import type { Cancel, Clock } from "./clock.ts";
import { DhcpClient, type DhcpServer, type Lease } from "./dhcp.ts";

/** The name that ESP-IDF gives to a DHCP server unless the program sets another (CONFIG_LWIP_LOCAL_HOSTNAME). */
const DEFAULT_HOSTNAME = "espressif";

/** A search of all channels that finds no access point of the name. */
const SEARCH_MS = 2_400;

/** The address of its interface without an IPv4 address; it has it as soon as it is associated. */
const LINK_LOCAL = "fe80::1";

/** A MAC address of Espressif's. */
const MAC = "24:0a:c4:00:00:01";

export type StationEvent = "connected" | "disconnected" | "got-address";

export type FixedAddress = Pick<Lease, "address" | "netmask" | "gateway">;

/** The Wi-Fi of a board as the board sees it: WifiStation, or one that the program joins through its driver. */
export interface BoardWifi {
  readonly rssi: number | undefined;
  readonly address: string | undefined;
  /** Addresses of the DNS servers that DHCP gives. */
  dnsServers: readonly string[];
  watch(changed: (() => void) | undefined): void;
  /** The board has power. */
  join(): void;
  /** The network is away for `ms`. */
  drop(ms: number): void;
  /** The DHCP server gives another address. */
  renew(address: string): void;
  /** The board has no power any more. */
  leave(): void;
}

/**
 * A network interface as ESP-IDF runs it below the SDK's driver, with a DHCP client or a static address. A Wi-Fi station (io/wifi.ts)
 * associates when the driver demands it, and the access point takes any name and password. An Ethernet port (io/ethernet.ts) has its link
 * whenever a cable is plugged in.
 */
export class Station implements BoardWifi {
  readonly rssi: number | undefined;
  readonly mac = MAC;
  /** The driver of the running program. */
  onEvent: ((event: StationEvent) => void) | undefined;
  hostname = DEFAULT_HOSTNAME;
  #parts: StationParts;
  #client: DhcpClient;
  #fixed: FixedAddress | undefined;
  #lease: Lease | undefined;
  #associated = false;
  #associating: Cancel | undefined;
  #awayUntilMs = 0;
  /** The address of the interface. It keeps that of a lease while the Wi-Fi is away, and so do connections. */
  #address: string | undefined;
  #watcher: (() => void) | undefined;

  constructor(parts: StationParts) {
    const { clock, dhcp, rssi, dnsServers } = parts;
    this.#parts = parts;
    this.rssi = rssi;
    if (dnsServers !== undefined) dhcp.dnsServers = dnsServers;
    this.#client = new DhcpClient(clock, dhcp, lease => this.#leased(lease));
  }

  /** The IPv4 address in the network that the board is in. */
  get address(): string | undefined {
    return this.#associated ? (this.#fixed ?? this.#lease)?.address : undefined;
  }

  /** The address of the interface as the driver reports it. */
  get interfaceAddress(): string | undefined {
    return this.#fixed?.address ?? this.address ?? (this.#associated ? LINK_LOCAL : undefined);
  }

  /** The netmask, router and DNS servers of DHCP, or of the program. */
  get interfaceState(): Pick<Lease, "netmask" | "gateway" | "dnsServers"> | undefined {
    if (this.address === undefined) return undefined;
    return this.#fixed === undefined ? this.#lease : { ...this.#fixed, dnsServers: [] };
  }

  get associated(): boolean {
    return this.#associated;
  }

  get hasFixedAddress(): boolean {
    return this.#fixed !== undefined;
  }

  /** The DNS servers that DHCP gives from the next lease on; at once before the first. */
  get dnsServers(): readonly string[] {
    return this.#parts.dhcp.dnsServers;
  }

  set dnsServers(servers: readonly string[]) {
    this.#parts.dhcp.dnsServers = servers;
  }

  /** Called when the address in the network appears, disappears or changes, although the chip tells no program all of these. */
  watch(changed: (() => void) | undefined): void {
    this.#watcher = changed;
  }

  join(): void {} // the program does it

  /** False: the Ethernet controller finds no PHY. */
  get hasPhy(): boolean {
    return this.#parts.hasPhy;
  }

  /** The Ethernet controller is started: then the link is there with each cable. */
  plug(): void {
    if (this.#associated) return;
    const { clock, joinMs } = this.#parts;
    const awayMs = Math.max(0, this.#awayUntilMs - clock.now());
    this.#associating?.();
    this.#associating = clock.after(awayMs + joinMs, () => {
      this.#associating = undefined;
      this.#joined();
    });
  }

  associate(): void {
    const { clock, joinMs } = this.#parts;
    const isAway = clock.now() < this.#awayUntilMs;
    this.#associating?.();
    this.#associating = clock.after(isAway ? SEARCH_MS : joinMs, () => {
      this.#associating = undefined;
      if (clock.now() < this.#awayUntilMs) this.onEvent?.("disconnected");
      else this.#joined();
    });
  }

  /** The program leaves the network: unlike a loss this is no event. */
  disassociate(): void {
    this.#associating?.();
    this.#associating = undefined;
    this.#lost();
  }

  /** Sets a static address, or returns to DHCP. */
  fix(fixed: FixedAddress | undefined): void {
    this.#client.stop();
    this.#fixed = fixed;
    this.#lease = undefined;
    if (!this.#associated) return;
    this.#follow(); // without an address until there is a lease
    if (fixed === undefined) this.#client.start(this.hostname);
  }

  drop(ms: number): void {
    this.#awayUntilMs = Math.max(this.#awayUntilMs, this.#parts.clock.now() + ms);
    const isStarted = this.#associated || this.#associating !== undefined;
    if (this.#associated) {
      this.#lost();
      this.onEvent?.("disconnected");
    }
    if (this.#parts.link === "ethernet" && isStarted) this.plug();
  }

  renew(address: string): void {
    this.#parts.dhcp.address = address;
    this.#client.renew();
  }

  leave(): void {
    this.onEvent = undefined;
    this.disassociate();
    this.#fixed = undefined;
    this.#address = undefined;
    this.hostname = DEFAULT_HOSTNAME;
  }

  #joined(): void {
    this.#parts.onAir(true);
    this.#associated = true;
    this.onEvent?.("connected");
    if (this.#fixed === undefined) this.#client.start(this.hostname);
    else this.#follow();
  }

  #lost(): void {
    if (!this.#associated) return;
    this.#associated = false;
    this.#client.stop();
    this.#lease = undefined;
    this.#parts.onAir(false);
    this.#parts.onChanged(false);
    this.#watcher?.();
  }

  #leased(lease: Lease | undefined): void {
    this.#lease = lease;
    this.#follow();
  }

  /** The stack below, and then the program, gets the address that the interface has now. */
  #follow(): void {
    const { address } = this;
    const before = this.#address;
    this.#address = address;
    if (before !== undefined && before !== address) this.#parts.onReaddressed();
    if (address !== undefined) this.#parts.onAddress(address);
    this.#parts.onChanged(address !== undefined);
    if (address !== undefined) this.onEvent?.("got-address");
    this.#watcher?.();
  }
}

export interface StationParts {
  readonly clock: Clock;
  readonly dhcp: DhcpServer;
  readonly rssi: number | undefined;
  readonly link: LinkKind;
  readonly hasPhy: boolean;
  /** Addresses of the DNS servers that DHCP gives, in the place of those that the server has. */
  readonly dnsServers?: readonly string[] | undefined;
  /** Time to associate. */
  readonly joinMs: number;
  /** The stack below the program has an address, or none. */
  readonly onChanged: (online: boolean) => void;
  /** The stack's connections lose their address (netif_set_addr). */
  readonly onReaddressed: () => void;
  /** The network that the board is plugged into finds it at this address. */
  readonly onAddress: (address: string) => void;
  readonly onAir: (online: boolean) => void;
}
