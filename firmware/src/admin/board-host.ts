/** Longest DNS name with its port, in characters. */
const HOST_MAX = 260;

const ADDRESS = "0123456789.";

/**
 * True if a request for `host` can come from the board's own page. Another site can give its own name the board's
 * address (DNS rebinding) and would then read the answers in the operator's browser. It cannot own an address, a name
 * without a dot or one below `localhost`; other names have to be among `names`.
 */
export function isBoardHost(host: string, names: readonly string[]): boolean {
  if (host.length > HOST_MAX) return false;
  if (host.startsWith("[")) return true; // an IPv6 address
  const colon = host.indexOf(":");
  let name = (colon < 0 ? host : host.slice(0, colon)).toLowerCase();
  if (name.endsWith(".")) name = name.slice(0, -1);
  return (
    !name.includes(".") ||
    isAddress(name) ||
    name.endsWith(".localhost") ||
    names.some(known => known.toLowerCase() === name)
  );
}

/** True of digits and dots: a browser takes a name that ends in a number for an address, or refuses it (WHATWG URL 3.5). */
function isAddress(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (!ADDRESS.includes(name[at])) return false;
  return true;
}
