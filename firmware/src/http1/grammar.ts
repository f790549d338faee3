import { COLON, DOT, SPACE, TAB } from "../net/ascii-codes.ts";

// Bytes that a part of a head may contain (RFC 9112, RFC 9110 section 5.6.2): 1 for those, else 0.

const ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** Names of fields, and methods. */
export const TOKEN = these(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`);

/** Values of fields. */
export const VALUE = visible("", "\t ");

/** A request's target; a fragment (#) is never sent. */
export const TARGET = visible("#", "");

/** The authority of a target, and Host. No valid host needs a %, and some servers would decode it. */
export const HOST = these(`${ALPHANUMERIC}-._~!$&'()*+,;=:[]`);

/** A name or an IPv4 address in an authority. */
const HOST_NAME = these(`${ALPHANUMERIC}-._~!$&'()*+,;=`);

/** Characters of Host: names have 253 at most, and a port may follow (RFC 1035). */
export const HOST_BYTES_MAX = 260;

/** Digits of a port in an authority. */
export const PORT_DIGITS_MAX = 5;

/** Characters that mean the same encoded and not (RFC 3986 section 2.3). */
export const UNRESERVED = these(`${ALPHANUMERIC}-._~`);

/** A path's bytes but those that may be read in several ways: its query begins behind them. */
export const PLAIN_PATH = visible("#?%;\\", "");

function these(text: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let i = 0; i < text.length; i++) table[text.charCodeAt(i)] = 1;
  return table;
}

function visible(but: string, and: string): Uint8Array {
  const table = these(and);
  for (let byte = 33; byte < 256; byte++) {
    if (byte !== 127 && !but.includes(String.fromCharCode(byte))) table[byte] = 1;
  }
  return table;
}

/**
 * Where the run of bytes of a class ends that begins at `start`: at the line's CR at the latest, which
 * is of none of them.
 */
export function span(bytes: Uint8Array, start: number, of: Uint8Array): number {
  let at = start;
  while (of[bytes[at]]) ++at;
  return at;
}

/**
 * Is this a name or an IPv4 address, with or without a port, and not too long? No part of a name is empty; an IPv6 address needs a closer
 * look.
 */
export function isPlainHost(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > HOST_BYTES_MAX) return false;
  let at = start;
  while (at < end && HOST_NAME[bytes[at]]) {
    if (bytes[at] === DOT && bytes[at + 1] === DOT) return false;
    at++;
  }
  if (at === end) return true;
  return (
    bytes[at] === COLON &&
    at > start &&
    end - at - 1 <= PORT_DIGITS_MAX &&
    decimal(bytes, at + 1, end) >= 0
  );
}

/** Space or tab. */
export function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** The value of a hexadecimal digit; far below 0 for any other byte, so that two together are below 0, too. */
export function hexadecimal(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -256;
}

/** A run of decimal digits as a number; -1 where another byte is among them. */
export function decimal(bytes: Uint8Array, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at] - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
