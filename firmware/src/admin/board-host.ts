/** Characters of a name in DNS with its port. */
const HOST_MAX = 260;

const ADDRESS = "0123456789.";

/**
 * Whether a request for `host` may come from a page that the board's owner has opened. A stranger's page can give
 * its own name the board's address (DNS rebinding) and would read with the owner's browser then. No stranger owns
 * an address, a name without a dot or one below `localhost`; other names have to be among `names`.
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

/** Browsers take nothing else for an address: a name that ends in a number is one, or refused (WHATWG URL 3.5). */
function isAddress(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (!ADDRESS.includes(name[at])) return false;
  return true;
}
