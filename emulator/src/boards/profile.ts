import { type HostProfile, LWIP_PATIENCE } from "net-mock-socket";
import type { BoardKind } from "./kind.ts";

/** The profile of the host that this board is on a simulated network. */
export function profileOf(kind: BoardKind): Partial<HostProfile> {
  return {
    ...LWIP_PATIENCE,
    slowTimerMs: 2 * kind.timerMs,
    mss: kind.segmentBytes,
    receiveWindow: kind.receiveWindowBytes,
    sendBuffer: Number.POSITIVE_INFINITY, // the board keeps its own account
    windowRelease: "recved",
    timeWaitMs: kind.timeWaitMs,
    finWaitMs: kind.finWaitTimeoutMs,
  };
}
