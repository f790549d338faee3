import { deepFreeze } from "../deep-freeze.ts";
import { HYPHEN, UNDERSCORE } from "../net/ascii-codes.ts";

/**
 * The fields that the proxy handles:
 *
 * - `hop`: of one connection only (RFC 9110 section 7.6.1), or of the framing: never forwarded
 * - `origin`: where a request came from; written by the proxy, with what a trusted proxy says
 * - `claim`: what backends believe because a proxy is in front of them: where a request came from, who sent it, and what
 *   it asks for; forwarded from a trusted proxy only (firmware/ROUTING.md has the reasons)
 * - `read`: each has its own rule in `rewrite.ts`
 */
const FIELDS = deepFreeze([
  ["", "read"], // any other name
  ["connection", "hop"],
  ["content-length", "hop"],
  ["transfer-encoding", "hop"],
  ["keep-alive", "hop"],
  ["proxy-connection", "hop"],
  ["proxy-authenticate", "hop"],
  ["proxy-authorization", "hop"],
  ["http2-settings", "hop"],
  ["te", "hop"],
  ["trailer", "hop"],
  ["upgrade", "hop"],
  ["x-forwarded-for", "origin"],
  ["x-forwarded-proto", "origin"],
  ["x-forwarded-host", "origin"],
  ["forwarded", "claim"],
  ["x-forwarded-", "claim"], // and anything behind it
  ["x-real-ip", "claim"],
  ["x-client-ip", "claim"],
  ["x-cluster-client-ip", "claim"],
  ["true-client-ip", "claim"],
  ["cf-connecting-ip", "claim"],
  ["x-original-url", "claim"],
  ["x-rewrite-url", "claim"],
  ["remote-user", "claim"],
  ["x-remote-user", "claim"],
  ["accept", "read"],
  ["cookie", "read"],
  ["expect", "read"],
  ["host", "read"],
  ["via", "read"],
  ["x-request-id", "read"],
] as const);

/** A known name: its index in `NAMES`. */
export type Name = number;

/** The known names in lower case. The first stands for any other name, and for those with `_` instead of `-`. */
export const NAMES: readonly string[] = Object.freeze(FIELDS.map(([name]) => name));

/** By `Name`. */
export const TREATMENT = Object.freeze(FIELDS.map(([, treatment]) => treatment));

const numberOf = (name: (typeof FIELDS)[number][0]): Name => NAMES.indexOf(name);

export const OTHER = numberOf("");
export const CONNECTION = numberOf("connection");
export const CONTENT_LENGTH = numberOf("content-length");
export const TRANSFER_ENCODING = numberOf("transfer-encoding");
export const UPGRADE = numberOf("upgrade");
export const X_FORWARDED_FOR = numberOf("x-forwarded-for");
export const X_FORWARDED_PROTO = numberOf("x-forwarded-proto");
export const X_FORWARDED_HOST = numberOf("x-forwarded-host");
export const ACCEPT = numberOf("accept");
export const COOKIE = numberOf("cookie");
export const EXPECT = numberOf("expect");
export const HOST = numberOf("host");
export const VIA = numberOf("via");
export const X_REQUEST_ID = numberOf("x-request-id");

const NONE: readonly Name[] = Object.freeze([]);

const LENGTH_MAX = Math.max(...NAMES.map(({ length }) => length));

/** The names by length, which alone distinguishes most fields. */
const NAMES_BY_LENGTH = deepFreeze(
  Array.from({ length: LENGTH_MAX + 1 }, (_, length) => {
    const names = NAMES.filter(name => name !== "" && name.length === length);
    return names.length > 0 ? names.map(name => NAMES.indexOf(name)) : NONE;
  }),
);

/** Any name that begins like this describes the origin of a request. */
const FORWARDED = numberOf("x-forwarded-");
const FORWARDED_BYTES = NAMES[FORWARDED].length;

/**
 * The known name of `length` bytes at `start`, in any letter case and with `_` for `-`; `x-forwarded-` for other names
 * that begin so; `OTHER` for all others.
 */
export function nameAt(bytes: Uint8Array, start: number, length: number): Name {
  const names = NAMES_BY_LENGTH[length] ?? NONE;
  for (let i = 0; i < names.length; i++) {
    if (spells(NAMES[names[i]], bytes, start)) return names[i];
  }
  return length > FORWARDED_BYTES && spells(NAMES[FORWARDED], bytes, start) ? FORWARDED : OTHER;
}

/** True if the bytes at `start`, which spell `name`, have `_` for a `-` (nginx `underscores_in_headers`). */
export function isUnderscored(name: Name, bytes: Uint8Array, start: number): boolean {
  const text = NAMES[name];
  for (let at = text.indexOf("-"); at >= 0; at = text.indexOf("-", at + 1)) {
    if (bytes[start + at] === UNDERSCORE) return true;
  }
  return false;
}

function spells(name: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < name.length; i++) {
    const wanted = name.charCodeAt(i);
    const byte = bytes[start + i];
    if (byte === wanted || (wanted >= 97 && byte === wanted - 32)) continue;
    if (wanted !== HYPHEN || byte !== UNDERSCORE) return false;
  }
  return true;
}
