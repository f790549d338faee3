import type { Backend } from "../backend/backend.ts";

/** Sessions per unit of weight; infinite for weight 0. */
export function loadFactor({ sessions, effectiveWeight }: Backend): number {
  return effectiveWeight > 0 ? sessions / effectiveWeight : Number.POSITIVE_INFINITY;
}
