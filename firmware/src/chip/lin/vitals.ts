/** A simulator is started, never reset. */
export function resetReason(): string | undefined {
  return undefined;
}

/** The simulator's heap has no limit that means anything. */
export function freeHeap(): number | undefined {
  return undefined;
}
