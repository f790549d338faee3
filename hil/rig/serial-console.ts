import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import { type Expected, type Mark, Unmet } from "./transcript.ts";

/** Noise before a console line, up to 8 characters, does not hide it. */
const NOISE = "[^\\w ]{0,8}";

/** The last line of an answer. */
const ANSWER = new RegExp(`^${NOISE}((?:ok|error)\\b.*)`);

/** The echo of the command, before its answer. */
const ECHO = new RegExp(`^${NOISE}> `);

/** Longest time for an answer: that of `help` has about thirty lines with 20 ms between them. */
const ANSWER_MS = 3_000;

/**
 * The chip may overlook the last bytes until another one comes (serial.c clears its interrupt after reading). A
 * carriage return, which has no effect on an empty line, is sent after this time; most answers have arrived by
 * then.
 */
const NUDGE_MS = 500;

/** A lost reply is asked for once more. */
const ATTEMPTS = 2;

/** The board's serial console: types commands and reads answers. */
export class SerialConsole {
  #board: Pick<RigBoard, "transcript" | "link" | "incidents">;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(board: Pick<RigBoard, "transcript" | "link" | "incidents">) {
    this.#board = board;
  }

  /**
   * Types a command; returns the lines of the answer, the last of which begins with `ok` or `error`. One
   * command at a time.
   */
  type(command: string): Promise<readonly string[]> {
    const answer = this.#turn.then(() => this.#ask(command));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #ask(command: string): Promise<readonly string[]> {
    const { transcript, incidents } = this.#board;
    let unmet: Unmet | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const since = transcript.mark();
      try {
        const { match, line } = await this.#answer(command, since);
        const come = transcript.lines.filter(({ end }) => end > since && end < line.end);
        const echo = come.findLastIndex(({ text }) => ECHO.test(text));
        const lines = come.slice(echo + 1).filter(({ event }) => event === undefined);
        return [...lines.map(({ text }) => text), line.text.slice(-match[1].length)];
      } catch (error) {
        if (!(error instanceof Unmet)) throw error;
        unmet = error;
        incidents.note("lost-reply", `to a command at the console, attempt ${attempt + 1}`);
      }
    }
    throw new BoardError("firmware", `the console does not answer\n${unmet!.message}`);
  }

  async #answer(command: string, since: Mark): Promise<Expected> {
    const { transcript, link } = this.#board;
    // The first carriage return ends a line that noise has begun.
    await link.send(`\r${command}\r`);
    try {
      return await transcript.expect(ANSWER, { withinMs: NUDGE_MS, since, whole: true });
    } catch (error) {
      if (!(error instanceof Unmet)) throw error;
      await link.send("\r");
      const withinMs = ANSWER_MS - NUDGE_MS;
      return await transcript.expect(ANSWER, { withinMs, since, whole: true });
    }
  }
}
