import { readFileSync } from "node:fs";

// Hellos of tests, put together from their parts (RFC 8446 section 4.1.2).

const word = (value: number) => [value >> 8, value & 255];
const codes = (text: string) => Array.from(text, letter => letter.charCodeAt(0));

export function extension(type: number, ...content: readonly number[]): number[] {
  return [...word(type), ...word(content.length), ...content];
}

/** The extension `server_name` with one host name. */
export function name(text: string): number[] {
  return extension(0, ...word(text.length + 3), 0, ...word(text.length), ...codes(text));
}

/** The extension `application_layer_protocol_negotiation`. */
export function alpn(...protocols: readonly string[]): number[] {
  const list = protocols.flatMap(protocol => [protocol.length, ...codes(protocol)]);
  return extension(16, ...word(list.length), ...list);
}

/** A ClientHello without records; `extensions: undefined`: not even an empty list. */
export function message({
  extensions,
}: {
  readonly extensions: readonly (readonly number[])[] | undefined;
}): Uint8Array {
  const list = extensions?.flat();
  const body = [
    ...[3, 3],
    ...new Array<number>(32).fill(0x5a),
    ...[0, 0, 2, 0x13, 0x01, 1, 0],
    ...(list === undefined ? [] : [...word(list.length), ...list]),
  ];
  return Uint8Array.of(1, body.length >> 16, ...word(body.length & 0xffff), ...body);
}

/** Handshake records of at most `size` bytes each. */
export function inRecords(content: Uint8Array, size = 16_384): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < content.length; at += size) {
    const piece = content.slice(at, at + size);
    bytes.push(22, 3, 1, ...word(piece.length), ...piece);
  }
  return Uint8Array.from(bytes);
}

export function clientHello(...extensions: readonly (readonly number[])[]): Uint8Array {
  return inRecords(message({ extensions }));
}

/** The first bytes that a real client has sent. */
export interface RecordedHello {
  /** Program, version and arguments. */
  readonly client: string;
  /** The name and the protocols that the client was asked for. */
  readonly serverName: string | undefined;
  readonly alpn: string;
  readonly hasEarlyData: boolean;
  /** Length of the hello, with the heads of its records; early data may follow. */
  readonly helloBytes: number;
  readonly bytes: Uint8Array;
}

export function recordedHellos(): RecordedHello[] {
  const [, ...lines] = readFileSync(new URL("recorded.txt", import.meta.url), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map(line => {
    const [client, serverName, alpn, early, helloBytes, bytes] = line.split("\t");
    return {
      client,
      serverName: serverName === "-" ? undefined : serverName,
      alpn: alpn === "-" ? "" : alpn,
      hasEarlyData: early === "early",
      helloBytes: Number(helloBytes),
      bytes: new Uint8Array(Buffer.from(bytes, "base64")),
    };
  });
}
