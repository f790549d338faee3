import type { Behaviour } from "./behaviour.ts";

/** Answers at once, every time. */
export function steady(): Behaviour {
  return {};
}
