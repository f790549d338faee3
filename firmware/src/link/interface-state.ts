import type { InterfaceState } from "../platform.ts";

/** Functions of ESP-IDF (esp_netif.h). Those that return a number other than 0 have failed. */
export interface InterfaceFunctions {
  esp_netif_get_handle_from_ifkey(key: string): number;
  esp_netif_get_ip_info(handle: number, info: ArrayBuffer): number;
  esp_netif_get_dns_info(handle: number, kind: number, info: ArrayBuffer): number;
}

/** Sizes in bytes of ESP-IDF's esp_netif_ip_info_t (address, netmask, gateway) and esp_netif_dns_info_t. */
const IP_INFO_BYTES = 12;
const DNS_INFO_BYTES = 24;

/** Where the type of the address is in an esp_netif_dns_info_t, and its value for IPv4. */
const DNS_TYPE_OFFSET = 20;
const TYPE_IPV4 = 0;

/** The number of kinds of DNS servers (esp_netif_dns_type_t): main, backup, fallback. */
const DNS_KINDS = 3;

/** Asks ESP-IDF for what DHCP has set; `key` is its name of the interface, such as `WIFI_STA_DEF`. */
export function interfaceState(idf: InterfaceFunctions, key: string): InterfaceState | undefined {
  const handle = idf.esp_netif_get_handle_from_ifkey(key);
  const info = new ArrayBuffer(IP_INFO_BYTES);
  if (handle === 0 || idf.esp_netif_get_ip_info(handle, info) !== 0) return undefined;
  const dnsServers: string[] = [];
  for (let kind = 0; kind < DNS_KINDS; kind++) {
    const server = new ArrayBuffer(DNS_INFO_BYTES);
    if (idf.esp_netif_get_dns_info(handle, kind, server) !== 0) continue;
    const bytes = new Uint8Array(server);
    const address = addressAt(bytes, 0);
    if (bytes[DNS_TYPE_OFFSET] === TYPE_IPV4 && address !== "0.0.0.0") dnsServers.push(address);
  }
  const bytes = new Uint8Array(info);
  return { netmask: addressAt(bytes, 4), gateway: addressAt(bytes, 8), dnsServers };
}

/** The four bytes of an IPv4 address, which are in the order of the network. */
function addressAt(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}
