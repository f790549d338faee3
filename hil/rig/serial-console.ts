import type { RigBoard } from "./board.ts";
import { BoardError } from "./board-error.ts";
import { type Expected, type Mark, Unmet } from "./transcript.ts";

/** Characters of noise in front of a line of the console that do not hide it. */
const NOISE = "[^\\w ]{0,8}";

/** How an answer ends. */
const ANSWER = new RegExp(`^${NOISE}((?:ok|error)\\b.*)`);

/** The command as the board repeats it before its answer. */
const ECHO = new RegExp(`^${NOISE}> `);

/** An answer has come by then: the longest, of `help`, is some thirty lines with 20 ms between them. */
const ANSWER_MS = 3_000;

/**
 * The chip may overlook the bytes that came last, until another one comes (serial.c clears its interrupt
 * when it has read): a return, which means nothing on an empty line. Most answers have come by then.
 */
const NUDGE_MS = 500;

/** A reply that is lost is asked for once more. */
const ATTEMPTS = 2;

/** What a person at the serial console would do: types commands, reads answers. */
export class SerialConsole {
  #board: Pick<RigBoard, "transcript" | "link" | "incidents">;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(board: Pick<RigBoard, "transcript" | "link" | "incidents">) {
    this.#board = board;
  }

  /** The lines of the answer; the last one begins with `ok` or `error`. One command at a time. */
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
    // The first return ends whatever noise has typed.
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
