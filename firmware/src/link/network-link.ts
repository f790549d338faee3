import { isSameAddressing } from "../config/network.ts";
import type { Report } from "../log/event.ts";
import type { Cancel, Clock, InterfaceState, Link, NetworkSettings } from "../platform.ts";
import { exceptionText } from "../text/exception.ts";

/** Pause between attempts to join; doubled each time up to the maximum, without an end. */
const RETRY_MS_MIN = 1_000;
export const RETRY_MS_MAX = 30_000;

/** An attempt to join that has no address after this time has failed: a DHCP server may never answer. */
export const JOIN_TIMEOUT_MS = 20_000;

/** Interval between looks at a driver that joins. */
const JOIN_CHECK_MS = 1_000;

/**
 * Interval between checks of the address. A renewed DHCP lease may bring another address or none, and the driver does
 * not call `onChanged` for that (wifi-esp32.c: doIPEvent, wifiConnectDeliver; ethernet-esp32.c alike).
 */
export const ADDRESS_CHECK_MS = 10_000;

/** Value of a driver's `connection` without a network; all lower ones mean less. */
const CONNECTION_NONE = 200;

/** The option `static` of `configure`; with `false` the address is that of DHCP. */
export type StaticAddress =
  | { readonly address: string; readonly mask: string; readonly gateway: string }
  | false;

/** The part that the SDK's drivers have in common (`embedded:network/interface/…`). */
export interface LinkDriver {
  configure(options: { hostname?: string; static?: StaticAddress }): void;
  close(): void;
  readonly connection: number;
  /** Without an IPv4 address it is an IPv6 one. */
  readonly address: string | undefined;
  readonly MAC: string | undefined;
}

export interface LinkParts {
  readonly clock: Clock;
  readonly report: Report;
  /** Asks the network interface. Absent where that is impossible. */
  state?(): InterfaceState | undefined;
}

/**
 * A link that joins its network, and rejoins without an end, without blocking: the driver does not. What Wi-Fi and
 * Ethernet do differently is in the classes that extend it.
 */
export abstract class NetworkLink<Driver extends LinkDriver> implements Link {
  abstract get kind(): "wifi" | "ethernet";
  /** The least `connection` of the driver at which its IPv4 address is that of the network. */
  protected abstract get readyFrom(): number;
  #parts: LinkParts;
  /** Created at the first attempt to join. */
  #driver: Driver | undefined;
  #network: NetworkSettings | undefined;
  /** The settings that the interface has, also when its driver was closed. */
  #configured: NetworkSettings | undefined;
  #address: string | undefined;
  #retryMs = RETRY_MS_MIN;
  #alarm: Cancel | undefined;
  #changed: (() => void) | undefined;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Creates the driver. */
  protected abstract open(onChanged: () => void): Driver;

  /** Begins to join, with a driver that is configured. */
  protected abstract connect(driver: Driver): void;

  /** Leaves the network, or ends an attempt to join it. */
  protected abstract disconnect(driver: Driver): void;

  /** The link has an address and had none. */
  protected joined(): void {}

  /** The link has lost its address, or an attempt to join has failed. */
  protected left(): void {}

  get address(): string | undefined {
    return this.#address;
  }

  get mac(): string | undefined {
    return this.#driver?.MAC;
  }

  get interfaceState(): InterfaceState | undefined {
    return this.#address === undefined ? undefined : this.#parts.state?.();
  }

  get dnsServers(): readonly string[] {
    const { dns = [] } = this.#network ?? {};
    return dns.length > 0 ? dns : (this.interfaceState?.dnsServers ?? []);
  }

  get rssi(): number | undefined {
    return undefined;
  }

  watch(changed: () => void): void {
    this.#changed = changed;
  }

  configure(network: NetworkSettings): void {
    const before = this.#network;
    this.#network = network;
    if (before === undefined) this.begin();
    else if (!isSameAddressing(before, network)) this.rejoin();
  }

  rejoin(): void {
    this.#retryMs = RETRY_MS_MIN;
    this.leave("leaving");
  }

