import type { RigBoard } from "./board.ts";
import { BoardError, NoProgram } from "./board-error.ts";
import type { Found } from "./discovery.ts";
import { type Flashable, type FlashPolicy, mustFlash } from "./flash.ts";
import type { KnownBoards } from "./known-boards.ts";

export interface BringUpOptions {
  readonly policy: FlashPolicy;
  readonly firmware: Flashable;
  readonly found: Found;
  /** Stores which chip was found. */
  readonly known: Pick<KnownBoards, "remember">;
  /** Prints what is done, and why. */
  say(text: string): void;
}

/**
 * Flashes the board if it runs another firmware than the one to be tested. Returns true if the board's output
 * until now came from another firmware.
 */
export async function bringUp(
  board: Pick<RigBoard, "to" | "reset" | "build" | "link">,
  { policy, firmware, found, known, say }: BringUpOptions,
): Promise<boolean> {
  const reported = policy === "changed" ? await buildOf(board) : undefined;
  const { flash, why } = mustFlash(policy, firmware, reported);
  say(flash ? `flashing ${found.path}: ${why}` : `not flashing ${found.path}: ${why}`);
  if (!flash) return false;
  let percentShown = 0;
  const chip = await firmware.flash({
    link: board.link,
    path: found.path,
    progress: share => {
      const percent = Math.floor(share * 10) * 10;
      if (percent > percentShown) say(`flashing: ${percent} %`);
      percentShown = Math.max(percentShown, percent);
    },
  });
  if (chip !== undefined) known.remember(found, chip);
  await board.reset();
  return true;
}

/** The build that the board's first line names; `undefined` if it runs another program, or none. */
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
