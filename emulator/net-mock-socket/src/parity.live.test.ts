import net from "node:net";
import { expect, test } from "vitest";
import { Network } from "./network.ts";
import { type NetLike, SCRIPTS } from "./parity.ts";
import { StillClock, settled } from "./testing.ts";

/**
 * The events of each side, in order. How two sides of one computer interleave is left to its kernel,
 * and differs from run to run.
 */
function bySide(events: string[]): Record<string, string[]> {
  const sides: Record<string, string[]> = {};
  for (const event of events) {
    const [side, what] = event.split(/:(.*)/);
    sides[side] = [...(sides[side] ?? []), what];
  }
  return sides;
}

test.each(Object.entries(SCRIPTS))(
  "%s: the same events on node:net and on the mock",
  async (_, script) => {
    const clock = new StillClock();
    const host = new Network({ clock }).host("here");
    const mock = await script({ net: host as unknown as NetLike, settle: () => clock.run() });
    expect(bySide(mock)).toEqual(bySide(await script({ net, settle: settled })));
  },
);
