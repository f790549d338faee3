import { parseLine } from "../../firmware/src/admin/event.ts";
import type { RigBoard } from "./board.ts";
import { Stuck } from "./stuck.ts";
import { Unmet } from "./transcript.ts";

/** An answer has come by then: the longest, of `help`, is some thirty lines with 20 ms between them. */
const ANSWER_MS = 3_000;

/** A reply that is lost is asked for once more. */
const ATTEMPTS = 2;

/** What a person at the serial console would do: types commands, reads answers. */
export class Typist {
  #board: RigBoard;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(board: RigBoard) {
    this.#board = board;
  }

  /** The lines of the answer; the last one begins with `ok` or `error`. One command at a time. */
  type(command: string): Promise<readonly string[]> {
    const answer = this.#turn.then(() => this.#ask(command));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #ask(command: string): Promise<readonly string[]> {
    const { transcript, link, incidents } = this.#board;
    let unmet: Unmet | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const since = transcript.mark();
      // The first return ends whatever noise has typed.
      await link.send(`\r${command}\r`);
      try {
        const { mark } = await transcript.expect(/^(ok|error)\b/, { withinMs: ANSWER_MS, since });
        const from = transcript.lines.findLastIndex(({ text, end }) => end > since && isEcho(text));
        return transcript.lines
          .slice(from + 1)
          .filter(({ text, end }) => end <= mark && parseLine(text) === undefined)
          .map(({ text }) => text);
      } catch (error) {
        if (!(error instanceof Unmet)) throw error;
        unmet = error;
        incidents.note("lost-reply", `to a command at the console, attempt ${attempt + 1}`);
      }
    }
    throw new Stuck("firmware", `the console does not answer\n${unmet!.message}`);
  }
}

/** The command as the board repeats it before its answer. */
function isEcho(text: string): boolean {
  return text.startsWith("> ");
}
