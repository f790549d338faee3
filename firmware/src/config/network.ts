import { deepFreeze } from "../deep-freeze.ts";
import type { NetworkSettings } from "../platform.ts";

/**
 * Trial of another network or address: it is kept if it is confirmed within this time, in which the operator has to
 * change networks, too, and to find the new address.
 */
export const NETWORK_TRIAL_MS = 120_000;

/** A constant in flash: a board without the key `network` has no such object in RAM. */
export const NETWORK_DEFAULTS = deepFreeze<NetworkSettings>({
  hostname: "hot-potato",
  address: undefined,
  netmask: undefined,
  gateway: undefined,
  dns: [],
});

/** True if both give the board the same name and address: what differs can lock no operator out. */
export function isSameAddressing(one: NetworkSettings, other: NetworkSettings): boolean {
  return (
    one.hostname === other.hostname &&
    one.address === other.address &&
    one.netmask === other.netmask &&
    one.gateway === other.gateway
  );
}
