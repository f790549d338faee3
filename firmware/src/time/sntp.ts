/** Messages of SNTP (RFC 4330), which is NTP (RFC 5905) as a client needs it. */

export const NTP_PORT = 123;

/** A message without extensions or authentication. */
export const NTP_BYTES = 48;

// The first byte: leap indicator (2 bits), version (3), mode (3).
const VERSION = 4;
const VERSION_MIN = 3;
const CLIENT = 3;
const SERVER = 4;
const NOT_SYNCHRONIZED = 3;

/** Servers that do not know the time say 0 or 16 (RFC 5905 figure 11). */
const STRATUM_MAX = 15;

/** A server further than this from its source of time does not know it (RFC 5905: MAXDIST and MAXDISP; RFC 4330: 1 s). */
const ROOT_DISTANCE_MAX_S = 1;

// Where the fields are.
const ROOT_DELAY = 4;
const ROOT_DISPERSION = 8;
const REFERENCE_ID = 12;
const ORIGINATE = 24;
const RECEIVE = 32;
const TRANSMIT = 40;

/** Seconds from 1900, where NTP begins, to 1970. */
const UNIX_EPOCH_S = 2_208_988_800;
const ERA_S = 2 ** 32;

/** Units of a fraction of a second, and of NTP's short times. */
const FRACTION = 2 ** 32;
const SHORT_FRACTION = 2 ** 16;

export interface NtpTime {
  /** When the server has got the request, and sent the answer, in ms since 1970. */
  readonly receivedMs: number;
  readonly sentMs: number;
}

/** A request. The board does not know the time: its transmit timestamp is a random number that the answer must repeat. */
export function ntpRequest(random: () => number): Uint8Array {
  const bytes = new Uint8Array(NTP_BYTES);
  bytes[0] = (VERSION << 3) | CLIENT;
  for (let at = TRANSMIT; at < NTP_BYTES; at++) bytes[at] = random() * 256;
  return bytes;
}

/**
 * Reads the answer to a request. `undefined`: it is none. A server that asks for fewer requests, or for none, gives its code
 * ("kiss-o'-death", RFC 5905 section 7.4) instead of the time; `unsynchronized` is one that does not know it.
 */
export function readNtpAnswer(
  bytes: Uint8Array,
  request: Uint8Array,
): NtpTime | { readonly refusal: string } | undefined {
  if (bytes.byteLength < NTP_BYTES || (bytes[0] & 7) !== SERVER) return undefined;
  const version = (bytes[0] >> 3) & 7;
  if (version < VERSION_MIN || version > VERSION) return undefined;
  for (let i = 0; i < 8; i++) {
    if (bytes[ORIGINATE + i] !== request[TRANSMIT + i]) return undefined;
  }
  const stratum = bytes[1];
  if (stratum === 0) return { refusal: kissCode(bytes) };
  const receivedMs = timeAt(bytes, RECEIVE);
  const sentMs = timeAt(bytes, TRANSMIT);
  if (receivedMs === undefined || sentMs === undefined || sentMs < receivedMs) return undefined;
  const delayS = longAt(bytes, ROOT_DELAY) / SHORT_FRACTION;
  const dispersionS = longAt(bytes, ROOT_DISPERSION) / SHORT_FRACTION;
  const isKnown =
    bytes[0] >> 6 !== NOT_SYNCHRONIZED &&
    stratum <= STRATUM_MAX &&
    delayS / 2 + dispersionS <= ROOT_DISTANCE_MAX_S;
  return isKnown ? { receivedMs, sentMs } : { refusal: "unsynchronized" };
}

/** Four capital letters, such as `RATE`; without them the server is not synchronized yet. */
function kissCode(bytes: Uint8Array): string {
  let code = "";
  for (let i = 0; i < 4; i++) {
    const byte = bytes[REFERENCE_ID + i];
    if (byte < 65 || byte > 90) return "unsynchronized";
    code += String.fromCharCode(byte);
  }
  return code;
}

/** A timestamp in ms since 1970; `undefined` if it is not set. Those below 2^31 s are of the era after 2036 (RFC 4330 section 3). */
function timeAt(bytes: Uint8Array, at: number): number | undefined {
  const seconds = longAt(bytes, at);
  const fraction = longAt(bytes, at + 4);
  if (seconds === 0 && fraction === 0) return undefined;
  const era = seconds < ERA_S / 2 ? ERA_S : 0;
  return (era + seconds - UNIX_EPOCH_S) * 1000 + (fraction / FRACTION) * 1000;
}

function longAt(bytes: Uint8Array, at: number): number {
  return bytes[at] * 2 ** 24 + ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]);
}
