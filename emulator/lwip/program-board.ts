import type { BoardPlatform } from "../src/platform.ts";
import { BoardSide } from "../xs/board-side.ts";
import { Machine } from "../xs/machine.ts";
import { LwipTarget } from "./conformance.ts";

/** A board on real lwIP whose program a test writes, line by line, for XS. */
export class ProgramBoard {
  readonly board: LwipTarget;
  readonly machine: Machine;
  #platform: BoardPlatform | undefined;

  /** Power on; the network is there. */
  static async boot(): Promise<ProgramBoard> {
    const programs = new ProgramBoard();
    const { board } = programs;
    board.boot(given => {
      programs.#platform = given;
    });
    await board.until("the network", () => programs.#platform?.link.address !== undefined);
    return programs;
  }

  private constructor() {
    const side = new BoardSide({
      platform: () => this.#platform!,
      machine: () => this.machine,
      onRequest: () => "",
    });
    this.board = new LwipTarget(() => this.machine);
    this.machine = new Machine({
      now: () => this.#platform?.clock.now() ?? 0,
      answer: (words, body) => this.board.answer(words, body) ?? side.answer(words, body),
    });
  }

  get platform(): BoardPlatform {
    return this.#platform!;
  }

  /** Runs a program, which may have names of its own. */
  run(program: string): void {
    this.machine.evaluate(`{ ${program} }`);
  }

  /** The value of an expression, as text. */
  ask(expression: string): string {
    this.machine.evaluate(`board.log(String(${expression}))`);
    return this.board.lines.pop()!;
  }

  /** Power off. Throws when the program could not go on, or has left sockets. */
  async stop(): Promise<void> {
    const { fatal } = this.board;
    const left = await this.board.stop();
    if (fatal !== undefined || left.length > 0)
      throw new Error(fatal ?? `left: ${left.join(", ")}`);
  }
}
