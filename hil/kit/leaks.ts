import type { Board } from "../../emulator/src/board.ts";
import type { App } from "../../firmware/src/app.ts";

/** What of its past traffic an emulated board still holds; it had `alarmsMax` alarms when it booted. */
export function leaks(board: Board, { proxy }: App, alarmsMax: number): string[] {
  if (board.fatal !== undefined) return [`the board has died: ${board.fatal}`];
  const { stack } = board;
  const counts = {
    sessions: proxy.sessions,
    "sessions of backends": proxy.pool.backends.reduce((sum, { sessions }) => sum + sessions, 0),
    "waiting for a backend": proxy.pool.queue.length,
    "socket objects": stack.objects,
    // In TIME_WAIT nothing is held but the block, which makes room for others, and for longer than a scenario lasts.
    connections: stack.connections - stack.remembered,
    [`alarms, and it booted with ${alarmsMax}`]: board.alarms > alarmsMax ? board.alarms : 0,
  };
  return Object.entries(counts).flatMap(([what, count]) => (count > 0 ? `${count} ${what}` : []));
}