  /** Joins for the first time. */
  protected begin(): void {
    this.attempt();
  }

  protected get driver(): Driver | undefined {
    return this.#driver;
  }

  /**
   * Gives the driver its settings; `before`: the settings that it has. It takes them before it connects, because the
   * host name goes into the next request to the DHCP server.
   */
  protected setUp(
    driver: Driver,
    network: NetworkSettings,
    before: NetworkSettings | undefined,
  ): void {
    const fixed = staticAddress(network);
    driver.configure(hostName(network));
    if (fixed !== false || before?.address !== undefined) driver.configure({ static: fixed });
  }

  private attempt(): void {
    try {
      this.#driver ??= this.open(() => this.notice());
      const network = this.#network!;
      if (this.#configured !== network) {
        this.setUp(this.#driver, network, this.#configured);
        this.#configured = network;
      }
      this.connect(this.#driver);
    } catch (error) {
      // The driver may not have found its hardware: it is opened anew at the next attempt.
      this.#driver?.close();
      this.#driver = undefined;
      this.failed(String(error));
      return;
    }
    this.awaitAddress(JOIN_TIMEOUT_MS);
  }

  /** Where an address appears without a call of `onChanged`, it is found within a second. */
  private awaitAddress(leftMs: number): void {
    const address = this.given;
    if (address !== undefined) this.use(address);
    else if (leftMs <= 0) this.failed();
    else this.after(JOIN_CHECK_MS, () => this.awaitAddress(leftMs - JOIN_CHECK_MS));
  }

  /** An exception that leaves the driver's callback reboots the chip, again at each join. */
  private notice(): void {
    try {
      const address = this.given;
      if (address !== undefined) {
        this.#retryMs = RETRY_MS_MIN;
        this.use(address);
      } else if (this.#driver!.connection <= CONNECTION_NONE) {
        this.failed();
      }
    } catch (error) {
      const { report } = this.#parts;
      report({ level: "E", on: "net", what: "exception", error: exceptionText(error) });
    }
  }

  /** The IPv4 address of the driver, once it is in the network. */
  private get given(): string | undefined {
    const { connection, address } = this.#driver!;
    return connection < this.readyFrom || address?.includes(":") ? undefined : address;
  }

  private use(address: string): void {
    this.after(ADDRESS_CHECK_MS, () => {
      const now = this.given;
      if (now === undefined) this.failed();
      else this.use(now);
    });
    if (address === this.#address) return;
    const isNew = this.#address === undefined;
    this.#address = address;
    if (isNew) this.joined();
    this.#changed?.();
  }

  private failed(error?: string): void {
    this.leave(this.#address === undefined ? "join-failed" : "lost", error);
  }

  /** Gives the address up, and joins again after a pause. */
  private leave(what: "lost" | "join-failed" | "leaving", error?: string): void {
    const hadAddress = this.#address !== undefined;
    this.#address = undefined;
    this.left();
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    const { report } = this.#parts;
    if (what === "leaving") report({ level: "I", on: "net", what, retryMs });
    else report({ level: "W", on: "net", what, retryMs, error });
    this.after(retryMs, () => {
      // A hanging attempt must be ended first; the disconnect of that is not another failure.
      if (this.#driver !== undefined) this.disconnect(this.#driver);
      this.after(RETRY_MS_MIN, () => this.attempt());
    });
    if (hadAddress) this.#changed?.();
  }

  private after(ms: number, task: () => void): void {
    this.#alarm?.();
    this.#alarm = this.#parts.clock.after(ms, task);
  }
}

/** The host name as the driver takes it. Without one the driver keeps what it has: ESP-IDF's at first. */
export function hostName({ hostname }: NetworkSettings): { hostname?: string } {
  return hostname === "" ? {} : { hostname };
}

/** The address as the driver takes it. */
export function staticAddress({ address, netmask, gateway }: NetworkSettings): StaticAddress {
  return address === undefined ? false : { address, mask: netmask!, gateway: gateway! };
}
