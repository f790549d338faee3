import type { Backend } from "../backend/backend.ts";
import type { Group } from "../pool/group.ts";
import type { ClientInfo, ProxyContext } from "./context.ts";

/**
 * `backend`, one of `group`, has just begun its response to what had been sent at `sentMs` for `client`: health, latency,
 * what the strategy estimates, and the stick table learn from it.
 */
export function learnFromResponse(
  context: ProxyContext,
  backend: Backend,
  group: Group,
  client: ClientInfo,
  sentMs: number,
  nowMs: number,
  status: number,
): void {
  if (context.stickTable !== undefined) context.stickTable.set(client.hash, group, backend);
  if (status >= 500) {
    // The time of a failure does not count either: a backend that fails quickly would look like the best.
    context.checks.requestFailed(backend, `L7STS/${status}`);
    return;
  }
  const ms = nowMs - sentMs;
  backend.latency.observe(ms, nowMs);
  group.strategy.answered?.(backend, ms, nowMs);
  backend.health.requestAnswered();
}
