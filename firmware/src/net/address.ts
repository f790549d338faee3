import { DIGIT_0, DIGIT_9, DOT } from "./ascii-codes.ts";

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";

export const ipv4 = () => new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

/** RFC 1123, and `_`, which Docker's names have. */
const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";

/** An IPv4 address, or a host name, whose last label is not of digits alone: so no mistyped IPv4 address is a name. */
export const ipv4OrHostName = () =>
  new RegExp(`^${OCTET}(\\.${OCTET}){3}$|^(?=.{1,253}$)(${LABEL}\\.)*(?!\\d+$)${LABEL}$`, "i");

/** True if `address`, which is an IPv4 address or a host name, is a name: it has more than digits and dots. */
export function isHostName(address: string): boolean {
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at);
    if (code !== DOT && (code < DIGIT_0 || code > DIGIT_9)) return true;
  }
  return false;
}

/** A name for the machine that asks (RFC 6761), which no server can be. */
export function isLocalhost(address: string): boolean {
  const name = address.toLowerCase();
  return name === "localhost" || name.endsWith(".localhost");
}

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
