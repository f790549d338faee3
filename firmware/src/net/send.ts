import type { Endpoint } from "./endpoint.ts";

/** Writes what there is room for; returns the rest. */
export function send(to: Endpoint, bytes: Uint8Array): Uint8Array | undefined {
  const { writable, sendQueueFull } = to;
  if (bytes.byteLength <= writable && !sendQueueFull) {
    to.write(bytes);
    return undefined;
  }
  if (to.writeClosed) return undefined;
  const count = sendQueueFull ? 0 : writable;
  if (count > 0) to.write(bytes.subarray(0, count));
  return bytes.subarray(count);
}
