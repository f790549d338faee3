import { countAnswer } from "../log/traffic.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Counts a request that is over, and writes its log line.
 *
 * @param firstByteMs - when the first byte of the request came
 * @param slotMs - how long the client waited for a slot before it
 */
export function logRequest(
  { traffic, report }: ProxyContext,
  client: ClientInfo,
  exchange: Exchange,
  firstByteMs: number,
  slotMs: number,
  nowMs: number,
): void {
  const { request, response, connector, headMs, connectedMs, respondedMs } = exchange;
  const queuedMs = connector?.queuedMs ?? 0;
  const retries = Math.max(0, (connector?.attempts ?? 0) - 1);
  countAnswer(traffic, response.status);
  traffic.bytesIn += request.bytes;
  traffic.bytesOut += response.bytes;
  traffic.retries += retries;
  report({
    level: "I",
    on: "http",
    what: "request",
    id: client.id,
    request: request.id,
    client: `${client.address}:${client.port}`,
    backend: exchange.backend?.name,
    method: request.method,
    path: request.path,
    status: response.status,
    in: request.bytes,
    out: response.bytes,
    retries,
    TR: Math.round(headMs - firstByteMs),
    Tw: Math.round(slotMs + queuedMs),
    Tc: connectedMs < 0 ? -1 : Math.round(connectedMs - headMs - queuedMs),
    Tr: respondedMs < 0 ? -1 : Math.round(respondedMs - connectedMs),
    Ta: Math.round(nowMs - firstByteMs),
    state: exchange.termination ?? "--",
    why: exchange.refusal,
  });
}
