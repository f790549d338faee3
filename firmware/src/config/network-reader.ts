import { addressNumber, ipv4 } from "../net/address.ts";
import type { NetworkSettings } from "../platform.ts";
import { NETWORK_DEFAULTS } from "./network.ts";
import { brief, type DocumentReader, type Key } from "./reader.ts";

/** lwIP's resolver has as many (DNS_MAX_SERVERS). */
export const DNS_SERVERS_MAX = 3;

/** A DNS label (RFC 1123 section 2.1); ESP-IDF takes 32 bytes at most (esp_netif_set_hostname). */
const label = () => /^([a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?)?$/i;

const ADDRESS_WANTED = "an IPv4 address such as 192.168.1.50";
const NETMASK_WANTED = "a netmask such as 255.255.255.0";

/** Reads the key `network`, and complains about addresses that would cut the board off. */
export function readNetwork(check: DocumentReader, key: Key): NetworkSettings {
  if (key.value === undefined) return NETWORK_DEFAULTS;
  const faults = check.complaints.length;
  const { hostname, dns } = NETWORK_DEFAULTS;
  const address = (wanted: string) => (k: Key) =>
    check.optional(k, () => check.text(k, undefined, ipv4, wanted));
  const network = check.object<NetworkSettings>(key, {
    hostname: k =>
      check.text(k, hostname, label, "at most 32 letters, digits and dashes, such as hot-potato"),
    address: address(ADDRESS_WANTED),
    netmask: address(NETMASK_WANTED),
    gateway: address("the IPv4 address of the router, such as 192.168.1.1"),
    dns: k =>
      check.list(k, dns, 0, DNS_SERVERS_MAX, server =>
        check.text(server, undefined, ipv4, "the IPv4 address of a DNS server"),
      ),
  });
  if (check.complaints.length === faults) crossCheck(check, network);
  return network;
}

/** Complains about valid keys that contradict each other. */
function crossCheck(check: DocumentReader, settings: NetworkSettings): void {
  const { address, netmask, gateway, dns } = settings;
  const twice = dns.find((server, index) => dns.indexOf(server) !== index);
  if (twice !== undefined) check.complain(`network.dns: ${twice} is listed twice; list it once`);
  for (const server of dns) {
    if (!isHostAddress(server)) {
      check.complain(`network.dns: ${server} is not the address of a host`);
    }
  }
  if (address === undefined) {
    for (const [name, value] of [
      ["netmask", netmask],
      ["gateway", gateway],
    ]) {
      if (value === undefined) continue;
      check.complain(
        `network.${name}: is ${value}, which has an effect only with network.address; add the address, or leave out ${name} for DHCP`,
      );
    }
    return;
  }
  if (netmask === undefined || gateway === undefined) {
    const missing = netmask === undefined ? "netmask" : "gateway";
    const example = netmask === undefined ? "255.255.255.0" : "192.168.1.1";
    check.complain(
      `network.${missing}: missing, and network.address is ${address}; add it, such as ${example}, or leave out the address for DHCP`,
    );
    return;
  }
  const bits = prefixBits(netmask);
  if (bits === undefined) {
    check.complain(`network.netmask: is ${brief(netmask)}; wanted ${NETMASK_WANTED}`);
    return;
  }
  const network = rangeOf(address, bits);
  complainOf(check, "address", address, network);
  complainOf(check, "gateway", gateway, network);
  if (gateway === address) {
    check.complain(
      `network.gateway: is ${gateway}, the board's own address; wanted that of the router`,
    );
  }
}

/** Complains about an address that no host of the network, from its first to its last address, can have. */
function complainOf(
  check: DocumentReader,
  key: "address" | "gateway",
  address: string,
  [first, last]: readonly [number, number],
): void {
  const number = addressNumber(address);
  let fault: string | undefined;
  if (!isHostAddress(address)) fault = "which is not the address of a host";
  else if (number < first || number > last)
    fault = "which is not in the network of network.address";
  else if (number === first) fault = "which is the address of the network itself";
  else if (number === last) fault = "which is the network's broadcast address";
  if (fault === undefined) return;
  const wanted =
    key === "address" && !isHostAddress(address)
      ? ADDRESS_WANTED
      : `one from ${textOf(first + 1)} to ${textOf(last - 1)}`;
  check.complain(`network.${key}: is ${address}, ${fault}; wanted ${wanted}`);
}

/** Leading ones of a netmask; `undefined` if other bits are set, or no host would have an address. */
function prefixBits(netmask: string): number | undefined {
  for (let bits = 1; bits <= 30; bits++) {
    if (addressNumber(netmask) === 2 ** 32 - 2 ** (32 - bits)) return bits;
  }
  return undefined;
}

/** The first and the last address of a network. */
function rangeOf(address: string, bits: number): readonly [number, number] {
  const size = 2 ** (32 - bits);
  const from = Math.floor(addressNumber(address) / size) * size;
  return [from, from + size - 1];
}

/** False for this network (0/8), loopback (127/8), multicast and reserved addresses (224/3). */
function isHostAddress(address: string): boolean {
  const first = Number(address.split(".", 1)[0]);
  return first !== 0 && first !== 127 && first < 224;
}

function textOf(address: number): string {
  return [24, 16, 8, 0].map(shift => (address >>> shift) & 0xff).join(".");
}
