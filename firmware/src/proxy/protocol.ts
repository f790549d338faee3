import type { Endpoint } from "../net/endpoint.ts";
import { SCRATCH_BYTES } from "../net/pump.ts";
import { sniff } from "../net/sniff.ts";
import type { ClientInfo } from "./context.ts";

/**
 * What a client speaks, as its listener or its first bytes tell; `undefined` while too few have come. `final`
 * says that no more are waited for.
 */
export function protocolOf(
  { listener: { mode } }: ClientInfo,
  clientSide: Endpoint,
  final = false,
): "http" | "tcp" | undefined {
  if (mode !== "auto") return mode;
  return sniff(clientSide.peek(SCRATCH_BYTES), final || clientSide.state === "peer-closed");
}
