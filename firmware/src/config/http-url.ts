import { ipv4OrHostName } from "../net/address.ts";

/** The parts of a URL with the scheme `http`. */
export interface HttpUrl {
  /** An IPv4 address or a host name. */
  readonly host: string;
  readonly port: number;
  /** The path, with the query if there is one. */
  readonly path: string;
}

const SCHEME = "http://";

/** The port of http (RFC 9110 section 4.2.1). */
const HTTP_PORT = 80;

/** The parts of `url`; `undefined` if it has another form: another scheme, a user's name, a fragment. */
export function httpUrl(url: string): HttpUrl | undefined {
  if (url.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return undefined;
  const slash = url.indexOf("/", SCHEME.length);
  const authority = slash < 0 ? url.slice(SCHEME.length) : url.slice(SCHEME.length, slash);
  const path = slash < 0 ? "/" : url.slice(slash);
  const colon = authority.indexOf(":");
  const host = colon < 0 ? authority : authority.slice(0, colon);
  const port = colon < 0 ? HTTP_PORT : portOf(authority.slice(colon + 1));
  if (port === undefined || !ipv4OrHostName().test(host)) return undefined;
  return /^[!-"$-~]+$/.test(path) ? { host, port, path } : undefined;
}

function portOf(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
