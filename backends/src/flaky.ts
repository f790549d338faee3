import type { Behaviour } from "./behaviour.ts";

/** Resets every `every`-th connection when its first bytes have come. */
export function flaky({ every = 3 } = {}): Behaviour {
  let connections = 0;
  return {
    takes(socket) {
      connections++;
      if (connections % every !== 0) return false;
      socket.resetAndDestroy();
      return true;
    },
  };
}
