import type { Machine } from "../backend/machine.ts";
import { shareOf } from "../net/connection-budget.ts";
import { hasRoom } from "../net/memory-reserve.ts";
import type { Group } from "../pool/group.ts";
import type { ProxyContext } from "./context.ts";

/** Why no further client may be held now; `undefined`: one may. Of the slots, a third stays free of clients that wait. */
export function holdRefusal(context: ProxyContext): "held-full" | "no-memory" | undefined {
  const { backendConnectionsMax, config, platform, pool } = context;
  if (pool.queue.held >= Math.min(config.heldMax, shareOf(backendConnectionsMax)))
    return "held-full";
  return hasRoom(platform, 0) ? undefined : "no-memory";
}

/** Why nothing waits for a machine that is not waking: waking it failed a moment ago, or the client may not wake it. */
export function reasonOf(machine: Machine, nowMs: number): "asleep" | "wake-failed" {
  return machine.pauseMs(nowMs) > 0 ? "wake-failed" : "asleep";
}

/** A machine of the group that is not awake, and whose backend would take sessions if it were; one that may be woken now comes first. */
export function sleeperOf(group: Group, tried: number, nowMs: number): Machine | undefined {
  let paused: Machine | undefined;
  for (const { index, machine, state, weight } of group.backends) {
    if (machine === undefined || machine.state === "awake") continue;
    if (state !== "ready" || weight === 0 || (tried & (1 << index)) !== 0) continue;
    if (machine.pauseMs(nowMs) === 0) return machine;
    paused ??= machine;
  }
  return paused;
}
