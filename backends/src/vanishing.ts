import type { Behaviour } from "./behaviour.ts";

/** Takes the connection and all it is sent, and never says a word. */
export function vanishing(): Behaviour {
  return {
    takes(socket) {
      socket.resume();
      return true;
    },
  };
}
