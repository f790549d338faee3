/** Events that are remembered: at their longest they take 8 KB, which connections do not have. */
export const RECENT_MAX = 32;

/** Characters of a line that is remembered. */
const LINE_MAX = 240;

/** The last events, as their log lines, the oldest first. */
export class Recent {
  #lines: string[] = [];

  add(line: string): void {
    if (this.#lines.length === RECENT_MAX) this.#lines.shift();
    this.#lines.push(line.slice(0, LINE_MAX));
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(-count);
  }
}
