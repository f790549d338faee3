import type { Board } from "../../emulator/src/board.ts";
import type { App } from "../../firmware/src/app.ts";

/** Counts of a stack's resources. */
type Held = Pick<Board["stack"], "objects" | "connections" | "remembered">;

/**
 * Resources that an emulated board still holds of past traffic; it had `alarmsMax` alarms after its boot. `stack` is
 * another one than the emulated board's.
 */
export function leaks(
  board: Board,
  { proxy }: App,
  alarmsMax: number,
  stack: Held = board.stack,
): string[] {
  if (board.fatal !== undefined) return [`the board has died: ${board.fatal}`];
  const counts = {
    sessions: proxy.sessions,
    "sessions of backends": proxy.pool.backends.reduce(
      (sum, { counters }) => sum + counters.sessions,
      0,
    ),
    "waiting for a backend": proxy.pool.queue.length,
    "socket objects": stack.objects,
    // A block in TIME_WAIT holds nothing else, is reused when needed, and lasts longer than a scenario.
    connections: stack.connections - stack.remembered,
    [`alarms, and it booted with ${alarmsMax}`]: board.alarms > alarmsMax ? board.alarms : 0,
  };
  return Object.entries(counts).flatMap(([what, count]) => (count > 0 ? `${count} ${what}` : []));
}
