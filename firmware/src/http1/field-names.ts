import { deepFreeze } from "../deep-freeze.ts";

/** Field names that mean something to a proxy. */
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

/** The names by their length: most fields are told apart by that alone. */
const NAMES_BY_LENGTH = deepFreeze(
  Array.from({ length: LENGTH_MAX + 1 }, (_, length) => {
    const names = NAMES.filter(name => name !== "" && name.length === length);
    return names.length > 0 ? names : NONE;
  }),
);

/** Names that begin with this one say where a request came from, and there is no end of them. */
const FORWARDED: Name = "x-forwarded-";

/**
 * The name of `length` bytes at `start`, in any case, and with `_` for `-`; `x-forwarded-` for all that begin so and
 * are not known otherwise, `""` for any other.
 */
export function nameAt(bytes: Uint8Array, start: number, length: number): Name {
  const names = NAMES_BY_LENGTH[length] ?? NONE;
  for (let i = 0; i < names.length; i++) {
    if (spells(names[i], bytes, start)) return names[i];
  }
  return length > FORWARDED.length && spells(FORWARDED, bytes, start) ? FORWARDED : "";
}

/** Is the name of these bytes, which begin with `name`, written with a `_` for a `-`? */
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
