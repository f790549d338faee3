import type { Backend } from "../backend/backend.ts";

/** Sessions for each unit of weight: who weighs nothing is as good as full. */
export function loadFactor({ sessions, effectiveWeight }: Backend): number {
  return effectiveWeight > 0 ? sessions / effectiveWeight : Number.POSITIVE_INFINITY;
}
