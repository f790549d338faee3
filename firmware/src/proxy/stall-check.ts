/**
 * How often bytes are counted where pipes move them: a pipe raises no event for each piece. So a timeout may end late
 * by this time, or by an eighth of it if that is less.
 */
const CHECK_MS = 1000;

/** Bytes that pipes have moved up to the last comparison, and when more of them were seen. */
export interface Progress {
  seenBytes: number | undefined;
  movedMs: number;
}

/** Compares with `bytes`. Returns the time until the next comparison; 0: nothing has moved for `timeoutMs`. */
export function stallCheckMs(
  progress: Progress,
  bytes: number,
  timeoutMs: number,
  nowMs: number,
): number {
  if (bytes !== progress.seenBytes) {
    progress.seenBytes = bytes;
    progress.movedMs = nowMs;
  }
  const leftMs = progress.movedMs + timeoutMs - nowMs;
  return Math.max(0, Math.min(leftMs, CHECK_MS, timeoutMs / 8));
}
