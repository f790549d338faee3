import type { HeadPool } from "../http1/head-pool.ts";
import type { Routes } from "../http1/route.ts";
import type { Traffic } from "../log/traffic.ts";
import type { Route } from "../pool/group.ts";
import type { StickyCookie } from "../pool/sticky-cookie.ts";
import type { ConnectorContext } from "./connector.ts";

/** What all HTTP connections of a proxy share. */
export interface HttpContext extends ConnectorContext {
  /** One piece of bytes on its way; see `SCRATCH_BYTES`. */
  readonly scratch: Uint8Array;
  /** One rewritten head on its way; a longer one gets a buffer of its own. */
  readonly headBuffer: Uint8Array;
  /** For requests and answers that are read. */
  readonly heads: HeadPool;
  readonly routes: Routes<Route>;
  /** Keeps browsers with their backends; `undefined` when nothing does. */
  readonly stickyCookie: StickyCookie | undefined;
  /** Our name in Via, different for each board, by which a request is known that comes again. */
  readonly pseudonym: string;
  /** The same as bytes, with the end of Via's line. */
  readonly signature: Uint8Array;
  /** Is the client at this address a proxy whose word counts? */
  trusts(address: string): boolean;
  /** Who is answered shall not keep his connection: others wait for it, or the configuration is old. */
  shouldClose(): boolean;
  readonly traffic: Traffic;
  /** A new X-Request-Id. */
  requestId(): string;
}
