const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

export const ipv4 = () => new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

/** `192.168.1.0/24`, or one address. */
export const network = () => new RegExp(`^${OCTET}(\\.${OCTET}){3}(/(3[0-2]|[12]?\\d))?$`);

/** A function that tells whether an IPv4 address belongs to one of the networks. */
export function trustedBy(networks: readonly string[]): (address: string) => boolean {
  const ranges = networks.map(network => {
    const [address, bits = "32"] = network.split("/");
    const mask = bits === "0" ? 0 : (-1 << (32 - Number(bits))) >>> 0;
    return { mask, base: (addressNumber(address) & mask) >>> 0 };
  });
  return address => {
    if (ranges.length === 0) return false;
    const asked = addressNumber(address);
    return ranges.some(({ mask, base }) => (asked & mask) >>> 0 === base);
  };
}

/** An IPv4 address as a number of 32 bits. */
export function addressNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
