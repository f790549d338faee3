import { textOf } from "../text/ascii.ts";
import { COMMA, DOT, HYPHEN, UNDERSCORE } from "./ascii-codes.ts";

/**
 * Longest hello that is read, with the heads of its records, in bytes. Hellos of Chromium with post-quantum key shares
 * have 2,000; session tickets add some hundreds. sslsplit, whose 1,024 were too few, has chosen the same limit.
 */
export const HELLO_BYTES_MAX = 4096;

/** Records that one hello may lie in. OpenSSL's smallest ones have 512 bytes (`max_send_fragment`), which makes 8. */
const RECORDS_MAX = 64;

/** Longest text of `Hello.alpn`, in characters; further protocols are left out. */
export const ALPN_CHARS_MAX = 64;

/** The fields of a ClientHello (RFC 8446 section 4.1.2) that decide where it is sent. */
export interface Hello {
  /**
   * The name of the server that is wanted (RFC 6066), in lower case and without a dot at its end; of an encrypted
   * hello (ECH) the outer one. `undefined` if there is none, or if it is no DNS name, as an IP address.
   */
  readonly serverName: string | undefined;
  /** The application protocols that the client offers, in its order: `h2,http/1.1`. Unprintable ones are left out. */
  readonly alpn: string;
  /** Encrypted requests follow at once (0-RTT), which may have effects at each server that gets them. */
  readonly hasEarlyData: boolean;
  /** Length of the hello with the heads of its records. */
  readonly bytes: number;
}

// RFC 8446 section 5.1, a record: type, version (2), length (2). Section 4, a message: type, length (3).
const RECORD_HEAD_BYTES = 5;
const RECORD_BYTES_MAX = 16_384;
const HANDSHAKE = 22;
const SSL3_OR_TLS = 3;
const MESSAGE_HEAD_BYTES = 4;
const CLIENT_HELLO = 1;

// Section 4.1.2: version (2), random (32), a session id (1), ciphers (2), at least one (2), compression (1), "none" (1).
const FIXED_BYTES = 34;
const MESSAGE_BYTES_MIN = FIXED_BYTES + 7;
const SESSION_ID_BYTES_MAX = 32;

// Extensions; those that are not named here, GREASE among them, are skipped.
const SERVER_NAME = 0;
const ALPN = 16;
const EARLY_DATA = 42;

const DIGIT_0 = 48;
const DIGIT_9 = 57;
const UPPER_A = 65;
const UPPER_Z = 90;
const LOWER_A = 97;
const LOWER_Z = 122;

const HOST_NAME = 0;
const NAME_CHARS_MAX = 253;
const LABEL_CHARS_MAX = 63;

/**
 * Reads the ClientHello at the beginning of `bytes`, which are all that a client has sent. Half a hello is not judged:
 * `more`, unless what has arrived excludes that it is one.
 *
 * - `not-tls`: another protocol (SSL 2 counts as one).
 * - `too-long`: longer than `HELLO_BYTES_MAX`, or in more than `RECORDS_MAX` records.
 * - `malformed`: it begins as a hello, and no TLS server could read it.
 */
export function readHello(
  bytes: Uint8Array,
): Hello | "more" | "not-tls" | "too-long" | "malformed" {
  const count = bytes.byteLength;
  let at = 0;
  let headBytes = 0;
  let messageBytes = 0;
  let left = 0;
  for (let record = 0; record < RECORDS_MAX; record++) {
    const impossible = record === 0 ? "not-tls" : "malformed";
    if (at < count && bytes[at] !== HANDSHAKE) return impossible;
    if (at + 1 < count && bytes[at + 1] !== SSL3_OR_TLS) return impossible;
    if (at + RECORD_HEAD_BYTES > count) return "more";
    const recordBytes = (bytes[at + 3] << 8) | bytes[at + 4];
    if (recordBytes === 0 || recordBytes > RECORD_BYTES_MAX) return impossible;
    at += RECORD_HEAD_BYTES;
    const end = at + recordBytes;
    for (; headBytes < MESSAGE_HEAD_BYTES && at < end; at++, headBytes++) {
      if (at >= count) return "more";
      if (headBytes > 0) messageBytes = (messageBytes << 8) | bytes[at];
      else if (bytes[at] !== CLIENT_HELLO) return "not-tls";
      left = messageBytes;
    }
    if (headBytes === MESSAGE_HEAD_BYTES) {
      if (messageBytes < MESSAGE_BYTES_MIN) return "malformed";
      if (left <= end - at) {
        const bytesNeeded = at + left;
        if (bytesNeeded > HELLO_BYTES_MAX) return "too-long";
        if (bytesNeeded > count) return "more";
        return readMessage(new Cursor(bytes), messageBytes, bytesNeeded);
      }
      left -= end - at;
      if (end + RECORD_HEAD_BYTES + left > HELLO_BYTES_MAX) return "too-long";
    }
    at = end;
  }
  return "too-long";
}

