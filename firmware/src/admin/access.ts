import type { Parsed } from "../config/json.ts";
import { printable } from "../text/quoting.ts";
import { type AdminAnswer, error, JSON_TYPE } from "./answer.ts";
import { isBoardHost } from "./board-host.ts";
import type { RuntimeApi } from "./runtime-api.ts";
import { equalInConstantTime } from "./token.ts";

/** A request to the admin port. */
export interface AdminRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The text behind the `?`; empty without one. */
  readonly query: string;
  /** The board's port that it was sent to. */
  readonly port: number;
  /** A field, by its name in lower case. */
  field(name: string): string | undefined;
  /** Returns the parsed body; may be called once. */
  body(): Parsed | "no memory";
}

/** Longest echo of a request in an answer, in characters. */
export const ECHO_MAX = 60;

/** The scheme of a token in Authorization, in lower case. */
const BEARER = "bearer ";

/** The answer to a request that a page of another site has sent; `undefined` for any other request. */
export function refusedSite(runtime: RuntimeApi, request: AdminRequest): AdminAnswer | undefined {
  const host = request.field("host");
  if (host !== undefined && !isBoardHost(host, namesOf(runtime))) {
    const name = printable(host, ECHO_MAX);
    return error(
      403,
      `${name} is not a name of this board; use its address, or add the name to adminHosts`,
    );
  }
  return isCrossSite(request)
    ? error(403, "requests from pages of other sites are refused")
    : undefined;
}

/** The names of the board with a dot: those of `adminHosts`, the one that it is given, and the one that it has. */
function namesOf({ proxy, parts }: RuntimeApi): string[] {
  const { adminHosts, network } = proxy.config;
  return [...adminHosts, `${network.hostname}.local`, parts.name.value ?? ""];
}

/** The answer to a request that may not change anything; `undefined` if it may. */
export function refusedChange(
  runtime: RuntimeApi,
  request: Pick<AdminRequest, "field">,
): AdminAnswer | undefined {
  if (runtime.token.value === undefined) {
    return error(403, "no token is set, so nothing can be changed; set one on the serial console");
  }
  if (!hasToken(runtime, request)) {
    return { ...error(401, "missing or wrong token"), fields: ["WWW-Authenticate: Bearer"] };
  }
  // Other sites' forms cannot send this type without a preflight request.
  const type = request.field("content-type") ?? "";
  const end = type.indexOf(";");
  if ((end < 0 ? type : type.slice(0, end)).trim().toLowerCase() !== JSON_TYPE) {
    return error(415, `wanted Content-Type: ${JSON_TYPE}`);
  }
  return undefined;
}

/** True if the request has the token, or if none is set. */
export function hasToken({ token }: RuntimeApi, { field }: Pick<AdminRequest, "field">): boolean {
  if (token.value === undefined) return true;
  const given = field("authorization") ?? "";
  const isBearer = given.slice(0, BEARER.length).toLowerCase() === BEARER;
  return equalInConstantTime(isBearer ? given.slice(BEARER.length) : "", token.value);
}

/** True of a request from a page of another site, except a link that was followed. Programs send none of these fields. */
function isCrossSite({ method, field }: AdminRequest): boolean {
  const followed =
    method === "GET" &&
    field("sec-fetch-mode") === "navigate" &&
    field("sec-fetch-dest") === "document";
  const site = followed && field("origin") === undefined ? undefined : field("sec-fetch-site");
  if (site !== undefined && site !== "same-origin" && site !== "none") return true;
  const origin = field("origin");
  return origin !== undefined && origin !== `http://${field("host")}`;
}
