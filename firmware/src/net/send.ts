import type { Endpoint } from "./endpoint.ts";

/** Writes what there is room for; returns the rest. */
export function send(to: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
  if (to.writeClosed) return undefined;
  const count = to.sendQueueFull ? 0 : Math.min(bytes.byteLength, to.writable);
  if (count === bytes.byteLength) {
    to.write(bytes);
    return undefined;
  }
  if (count > 0) to.write(bytes.subarray(0, count));
  return bytes.subarray(count);
}
