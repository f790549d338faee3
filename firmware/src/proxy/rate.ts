/** A session, as far as its rate is measured. */
export interface Measured {
  /** Bytes of its body or raw stream that were moved; `undefined` while none are to move. */
  readonly streamedBytes: number | undefined;
  /** The last measurement. */
  rateSample: { readonly atMs: number; readonly bytes: number } | undefined;
}

/**
 * Bytes per second that its body or raw stream has moved since the last call, at least `windowMs` ago. `undefined` while no
 * such bytes are to move, or when the last call was not long enough ago.
 */
export function rateOf(session: Measured, windowMs: number, nowMs: number): number | undefined {
  const bytes = session.streamedBytes;
  const last = session.rateSample;
  const ms = last === undefined ? Number.POSITIVE_INFINITY : nowMs - last.atMs;
  if (bytes !== undefined && ms < windowMs) return undefined;
  session.rateSample = bytes === undefined ? undefined : { atMs: nowMs, bytes };
  // A sample from long ago says nothing about the rate of now.
  if (bytes === undefined || last === undefined || ms > 4 * windowMs) return undefined;
  return ((bytes - last.bytes) * 1_000) / ms;
}
