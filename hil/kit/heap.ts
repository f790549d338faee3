import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collections without a smaller heap after which all garbage is gone. */
const IDLE_COLLECTIONS = 3;

/** A heap is smaller when it differs by more than a measurement takes. */
const NOISE_BYTES = 10_000;

/** For the thread that gives buffers back, which a busy computer may hold up. */
const PAUSE_MS = 5;

/** Bytes that this process still uses when all garbage is gone; nothing of an engine on its own, as XS. */
export async function heapBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let idle = 0; idle < IDLE_COLLECTIONS; ) {
    collectGarbage();
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    const bytes = heapUsed + arrayBuffers;
    idle = bytes < least - NOISE_BYTES ? 0 : idle + 1;
    least = Math.min(least, bytes);
  }
  return least;
}

export function collectGarbage(): void {
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
}
