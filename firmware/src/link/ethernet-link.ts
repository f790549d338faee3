import type { Link, NetworkSettings } from "../platform.ts";
import {
  hostName,
  type LinkDriver,
  type LinkParts,
  NetworkLink,
  staticAddress,
} from "./network-link.ts";

/** Value of the driver's `connection` with a cable. With 500 it has an IPv6 address, too. */
const CONNECTION_CABLE = 400;

/** Stops DHCP, and leaves the interface without an address. */
const NO_ADDRESS = Object.freeze({ address: "0.0.0.0", mask: "0.0.0.0", gateway: "0.0.0.0" });

export interface EthernetParts extends LinkParts {
  readonly Ethernet: new (options: { onChanged(property: string): void }) => LinkDriver;
}

/** Opens the Ethernet link; it joins when it is configured. */
export function openEthernet(parts: EthernetParts): Link {
  return new EthernetLink(parts);
}

/**
 * A wired link. The driver is started by its constructor, and joins by itself whenever a cable is plugged in
 * (ethernet-esp32.c). Its `connect` must not be called: with a static address it claims to be connected without a cable.
 * Its `disconnect` changes only what it says.
 */
class EthernetLink extends NetworkLink<LinkDriver> {
  #Ethernet: EthernetParts["Ethernet"];

  constructor(parts: EthernetParts) {
    super(parts);
    this.#Ethernet = parts.Ethernet;
  }

  get kind(): "ethernet" {
    return "ethernet";
  }

  protected get readyFrom(): number {
    return CONNECTION_CABLE;
  }

  protected open(onChanged: () => void): LinkDriver {
    return new this.#Ethernet({ onChanged });
  }

  protected override setUp(
    driver: LinkDriver,
    network: NetworkSettings,
    before: NetworkSettings | undefined,
  ): void {
    try {
      driver.configure({});
    } catch {
      throw new Error("no Ethernet PHY answers"); // "not initialized"
    }
    driver.configure(hostName(network));
    const fixed = staticAddress(network);
    if (before === undefined && fixed === false) return;
    // The lease is kept while the cable is plugged in: only a new start of DHCP sends another host name.
    if (fixed === false) driver.configure({ static: NO_ADDRESS });
    driver.configure({ static: fixed });
  }

  protected connect(): void {}

  protected disconnect(): void {}
}
