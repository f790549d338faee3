import { addressNumber } from "../net/address.ts";
import type { Link } from "../platform.ts";

/** The discard service, which most senders use, and echo: network cards look at neither. */
export const WAKE_PORTS: readonly number[] = Object.freeze([9, 7]);

const SYNC_BYTES = 6;
const MAC_BYTES = 6;
const MAC_COPIES = 16;

/** The broadcast address of the network that a datagram leaves by, whichever that is. */
const LIMITED_BROADCAST = "255.255.255.255";

/**
 * A magic packet (AMD's "Magic Packet Technology", 1995): six bytes of 255, the MAC address 16 times, and the password of the
 * network card (SecureOn), if it has one.
 */
export function wakePacket(mac: string, password = ""): Uint8Array {
  const address = bytesOf(mac);
  const secret = bytesOf(password);
  const end = SYNC_BYTES + MAC_COPIES * MAC_BYTES;
  const packet = new Uint8Array(end + secret.length);
  packet.fill(255, 0, SYNC_BYTES);
  for (let at = SYNC_BYTES; at < end; at += MAC_BYTES) packet.set(address, at);
  packet.set(secret, end);
  return packet;
}

/** Bytes in hexadecimal with colons. */
function bytesOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map(pair => Number.parseInt(pair, 16));
}

/** The broadcast address of the board's network; that of any network where its netmask is not known. */
export function broadcastAddress({
  address,
  interfaceState,
}: Pick<Link, "address" | "interfaceState">): string {
  if (address === undefined || interfaceState === undefined) return LIMITED_BROADCAST;
  const host = ~addressNumber(interfaceState.netmask) >>> 0;
  if (host <= 1) return LIMITED_BROADCAST; // RFC 3021: a network of two addresses has none
  const all = (addressNumber(address) | host) >>> 0;
  return [24, 16, 8, 0].map(shift => (all >>> shift) & 255).join(".");
}
