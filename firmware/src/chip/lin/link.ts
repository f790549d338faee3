import type { OpenLink } from "../exports.ts";

/** The SDK's Linux simulator uses the computer's network, which is always up. DNS servers are those of the configuration. */
export const openLink: OpenLink = () => {
  let dnsServers: readonly string[] = [];
  return {
    address: "127.0.0.1",
    rssi: undefined,
    get dnsServers() {
      return dnsServers;
    },
    watch() {},
    configure(network) {
      dnsServers = network.dns;
    },
  };
};
