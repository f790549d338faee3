import type { AddressingOptions } from "../platform.ts";
import type { FixedAddress, Station } from "../station.ts";
import { dottedAddress } from "./address.ts";

// The options of `configure` that the SDK's two classes of network interfaces have in common.

/** Longest host name, in bytes (esp_netif_set_hostname). */
const HOSTNAME_BYTES_MAX = 32;

/** Sets the host name that the next DHCP request has. Throws where ESP-IDF refuses it. */
export function setHostname(station: Station, hostname: string): void {
  if (Buffer.byteLength(hostname) > HOSTNAME_BYTES_MAX) throw new Error("set hostname failed");
  station.hostname = hostname;
}

/** The static address of the options; a RangeError names the first key that is no IPv4 address. */
export function fixedAddress(
  options: Exclude<AddressingOptions["static"], undefined | false>,
): FixedAddress {
  const [address, netmask, gateway] = (["address", "mask", "gateway"] as const).map(key => {
    const text = dottedAddress(options[key]);
    if (text === undefined) throw new RangeError(`invalid ${key}`);
    return text;
  });
  return { address, netmask, gateway };
}
