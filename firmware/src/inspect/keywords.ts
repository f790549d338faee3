/**
 * A keyword to look for.
 *
 * - `anywhere`: wherever the bytes occur, inside words too (`WEEKEND` has `END` in it).
 * - `line`: only where the keyword is a whole line, ended by LF or CR LF.
 */
export interface Keyword {
  readonly keyword: string;
  readonly match: "anywhere" | "line";
}

/**
 * Bytes of all keywords of one direction together. It bounds the table below: at most 8 keywords
 * give (2 × 128 + 40) states, and one column per different byte.
 */
export const KEYWORD_BYTES_MAX = 128;
export const KEYWORDS_MAX = 8;

const LF = 10;
const CR = 13;

/**
 * Finds any of several keywords in a stream of bytes at the cost of one table look-up per byte,
 * however many keywords there are and wherever the pieces are cut.
 *
 * The table is the automaton of Aho and Corasick (1975): a state is the longest beginning of any
 * keyword that the last bytes spell, so `EEND` and `ENEND` need no second look. Bytes that occur in
 * no keyword share one column.
 */
export class Keywords {
  /** Column of each byte value; 0 for bytes that occur in no keyword. */
  readonly columns: Uint8Array;
  readonly columnCount: number;
  /** `next[state * columnCount + column]`. */
  readonly next: Uint16Array;
  /** Per state: index of the keyword that ends here, plus one; 0 for none. */
  readonly found: Uint8Array;
  /** The state of a stream's beginning, which counts as the beginning of a line. */
  readonly start: number;

  constructor(keywords: readonly Keyword[]) {
    const patterns = keywords.flatMap(({ keyword, match }, index) => {
      const bytes = bytesOf(keyword);
      if (match === "anywhere") return [{ bytes, index }];
      return [
        { bytes: [LF, ...bytes, LF], index },
        { bytes: [LF, ...bytes, CR, LF], index },
      ];
    });

    this.columns = new Uint8Array(256);
    let columnCount = 1;
    for (const { bytes } of patterns) {
      for (const byte of bytes) {
        if (this.columns[byte] === 0) this.columns[byte] = columnCount++;
      }
    }
    this.columnCount = columnCount;

    const statesMax = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1);
    const next = new Uint16Array(statesMax * columnCount);
    this.found = new Uint8Array(statesMax);

    // The tree of all beginnings; 0 is the root and, so far, also "no such child".
    let states = 1;
    for (const { bytes, index } of patterns) {
      let state = 0;
      for (const byte of bytes) {
        const cell = state * columnCount + this.columns[byte];
        if (next[cell] === 0) next[cell] = states++;
        state = next[cell];
      }
      if (this.found[state] === 0) this.found[state] = index + 1;
    }

    // Breadth first: a missing child is where the longest proper ending of this state would go.
    const fallback = new Uint16Array(states);
    const order = [0];
    for (const state of order) {
      for (let column = 1; column < columnCount; column++) {
        const cell = state * columnCount + column;
        const detour = state === 0 ? 0 : next[fallback[state] * columnCount + column];
        const child = next[cell];
        if (child === 0) {
          next[cell] = detour;
          continue;
        }
        fallback[child] = detour;
        if (this.found[child] === 0) this.found[child] = this.found[detour];
        order.push(child);
      }
    }
    this.next = next;
    this.start = next[this.columns[LF]];
  }

  scan(): Scan {
    return new Scan(this);
  }
}

/** Where one stream stands: one number, however long the stream. */
export class Scan {
  /** Index of the keyword that was found; looking ends with it. */
  found: number | undefined;
  #keywords: Keywords;
  #state: number;

  constructor(keywords: Keywords) {
    this.#keywords = keywords;
    this.#state = keywords.start;
  }

  /**
   * Looks at the next piece of the stream. Returns how many of its bytes there are up to the end of
   * the first keyword, the keyword's last byte included: all of them when there is none.
   */
  next(piece: Uint8Array): number {
    const { columns, columnCount, next, found } = this.#keywords;
    const count = piece.byteLength;
    let state = this.#state;
    for (let i = 0; i < count; i++) {
      state = next[state * columnCount + columns[piece[i]]];
      if (found[state] !== 0) {
        this.found = found[state] - 1;
        return i + 1;
      }
    }
    this.#state = state;
    return count;
  }
}

/** The bytes of a keyword, which configuration keeps to ASCII. */
export function bytesOf(keyword: string): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < keyword.length; i++) bytes.push(keyword.charCodeAt(i) & 0xff);
  return bytes;
}
