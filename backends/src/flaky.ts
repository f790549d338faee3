import type { Behaviour } from "./behaviour.ts";

/** Resets every `every`-th connection when its first bytes arrive. */
export function flaky({ every = 3 } = {}): Behaviour {
  let connections = 0;
  return {
    takes: () => (++connections % every === 0 ? [{ close: "reset" }] : undefined),
  };
}
