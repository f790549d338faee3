import { eventIn, withoutValues } from "./line.ts";

/** An unfinished line counts as a line after this silence: a prompt has no end (idf-monitor's value). */
const PARTIAL_LINE_MS = 100;

/** Characters kept in memory; the log file keeps all. 24 min at 115200 baud. */
const KEPT_MAX = 16 * 1024 * 1024;

/** Longer lines are cut: the longest of the log has some hundred characters, of the console a document. */
const LINE_MAX = 16_384;

/** Lines that an error quotes. */
const LAST_LINES = 20;

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const ANSI = /\x1b\[[0-9;]*[mK]/g; // colours and erasing; other sequences may be noise

/** The console has erased what was typed, and writes a line in its place. */
const ERASE_LINE = "\r\x1b[K";

/** One line of the board, without colours. */
export interface Line {
  readonly text: string;
  /** The line without quoted values, which may come from outside. */
  readonly own: string;
  /** The log event in it. */
  readonly event: string | undefined;
  /** Time of its last byte, in ms since the transcript began. */
  readonly ms: number;
  /** The end of the line in the transcript. */
  readonly end: number;
  /** False for a part of a line, which is reported when nothing follows for a while, and again as a whole. */
  readonly whole: boolean;
}

/** A position in the transcript. */
export type Mark = number;

/** The clock that `Transcript` needs. */
export interface TranscriptClock {
  now(): number;
  after(ms: number, task: () => void): () => void;
}

/** An awaited line did not arrive, or a forbidden one did. */
export class Unmet extends Error {}

export interface Expected {
  readonly match: RegExpExecArray;
  readonly line: Line;
  /** The position after the match. */
  readonly mark: Mark;
}

export interface ExpectOptions {
  /** Longest time to wait. */
  readonly withinMs: number;
  /** Position to search from; by default the beginning. */
  readonly since?: Mark;
  /** Only whole lines match: values in a part of a line may be cut. */
  readonly whole?: boolean;
}

export interface UntilOptions {
  readonly withinMs: number;
  /** Position from which lines are quoted in the error. */
  readonly since: Mark;
  /** The name of the awaited line in the error. */
  readonly what: string;
  /** Ends the wait at once, with the reason why it can no longer come. */
  hopeless(): string | undefined;
}

/**
 * A board's output, with the time of each line. It only grows: a search starts at a mark, not at the present,
 * so that nothing is missed between two searches.
 */
export class Transcript {
  readonly lines: Line[] = [];
  /** The file with the whole output, for errors. */
  file: string | undefined;
  #clock: TranscriptClock;
  #startMs: number;
  #length = 0;
  #partial = "";
  /** The unfinished line is already among the lines. */
  #counted = false;
  #silence: (() => void) | undefined;
  #watchers = new Set<(line: Line) => void>();
  #decoder = new TextDecoder();

  constructor(clock: TranscriptClock) {
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  /** Time since it began, in ms. */
  get nowMs(): number {
    return this.#clock.now() - this.#startMs;
  }

  /** The current end of the output. */
  mark(): Mark {
    return this.#length;
  }

  /** Adds bytes of the board. */
  add(bytes: Uint8Array): void {
    this.#silence?.();
    this.#silence = undefined;
    const pieces = (this.#partial + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#partial = pieces.pop()!;
    for (const piece of pieces) this.#line(piece);
    while (this.#partial.length > LINE_MAX) {
      this.#line(this.#partial.slice(0, LINE_MAX));
      this.#partial = this.#partial.slice(LINE_MAX);
    }
    if (this.#partial !== "" && !this.#counted) {
      this.#silence = this.#clock.after(PARTIAL_LINE_MS, () => {
        this.#counted = true;
        this.#tell(this.#partial, false);
      });
    }
  }

  /** Calls `watcher` with each new line; returns how to stop that. */
  watch(watcher: (line: Line) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * Resolves with the first line after `since` that matches outside of quoted values; rejects with `Unmet`,
   * which quotes the last lines.
   */
  expect(wanted: RegExp, { withinMs, since = 0, whole = false }: ExpectOptions): Promise<Expected> {
    return new Promise((resolve, reject) => {
      let done = false;
      const look = (line: Line) => {
        if (done || line.end <= since || (whole && !line.whole)) return;
        const match = wanted.exec(line.own);
        if (match === null) return;
        finish();
        resolve({ match, line, mark: line.end });
      };
      const finish = () => {
        done = true;
        stop();
        cancel();
      };
      const stop = this.watch(look);
      const cancel = this.#clock.after(withinMs, () => {
        finish();
        reject(this.#unmet(`no match within ${withinMs} ms`, `${wanted}`, since));
      });
      for (const line of this.lines) look(line);
    });
  }

  /**
   * Resolves when `met` returns true; it is called now and after each line, after earlier watchers have read
   * it. Rejects with `Unmet`.
   */
  until(met: () => boolean, { withinMs, since, what, hopeless }: UntilOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = () => {
        stop();
        cancel();
      };
      const look = () => {
        const why = met() ? undefined : hopeless();
        if (why === undefined && !met()) return;
        finish();
        if (why === undefined) resolve();
        else reject(this.#unmet(why, what, since));
      };
      const stop = this.watch(look);
      const cancel = this.#clock.after(withinMs, () => {
        finish();
        reject(this.#unmet(`it did not come within ${withinMs} ms`, what, since));
      });
      look();
    });
  }

  /** Resolves when nothing was received for `quietMs`, or after `withinMs` at the latest. */
  settled(quietMs: number, withinMs: number): Promise<void> {
    return new Promise(resolve => {
      const finish = () => {
        stop();
        cancelQuiet();
        cancel();
        resolve();
      };
      const cancel = this.#clock.after(withinMs, finish);
      let cancelQuiet = this.#clock.after(quietMs, finish);
      const stop = this.watch(() => {
        cancelQuiet();
        cancelQuiet = this.#clock.after(quietMs, finish);
      });
    });
  }

  /** The last lines with their times. */
  tail(count = LAST_LINES): string {
    return this.lines
      .slice(-count)
      .map(({ ms, text }) => `  +${String(Math.round(ms)).padStart(6)} ms  ${text}`)
      .join("\n");
  }

  #line(piece: string): void {
    const counted = this.#counted;
    this.#counted = false;
    const part = this.lines.at(-1);
    if (counted && part?.text === clean(piece)) {
      this.lines.pop(); // only its end followed
      this.#add({ ...part, whole: true });
    } else {
      this.#tell(piece, true);
    }
  }

  #tell(piece: string, whole: boolean): void {
    this.#length += piece.length + 1;
    const text = clean(piece);
    const [own, event] = [withoutValues(text), eventIn(text)];
    this.#add({ text, own, event, ms: this.nowMs, end: this.#length, whole });
  }

  #add(line: Line): void {
    this.lines.push(line);
    while (this.lines.length > 0 && this.lines[0].end < this.#length - KEPT_MAX) this.lines.shift();
    for (const watcher of [...this.#watchers]) watcher(line);
  }

  #unmet(why: string, wanted: string, since: Mark): Unmet {
    const file = this.file === undefined ? "" : `\nthe whole log: ${this.file}`;
    const from = since === 0 ? "the beginning" : `mark ${since}`;
    const last = this.lines.length === 0 ? "  (no line came)" : this.tail();
    return new Unmet(`waited for ${wanted} since ${from}: ${why}\nthe last lines:\n${last}${file}`);
  }
}

function clean(text: string): string {
  return text.split(ERASE_LINE).at(-1)!.replace(ANSI, "").replace(/\r+$/, "");
}
