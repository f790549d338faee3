import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes that this process still uses when all garbage is gone; nothing of an engine on its own, as XS. */
export async function heapBytes(): Promise<number> {
  // Buffers are given back by another thread, a while after they were found.
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await new Promise(resolve => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

export function collectGarbage(): void {
  setFlagsFromString("--expose_gc");
  runInNewContext("gc")();
}
