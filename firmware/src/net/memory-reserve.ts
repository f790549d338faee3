import type { Platform } from "../platform.ts";

/** How fast clients fill memory: about what this engine forwards on the chip; to be measured. */
export const BYTES_PER_MS = 300;

/** The shortest time between two checks of free memory. */
export const CHECK_MIN_MS = 10;

/** Memory that clients may fill between two checks. */
const CHECK_BYTES = CHECK_MIN_MS * BYTES_PER_MS;

/**
 * Below it sessions are ended: a board without memory drops received packets, and the next write of any session
 * fails. It covers what arrives until the next check and until an ended session's buffers are free, and lwIP's
 * headers.
 */
export const MEMORY_SHED_BYTES = 2 * CHECK_BYTES + 2_000;

/** Below it new clients are refused, each with one segment. */
export const MEMORY_RESERVE_BYTES = MEMORY_SHED_BYTES + 4_000;

/** True when the reserve stays whole with so many more bytes in use; always, where the machine gives no limit. */
export function hasRoom({ vitals }: Platform, bytes: number): boolean {
  const { freeHeapBytes } = vitals;
  return freeHeapBytes === undefined || freeHeapBytes >= MEMORY_RESERVE_BYTES + bytes;
}
