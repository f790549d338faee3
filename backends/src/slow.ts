import type { Behaviour } from "./behaviour.ts";

/** Answers as `steady` does, `latencyMs` later. */
export function slow({ latencyMs = 500 } = {}): Behaviour {
  return { latencyMs };
}