/** The contents of a hello of `messageBytes` that has arrived as a whole. */
function readMessage(from: Cursor, messageBytes: number, bytes: number): Hello | "malformed" {
  from.skip(MESSAGE_HEAD_BYTES);
  if (from.byte() < SSL3_OR_TLS) return "malformed";
  from.skip(FIXED_BYTES - 1);
  const sessionIdBytes = from.byte();
  let left = messageBytes - FIXED_BYTES - 1 - sessionIdBytes;
  if (sessionIdBytes > SESSION_ID_BYTES_MAX || left < 2) return "malformed";
  from.skip(sessionIdBytes);
  const cipherBytes = from.word();
  left -= 2 + cipherBytes;
  if (cipherBytes < 2 || left < 1) return "malformed";
  from.skip(cipherBytes);
  const compressionBytes = from.byte();
  left -= 1 + compressionBytes;
  if (compressionBytes < 1 || left < 0 || left === 1) return "malformed";
  from.skip(compressionBytes);

  let serverName: string | undefined;
  let alpn = "";
  let hasName = false;
  let hasAlpn = false;
  let hasEarlyData = false;
  // Hellos of SSL 3 and of some TLS 1.0 clients end here.
  if (left > 0) {
    left -= 2;
    if (from.word() !== left) return "malformed";
  }
  while (left > 0) {
    if (left < 4) return "malformed";
    const type = from.word();
    const extensionBytes = from.word();
    left -= 4 + extensionBytes;
    if (left < 0) return "malformed";
    if (type === SERVER_NAME && !hasName) {
      hasName = true;
      if (extensionBytes < 2) return "malformed";
      const list = from.word();
      if (list < 4 || list > extensionBytes - 2) return "malformed";
      const isHostName = from.byte() === HOST_NAME;
      const nameBytes = from.word();
      if (nameBytes > list - 3) return "malformed";
      if (isHostName && nameBytes <= NAME_CHARS_MAX + 1) serverName = readName(from, nameBytes);
      else from.skip(nameBytes);
      from.skip(extensionBytes - 5 - nameBytes);
    } else if (type === ALPN && !hasAlpn) {
      hasAlpn = true;
      if (extensionBytes < 2 || from.word() !== extensionBytes - 2) return "malformed";
      const protocols = readProtocols(from, extensionBytes - 2);
      if (protocols === undefined) return "malformed";
      alpn = protocols;
    } else {
      if (type === EARLY_DATA) hasEarlyData = true;
      from.skip(extensionBytes);
    }
  }
  return { serverName, alpn, hasEarlyData, bytes };
}

/** Reads all of a name; the result is `undefined` if it is no DNS name. */
function readName(from: Cursor, nameBytes: number): string | undefined {
  const name = new Uint8Array(nameBytes);
  let isName = true;
  let labelAt = 0;
  let isNumber = true; // the last label: an IPv4 address has one
  for (let at = 0; at < nameBytes; at++) {
    let byte = from.byte();
    if (byte >= LOWER_A && byte <= LOWER_Z) {
      isNumber = false; // most are of these
    } else if (byte === DOT) {
      if (at === labelAt || at - labelAt > LABEL_CHARS_MAX) isName = false;
      labelAt = at + 1;
      if (labelAt < nameBytes) isNumber = true;
    } else {
      const isNoDigit = byte < DIGIT_0 || byte > DIGIT_9;
      if (isNoDigit) isNumber = false;
      if (byte >= UPPER_A && byte <= UPPER_Z) byte += LOWER_A - UPPER_A;
      else if (isNoDigit && byte !== HYPHEN && byte !== UNDERSCORE) isName = false;
    }
    name[at] = byte;
  }
  const end = labelAt === nameBytes ? nameBytes - 1 : nameBytes;
  if (!isName || isNumber || end > NAME_CHARS_MAX || nameBytes - labelAt > LABEL_CHARS_MAX) {
    return undefined;
  }
  return textOf(name, 0, end);
}

/** Reads a list of `left` bytes; `undefined` if it is malformed. */
function readProtocols(from: Cursor, left: number): string | undefined {
  const text = new Uint8Array(ALPN_CHARS_MAX);
  let end = 0;
  while (left > 0) {
    const bytes = from.byte();
    left -= 1 + bytes;
    if (bytes === 0 || left < 0) return undefined;
    let at = end === 0 ? 0 : end + 1;
    let isPrintable = at + bytes <= ALPN_CHARS_MAX;
    if (!isPrintable) {
      from.skip(bytes);
      continue;
    }
    for (let i = 0; i < bytes; i++) {
      const byte = from.byte();
      if (!isProtocolChar(byte)) isPrintable = false;
      text[at++] = byte;
    }
    if (!isPrintable) continue;
    if (end > 0) text[end] = COMMA;
    end = at;
  }
  return textOf(text, 0, end);
}

/** Letters, digits, `-`, `.`, `/` and `_`: the printable names of IANA's registry have no others. */
function isProtocolChar(byte: number): boolean {
  if (byte >= LOWER_A) return byte <= LOWER_Z;
  return (
    (byte >= HYPHEN && byte <= DIGIT_9) || // `.` and `/` are between them
    (byte >= UPPER_A && byte <= UPPER_Z) ||
    byte === UNDERSCORE
  );
}

/** Reads the contents of records one after the other, as if nothing were between them. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Bytes of the record that are left. */
  #left = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    while (count > this.#left) {
      count -= this.#left;
      this.nextRecord();
    }
    this.#at += count;
    this.#left -= count;
  }

  byte(): number {
    if (this.#left === 0) this.nextRecord();
    this.#left--;
    return this.#bytes[this.#at++];
  }

  /** Two bytes, the first one counts more. */
  word(): number {
    if (this.#left < 2) return (this.byte() << 8) | this.byte();
    const at = this.#at;
    this.#at = at + 2;
    this.#left -= 2;
    const bytes = this.#bytes;
    return (bytes[at] << 8) | bytes[at + 1];
  }

  private nextRecord(): void {
    const head = this.#at + this.#left;
    this.#left = (this.#bytes[head + 3] << 8) | this.#bytes[head + 4];
    this.#at = head + RECORD_HEAD_BYTES;
  }
}
