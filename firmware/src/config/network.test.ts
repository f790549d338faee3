import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";
import { NETWORK_DEFAULTS } from "./network.ts";

const backends = [{ address: "192.168.1.10", port: 8080 }];
const FIXED = { address: "192.168.1.50", netmask: "255.255.255.0", gateway: "192.168.1.1" };

function read(network: unknown) {
  const outcome = readConfig({ backends, network });
  return "complaints" in outcome ? outcome.complaints : outcome.config.network;
}

test("without the key there is no object for it in RAM", () => {
  expect(read(undefined)).toBe(NETWORK_DEFAULTS);
  expect(Object.isFrozen(NETWORK_DEFAULTS) && Object.isFrozen(NETWORK_DEFAULTS.dns)).toBe(true);
});

test.each([
  ["nothing", {}],
  ["a static address", FIXED],
  ["the first address of a network", { ...FIXED, address: "192.168.1.2" }],
  ["the last one", { ...FIXED, address: "192.168.1.254" }],
  ["a small network", { address: "10.0.0.5", netmask: "255.255.255.252", gateway: "10.0.0.6" }],
  ["a large one", { address: "10.1.2.3", netmask: "255.0.0.0", gateway: "10.255.255.254" }],
  ["three DNS servers", { dns: ["192.168.1.1", "1.1.1.1", "9.9.9.9"] }],
  ["a host name of 32 characters", { hostname: "p".repeat(32) }],
  ["no host name", { hostname: "" }],
])("%s is accepted", (_, network) => {
  expect(read(network)).toEqual({ ...NETWORK_DEFAULTS, ...network });
});

describe("a complaint names the key and the allowed values:", () => {
  test.each<[string, object, string]>([
    [
      "an address without a netmask",
      { address: "192.168.1.50" },
      "network.netmask: missing, and network.address is 192.168.1.50; add it, such as 255.255.255.0, or leave out the address for DHCP",
    ],
    [
      "an address without a gateway",
      { address: "192.168.1.50", netmask: "255.255.255.0" },
      "network.gateway: missing, and network.address is 192.168.1.50; add it, such as 192.168.1.1, or leave out the address for DHCP",
    ],
    [
      "a gateway without an address",
      { gateway: "192.168.1.1" },
      "network.gateway: is 192.168.1.1, which has an effect only with network.address; add the address, or leave out gateway for DHCP",
    ],
    [
      "a gateway of another network",
      { ...FIXED, gateway: "192.168.2.1" },
      "network.gateway: is 192.168.2.1, which is not in the network of network.address; wanted one from 192.168.1.1 to 192.168.1.254",
    ],
    [
      "the address of the network",
      { ...FIXED, address: "192.168.1.0" },
      "network.address: is 192.168.1.0, which is the address of the network itself; wanted one from 192.168.1.1 to 192.168.1.254",
    ],
    [
      "the broadcast address",
      { ...FIXED, address: "192.168.1.255" },
      "network.address: is 192.168.1.255, which is the network's broadcast address; wanted one from 192.168.1.1 to 192.168.1.254",
    ],
    [
      "the gateway as the address",
      { ...FIXED, address: "192.168.1.1" },
      "network.gateway: is 192.168.1.1, the board's own address; wanted that of the router",
    ],
    [
      "a loopback address",
      { address: "127.0.0.1", netmask: "255.0.0.0", gateway: "127.0.0.2" },
      "network.address: is 127.0.0.1, which is not the address of a host; wanted an IPv4 address such as 192.168.1.50",
    ],
    [
      "a netmask with gaps",
      { ...FIXED, netmask: "255.0.255.0" },
      'network.netmask: is "255.0.255.0"; wanted a netmask such as 255.255.255.0',
    ],
    [
      "a network of two addresses",
      { ...FIXED, netmask: "255.255.255.254" },
      'network.netmask: is "255.255.255.254"; wanted a netmask such as 255.255.255.0',
    ],
    [
      "a host name with a dot",
      { hostname: "potato.home" },
      'network.hostname: is "potato.home"; wanted at most 32 letters, digits and dashes, such as hot-potato',
    ],
    [
      "a host name of 33 characters",
      { hostname: "p".repeat(33) },
      `network.hostname: is "${"p".repeat(33)}"; wanted at most 32 letters, digits and dashes, such as hot-potato`,
    ],
    [
      "a host name that ends with a dash",
      { hostname: "potato-" },
      'network.hostname: is "potato-"; wanted at most 32 letters, digits and dashes, such as hot-potato',
    ],
    [
      "a DNS server twice",
      { dns: ["1.1.1.1", "1.1.1.1"] },
      "network.dns: 1.1.1.1 is listed twice; list it once",
    ],
    [
      "a multicast address as a DNS server",
      { dns: ["224.0.0.251"] },
      "network.dns: 224.0.0.251 is not the address of a host",
    ],
  ])("%s", (_, network, complaint) => {
    expect((read(network) as readonly string[])[0]).toBe(complaint);
  });
});
