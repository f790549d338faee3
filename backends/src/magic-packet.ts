/** UDP ports that magic packets are sent to; the network card looks at the bytes only (AMD, "Magic Packet Technology", 1995). */
export const WAKE_PORTS = [9, 7] as const;

const SYNC_BYTES = 6;
const REPETITIONS = 16;

/** The bytes of `01:02:03`, for MAC addresses and SecureOn passwords; throws on other texts. */
export function hexBytes(text: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(text))
    throw new Error(`"${text}": wanted pairs of hexadecimal digits, such as 24:0a:c4:00:00:01`);
  return Buffer.from(text.replaceAll(":", ""), "hex");
}

/**
 * Whether these bytes wake the computer with this MAC address, as its network card looks for it: anywhere six bytes ff, sixteen
 * times the address, and the SecureOn password if the card has one.
 */
export function wakes(bytes: Uint8Array, mac: string, secureOn?: string): boolean {
  const address = hexBytes(mac);
  const wanted = Buffer.concat([
    Buffer.alloc(SYNC_BYTES, 0xff),
    ...Array.from({ length: REPETITIONS }, () => address),
    secureOn === undefined ? Buffer.alloc(0) : hexBytes(secureOn),
  ]);
  return Buffer.from(bytes).includes(wanted);
}
