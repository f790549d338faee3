import { ascii } from "../text/ascii.ts";

/** Which PROXY protocol a backend expects before a connection's first byte. */
export type ProxyProtocol = "none" | "v1" | "v2";

/** One end of a connection: an IPv4 address and a port. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** The signature of a version 2 header. */
const SIGNATURE = Object.freeze([
  0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a,
]);

const VERSION_2_LOCAL = 0x20;
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const UNSPECIFIED = 0x00;

/** Two addresses and two ports. */
const IPV4_BYTES = 12;

/**
 * The header sent to a backend before the first byte of a connection: the client's address and the address it
 * connected to. Without a client it announces a connection of the proxy's own, such as a health check. (HAProxy's
 * proxy-protocol.txt.)
 */
export function proxyHeader(
  version: Exclude<ProxyProtocol, "none">,
  client?: Address,
  destination?: Address,
): Uint8Array {
  const known = client !== undefined && destination !== undefined;
  if (version === "v1") {
    return known
      ? ascii(
          `PROXY TCP4 ${client.address} ${destination.address} ${client.port} ${destination.port}\r\n`,
        )
      : ascii("PROXY UNKNOWN\r\n");
  }
  if (!known) return Uint8Array.of(...SIGNATURE, VERSION_2_LOCAL, UNSPECIFIED, 0, 0);
  return Uint8Array.of(
    ...SIGNATURE,
    VERSION_2_PROXY,
    TCP_OVER_IPV4,
    0,
    IPV4_BYTES,
    ...octets(client.address),
    ...octets(destination.address),
    client.port >> 8,
    client.port & 255,
    destination.port >> 8,
    destination.port & 255,
  );
}

function octets(address: string): number[] {
  return address.split(".").map(Number);
}
