import { deepFreeze } from "../deep-freeze.ts";

/** Field names that the proxy handles. */
export const NAMES = Object.freeze([
  "", // any other
  "connection",
  "content-length",
  "transfer-encoding",
  "host",
  "expect",
  "upgrade",
  "te",
  "trailer",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "http2-settings",
  "via",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "x-request-id",
  "x-real-ip",
  "x-client-ip",
  "x-cluster-client-ip",
  "true-client-ip",
  "cf-connecting-ip",
  "x-original-url",
  "x-rewrite-url",
  "remote-user",
  "x-remote-user",
  "accept",
  "cookie",
  "x-forwarded-", // and anything behind it
] as const);

export type Name = (typeof NAMES)[number];

const NONE: readonly Name[] = Object.freeze([]);

const LENGTH_MAX = Math.max(...NAMES.map(({ length }) => length));

/** The names by length, which alone distinguishes most fields. */
const NAMES_BY_LENGTH = deepFreeze(
  Array.from({ length: LENGTH_MAX + 1 }, (_, length) => {
    const names = NAMES.filter(name => name !== "" && name.length === length);
    return names.length > 0 ? names : NONE;
  }),
);

/** Any name that begins like this describes the origin of a request. */
const FORWARDED: Name = "x-forwarded-";

/**
 * The known name of `length` bytes at `start`, in any letter case and with `_` for `-`; `x-forwarded-` for other names
 * that begin so; `""` for all others.
 */
export function nameAt(bytes: Uint8Array, start: number, length: number): Name {
  const names = NAMES_BY_LENGTH[length] ?? NONE;
  for (let i = 0; i < names.length; i++) {
    if (spells(names[i], bytes, start)) return names[i];
  }
  return length > FORWARDED.length && spells(FORWARDED, bytes, start) ? FORWARDED : "";
}

/** True if the bytes at `start`, which spell `name`, have `_` for a `-` (nginx `underscores_in_headers`). */
export function isUnderscored(name: Name, bytes: Uint8Array, start: number): boolean {
  for (let at = name.indexOf("-"); at >= 0; at = name.indexOf("-", at + 1)) {
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

const HYPHEN = 45;
const UNDERSCORE = 95;
