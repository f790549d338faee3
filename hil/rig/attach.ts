import type { RigBoard } from "./board.ts";
import { refused } from "./doctor/refused.ts";
import { EXIT } from "./run.ts";
import { Stuck } from "./stuck.ts";

/** The board's port cannot be opened; why, and what would help. */
export class Unopened extends Error {
  readonly exitCode: number;

  constructor(path: string, cause: Error) {
    const { bad, help, noBoard } = refused(
      path,
      cause.message.replace(/^Error:? /, ""),
      process.platform,
    );
    super([bad, ...help].join("\n"), { cause });
    this.exitCode = noBoard ? EXIT.noBoard : EXIT.rig;
  }
}

/** Opens the line of a board that is to be played on: somebody must be able to reset it. */
export async function attach(board: RigBoard): Promise<void> {
  const { path } = board.link;
  try {
    await board.attach();
  } catch (error) {
    throw new Unopened(path, error as Error);
  }
  if (board.link.hasLines) return;
  throw new Stuck(
    "rig",
    `${path} has no lines to reset a board by: a pseudo-terminal? --board emulated plays on the emulated board`,
  );
}
