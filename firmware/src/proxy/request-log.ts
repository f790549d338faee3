import type { Ending } from "../log/ending.ts";
import { HELD_REQUEST_LINE, REQUEST_LINE, SESSION_LINE } from "../log/line-format.ts";
import { countAnswer } from "../log/traffic.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";
import type { Exchange } from "./exchange.ts";
import type { HandlerOwner, Summary } from "./handler.ts";

/**
 * Counts a request that is over, and writes its log line.
 *
 * @param firstByteMs - when the first byte of the request came
 * @param slotMs - how long the client waited for a slot before it
 */
export function logRequest(
  context: ProxyContext,
  client: ClientInfo,
  exchange: Exchange,
  firstByteMs: number,
  slotMs: number,
  nowMs: number,
): void {
  const traffic = context.traffic;
  const log = context.log;
  const request = exchange.request;
  const response = exchange.response;
  const connector = exchange.connector;
  const bytesIn = request.bytes;
  const bytesOut = response.bytes;
  const headMs = exchange.headMs;
  const connectedMs = exchange.connectedMs;
  const respondedMs = exchange.respondedMs;
  let queuedMs = exchange.queuedMs;
  let attempts = exchange.attempts;
  if (connector !== undefined) {
    queuedMs = connector.queuedMs ?? 0;
    attempts = connector.attempts;
  }
  let retries = 0;
  if (attempts > 1) {
    retries = attempts - 1;
    traffic.retries += retries;
  }
  let format = REQUEST_LINE;
  let named: NamedClient = client;
  if (queuedMs > 0 && exchange.owner!.session.heldMs !== undefined) {
    format = HELD_REQUEST_LINE;
    named = heldClient(client, exchange.owner!.session);
  }
  countAnswer(traffic, response.status);
  traffic.bytesIn += bytesIn;
  traffic.bytesOut += bytesOut;
  const requests = context.config.log.requests;
  if (requests !== "all" && (requests === "none" || isNormal(exchange, retries))) return;
  log.writeLine(
    log.requests,
    log.order++,
    format,
    request.id ?? "",
    named.address,
    exchange.backend?.name ?? "",
    request.method,
    request.path,
    exchange.termination ?? "",
    exchange.refusal ?? "",
    nowMs,
    client.id,
    named.port,
    response.status,
    bytesIn,
    bytesOut,
    retries,
    headMs - firstByteMs,
    slotMs + queuedMs,
    connectedMs < 0 ? -1 : connectedMs - headMs - queuedMs,
    respondedMs < 0 ? -1 : respondedMs - connectedMs,
    nowMs - firstByteMs,
  );
  log.added();
}

/** The part of a client that its log lines have. */
type NamedClient = Pick<ClientInfo, "address" | "port">;

/** The client as `HELD_REQUEST_LINE` has it; another request may follow that is not held. */
function heldClient({ address, port }: ClientInfo, session: HandlerOwner): NamedClient {
  const heldMs = session.heldMs!;
  session.heldMs = undefined;
  return { address: `${address}:${port}`, port: heldMs };
}

/** As HAProxy sees it: no error, no timeout, no retry, and no 5xx; a redirect is normal. */
function isNormal({ response, termination }: Exchange, retries: number): boolean {
  return (
    (termination === undefined || termination === "LR") && retries === 0 && response.status < 500
  );
}

/** Endings of sessions that are no error and no timeout. */
const NORMAL_ENDINGS: readonly Ending[] = Object.freeze([
  "done",
  "client-closed",
  "backend-closed",
  "keyword",
]);

/**
 * Counts a session that is over and has no lines of requests, and writes its log line.
 *
 * @param bytesIn - bytes of the client that a pipe has moved
 * @param heldMs - how long the client was held for a machine that sleeps
 */
export function logSession(
  context: ProxyContext,
  client: ClientInfo,
  summary: Summary | undefined,
  bytesIn: number,
  bytesOut: number,
  startMs: number,
  why: Ending,
  heldMs: number,
): void {
  const requests = context.config.log.requests;
  let sni = "";
  let alpn = "";
  let retries = 0;
  const tls = summary?.tls;
  if (tls !== undefined) {
    sni = tls.hello?.serverName ?? "";
    alpn = tls.hello?.alpn ?? "";
    retries = tls.retries;
    bytesIn += tls.sentBytes;
    context.traffic.retries += retries;
  }
  const traffic = context.traffic;
  traffic.bytesIn += bytesIn;
  traffic.bytesOut += bytesOut;
  if (requests !== "all") {
    if (requests === "none" || (retries === 0 && NORMAL_ENDINGS.includes(why))) return;
  }
  const nowMs = context.clock.now();
  const log = context.log;
  log.writeLine(
    log.requests,
    log.order++,
    SESSION_LINE,
    why === "error" ? "W" : "I",
    client.address,
    summary?.protocol ?? "",
    summary?.backend ?? "",
    why,
    sni,
    alpn,
    nowMs,
    client.id,
    client.port,
    summary?.status ?? 0,
    bytesIn,
    bytesOut,
    nowMs - startMs,
    retries,
    heldMs,
    0,
    0,
    0,
  );
  log.added();
}
