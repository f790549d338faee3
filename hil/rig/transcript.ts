import { eventIn, withoutValues } from "./line.ts";

/** An unfinished line counts as one after so long a silence: a prompt has no end (idf-monitor's value). */
const PARTIAL_LINE_MS = 100;

/** Characters that are kept; older ones are forgotten here, never in the log file. 24 min at 115200 baud. */
const KEPT_MAX = 16 * 1024 * 1024;

/** A line that is longer is cut: the log's longest has some hundred characters, the console's a document. */
const LINE_MAX = 16_384;

/** Lines that a failure shows. */
const LAST_LINES = 20;

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const ANSI = /\x1b\[[0-9;]*[mK]/g; // colours and erasing; noise may look like any other

/** One line as the board wrote it, without colours. */
export interface Line {
  readonly text: string;
  /** The same without quoted values: what the chip itself says. */
  readonly own: string;
  /** The event of the firmware's log in it. */
  readonly event: string | undefined;
  /** When its last byte came, in ms since the transcript began. */
  readonly ms: number;
  /** Where it ends in the transcript. */
  readonly end: number;
  /** It has its end; a part of a line is told when nothing has followed for a while, and again as a whole. */
  readonly whole: boolean;
}

/** Where a reader stands in the transcript. */
export type Mark = number;

/** What `Transcript` asks of time. */
export interface TranscriptClock {
  now(): number;
  after(ms: number, task: () => void): () => void;
}

/** What was awaited did not come, or what must not come came. */
export class Unmet extends Error {}

export interface Expected {
  readonly match: RegExpExecArray;
  readonly line: Line;
  /** Where the reader stands afterwards. */
  readonly mark: Mark;
}

export interface ExpectOptions {
  /** How long to wait. */
  readonly withinMs: number;
  /** From where on to look; everything when not given. */
  readonly since?: Mark;
  /** Parts of lines do not count: what is read from them would be cut. */
  readonly whole?: boolean;
}

export interface UntilOptions {
  readonly withinMs: number;
  /** From where on lines are evidence, for the message. */
  readonly since: Mark;
  /** What is awaited, for the message. */
  readonly what: string;
  /** Why it can no longer come, which ends the waiting at once. */
  hopeless(): string | undefined;
}

/**
 * All that a board wrote, with the time of each line. It only grows: whoever looks for something looks
 * at what came since a mark, and not only at what comes from now on, so that nothing is missed
 * between two questions.
 */
export class Transcript {
  readonly lines: Line[] = [];
  /** The file that has all of it, for messages. */
  file: string | undefined;
  #clock: TranscriptClock;
  #startMs: number;
  #length = 0;
  #partial = "";
  /** The unfinished line already stands among the lines. */
  #counted = false;
  #silence: (() => void) | undefined;
  #watchers = new Set<(line: Line) => void>();
  #decoder = new TextDecoder();

  constructor(clock: TranscriptClock) {
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  /** Since it began, in ms. */
  get nowMs(): number {
    return this.#clock.now() - this.#startMs;
  }

  /** What comes from here on. */
  mark(): Mark {
    return this.#length;
  }

  /** Bytes that the board wrote. */
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

  /** Calls `watcher` with each line from now on; returns how to stop that. */
  watch(watcher: (line: Line) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * Resolves with the first line since the mark that matches outside of quoted values; rejects with
   * `Unmet`, which quotes the last lines.
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
        reject(this.#unmet(`nothing like it within ${withinMs} ms`, `${wanted}`, since));
      });
      for (const line of this.lines) look(line);
    });
  }

  /**
   * Resolves when `met` is true, which is asked now and after each line, when the watchers before have read
   * it; rejects with `Unmet`.
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

  /** Resolves when nothing has come for `quietMs`, at the latest after `withinMs`. */
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

  /** The last lines with their times, for people. */
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
      this.lines.pop(); // nothing followed but its end
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
    const last = this.lines.length === 0 ? "  (not one line came)" : this.tail();
    return new Unmet(`awaited ${wanted} since ${from}: ${why}\nthe last lines:\n${last}${file}`);
  }
}

function clean(text: string): string {
  return text.replace(ANSI, "").replace(/\r+$/, "");
}
