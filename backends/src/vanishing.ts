import type { Behaviour } from "./behaviour.ts";

/** Takes the connection and all it is sent, and never says a word; closes when the client does. */
export function vanishing(): Behaviour {
  return { takes: () => [] };
}
