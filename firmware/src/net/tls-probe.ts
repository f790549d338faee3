/** The beginning of a TLS connection, with which a health check asks a server whether it is there. */

// Ciphers and extensions that common servers know, from TLS 1.0 on (RFC 8446, RFC 8422). The numbers are IANA's.
const CIPHERS = Object.freeze([
  ...[0x13, 0x01, 0x13, 0x02, 0x13, 0x03], // TLS 1.3: AES-GCM, ChaCha20
  ...[0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8], // the same with ECDHE
  ...[0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x0a, 0xc0, 0x14], // ECDHE, AES-CBC
  ...[0x00, 0x9c, 0x00, 0x9d, 0x00, 0x2f, 0x00, 0x35], // RSA
]);

const EXTENSIONS = Object.freeze([
  ...[0x00, 0x0a, 0, 8, 0, 6, 0x00, 0x1d, 0x00, 0x17, 0x00, 0x18], // groups: X25519, P-256, P-384
  ...[0x00, 0x0b, 0, 2, 1, 0], // points: uncompressed
  // Signatures: ECDSA, RSA-PSS and RSA with SHA-256, 384 and 512, Ed25519, RSA with SHA-1.
  ...[
    0x00, 0x0d, 0, 24, 0, 22, 0x04, 0x03, 0x05, 0x03, 0x06, 0x03, 0x08, 0x04, 0x08, 0x05, 0x08,
    0x06,
  ],
  ...[0x04, 0x01, 0x05, 0x01, 0x06, 0x01, 0x08, 0x07, 0x02, 0x01],
  ...[0x00, 0x17, 0, 0], // extended master secret
  ...[0xff, 0x01, 0, 1, 0], // secure renegotiation
  ...[0x00, 0x2b, 0, 9, 8, 3, 4, 3, 3, 3, 2, 3, 1], // versions: TLS 1.3 to 1.0
  ...[0x00, 0x33, 0, 38, 0, 36, 0x00, 0x1d, 0, 32], // a share of X25519; its key follows
]);

/** The random bytes, and the X25519 key. The check ends before either protects anything; any bytes are a key. */
const FILLER = 9;
const FILLER_BYTES = 32;

const RECORD_HEAD_BYTES = 5;
const MESSAGE_HEAD_BYTES = 4;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;

/** A ClientHello for a server of that name, if it has one; an IP address is none (RFC 6066). */
export function clientHello(serverName: string | undefined): Uint8Array {
  const nameBytes = serverName === undefined ? 0 : 9 + serverName.length;
  const extensionBytes = nameBytes + EXTENSIONS.length + FILLER_BYTES;
  const messageBytes = 2 + FILLER_BYTES + 1 + 2 + CIPHERS.length + 2 + 2 + extensionBytes;
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + MESSAGE_HEAD_BYTES + messageBytes);
  let at = 0;
  const byte = (value: number) => {
    bytes[at++] = value;
  };
  const word = (value: number) => {
    byte(value >> 8);
    byte(value & 255);
  };
  const filler = () => {
    bytes.fill(FILLER, at, at + FILLER_BYTES);
    at += FILLER_BYTES;
  };
  byte(HANDSHAKE);
  word(0x0301);
  word(MESSAGE_HEAD_BYTES + messageBytes);
  byte(CLIENT_HELLO);
  byte(0);
  word(messageBytes);
  word(0x0303);
  filler();
  byte(0); // no session
  word(CIPHERS.length);
  bytes.set(CIPHERS, at);
  at += CIPHERS.length;
  word(0x0100); // no compression
  word(extensionBytes);
  if (serverName !== undefined) {
    word(0);
    word(5 + serverName.length);
    word(3 + serverName.length);
    byte(0);
    word(serverName.length);
    for (let i = 0; i < serverName.length; i++) byte(serverName.charCodeAt(i));
  }
  bytes.set(EXTENSIONS, at);
  at += EXTENSIONS.length;
  filler();
  return bytes;
}

const ALERT = 21;
const ALERT_BYTES = 2;
const WARNING = 1;
const CLOSE_NOTIFY = 0;
const SERVER_HELLO = 2;

/**
 * A server's answer to a ClientHello: `server-hello`, one of any version, or the number of the alert with which it
 * refuses (RFC 8446 section 6). `more`: too few bytes. Warnings before its hello, as of a name that it does not know, are skipped.
 */
export function readServerHello(
  bytes: Uint8Array,
): "server-hello" | "more" | "not-tls" | { readonly alert: number } {
  const count = bytes.byteLength;
  for (let at = 0; ; at += RECORD_HEAD_BYTES + ALERT_BYTES) {
    if (at === count) return "more";
    const type = bytes[at];
    if (type !== HANDSHAKE && type !== ALERT) return "not-tls";
    if (at + 1 < count && bytes[at + 1] !== 3) return "not-tls";
    if (at + RECORD_HEAD_BYTES > count) return "more";
    const recordBytes = (bytes[at + 3] << 8) | bytes[at + 4];
    const content = at + RECORD_HEAD_BYTES;
    if (type === HANDSHAKE) {
      if (recordBytes === 0) return "not-tls";
      if (content === count) return "more";
      return bytes[content] === SERVER_HELLO ? "server-hello" : "not-tls";
    }
    if (recordBytes !== ALERT_BYTES) return "not-tls";
    if (content + ALERT_BYTES > count) return "more";
    const alert = bytes[content + 1];
    if (bytes[content] !== WARNING || alert === CLOSE_NOTIFY) return { alert };
  }
}
