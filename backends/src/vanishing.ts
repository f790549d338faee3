import type { Behaviour } from "./behaviour.ts";

/** Accepts the connection and all bytes, and sends nothing; closes when the client does. */
export function vanishing(): Behaviour {
  return { takes: () => [] };
}
