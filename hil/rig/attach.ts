import type { RigBoard } from "./board.ts";
import { refused } from "./doctor/refused.ts";
import { EXIT } from "./run.ts";

/** The board's port cannot be opened, or not played through; why, and what would help. */
export class Unopened extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Opens the line of a board that is to be played on: somebody must be able to reset it. */
export async function attach(board: RigBoard): Promise<void> {
  const { path } = board.link;
  try {
    await board.attach();
  } catch (cause) {
    const said = (cause as Error).message.replace(/^Error:? /, "");
    const { bad, help, noBoard } = refused(path, said, process.platform);
    throw new Unopened([bad, ...help].join("\n"), noBoard ? EXIT.noBoard : EXIT.rig, { cause });
  }
  if (board.link.hasLines) return;
  const why = `${path} has no lines to reset a board by: a pseudo-terminal?`;
  throw new Unopened(`${why} --board emulated plays on the emulated board`, EXIT.rig);
}
