import type { Platform } from "../platform.ts";

/** How fast clients fill memory: about what this engine forwards on the chip; to be measured. */
export const BYTES_PER_MS = 300;

/** The shortest time between two looks. */
export const LOOK_MIN_MS = 10;

/** What comes between two looks. */
const LOOK_BYTES = LOOK_MIN_MS * BYTES_PER_MS;

/**
 * With less somebody has to go: a board that runs out drops what the radio brings, and breaks whoever writes
 * next. So much comes until the next look, until what was held is back, and with lwIP's headers.
 */
export const MEMORY_SHED_BYTES = 2 * LOOK_BYTES + 2_000;

/** Memory that is kept free of clients: with less newcomers are refused, which takes a segment for each. */
export const MEMORY_RESERVE_BYTES = MEMORY_SHED_BYTES + 4_000;

/** So many more bytes leave the reserve as it is; always true where memory has no limit that means anything. */
export function hasRoom({ vitals }: Platform, bytes: number): boolean {
  const { freeHeapBytes } = vitals;
  return freeHeapBytes === undefined || freeHeapBytes >= MEMORY_RESERVE_BYTES + bytes;
}

/** Too little is left just now: what breaks may have broken for want of it. */
export function isShort(platform: Platform): boolean {
  return !hasRoom(platform, 0);
}
