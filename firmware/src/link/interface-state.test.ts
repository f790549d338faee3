import { expect, test } from "vitest";
import { interfaceState } from "./interface-state.ts";

/** ESP-IDF with the DNS servers of one interface; the type of an address is behind its 20 bytes. */
function idf(servers: readonly (readonly number[])[], type = 0) {
  return {
    esp_netif_get_handle_from_ifkey: (key: string) => (key === "WIFI_STA_DEF" ? 7 : 0),
    esp_netif_get_ip_info(handle: number, info: ArrayBuffer) {
      new Uint8Array(info).set([192, 168, 1, 7, 255, 255, 255, 0, 192, 168, 1, 1]);
      return handle === 7 ? 0 : 0x102;
    },
    esp_netif_get_dns_info(_handle: number, kind: number, info: ArrayBuffer) {
      if (servers[kind] === undefined) return 0x5001;
      const bytes = new Uint8Array(info);
      bytes.set(servers[kind]);
      bytes[20] = type;
      return 0;
    },
  };
}

test("the netmask, the router and the DNS servers are those of the interface", () => {
  const servers = [
    [192, 168, 1, 1],
    [0, 0, 0, 0],
    [9, 9, 9, 9],
  ];
  expect(interfaceState(idf(servers), "WIFI_STA_DEF")).toEqual({
    netmask: "255.255.255.0",
    gateway: "192.168.1.1",
    dnsServers: ["192.168.1.1", "9.9.9.9"],
  });
});

test("an IPv6 server is left out, and so is one that cannot be read", () => {
  expect(interfaceState(idf([[0xfe, 0x80, 0, 0]], 6), "WIFI_STA_DEF")?.dnsServers).toEqual([]);
});

test("an interface that does not exist has no state", () => {
  expect(interfaceState(idf([]), "ETH_DEF")).toBe(undefined);
});
