import type { RigBoard } from "./board.ts";
import { BoardError, NoProgram } from "./board-error.ts";
import type { Found } from "./discovery.ts";
import { type Flashable, type FlashPolicy, mustFlash } from "./flash.ts";
import type { KnownBoards } from "./known-boards.ts";

export interface BringUpOptions {
  readonly policy: FlashPolicy;
  readonly firmware: Flashable;
  readonly found: Found;
  /** Remembers which chip it was. */
  readonly known: Pick<KnownBoards, "remember">;
  /** Tells the person what happens, and why. */
  say(text: string): void;
}

/**
 * Gives a board on its open line the firmware that it is to be tested with, where it has another. True:
 * what the board has shown until now was another firmware's.
 */
export async function bringUp(
  board: Pick<RigBoard, "to" | "reset" | "build" | "link">,
  { policy, firmware, found, known, say }: BringUpOptions,
): Promise<boolean> {
  const reported = policy === "changed" ? await buildOf(board) : undefined;
  const { flash, why } = mustFlash(policy, firmware, reported);
  say(flash ? `flashing ${found.path}: ${why}` : `not flashing ${found.path}: ${why}`);
  if (!flash) return false;
  let told = 0;
  const chip = await firmware.flash({
    link: board.link,
    path: found.path,
    progress: share => {
      const percent = Math.floor(share * 10) * 10;
      if (percent > told) say(`flashing: ${percent} %`);
      told = Math.max(told, percent);
    },
  });
  if (chip !== undefined) known.remember(found, chip);
  await board.reset();
  return true;
}

/** What its first line names; nothing when another program is on it, or none. */
async function buildOf(board: Pick<RigBoard, "to" | "build">): Promise<string | undefined> {
  try {
    await board.to("booted");
    return board.build;
  } catch (error) {
    if (error instanceof NoProgram) return undefined;
    if (error instanceof BoardError && error.blame === "firmware") return undefined;
    throw error;
  }
}
