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
 * give (2 × 128 + 40) states, and one column per different byte, so states are numbers of 16 bits.
 */
export const KEYWORD_BYTES_MAX = 128;
export const KEYWORDS_MAX = 8;

const LF = 10;
const CR = 13;

/**
 * The loop of `Scan.next` as machine code (native/keywords.c). It takes buffers, because that is what
 * the SDK hands to C. Gives the state that was reached, and how many bytes were looked at in the upper
 * 16 bits.
 */
export type FindKeyword = (
  bytes: ArrayBuffer,
  start: number,
  end: number,
  columns: ArrayBuffer,
  next: ArrayBuffer,
  state: number,
  found: number,
) => number;

/**
 * Finds any of several keywords in a stream of bytes at the cost of one table look-up per byte,
 * however many keywords there are and wherever the pieces are cut.
 *
 * The table is the automaton of Aho and Corasick (1975): a state is the longest beginning of any
 * keyword that the last bytes spell, so `EEND` and `ENEND` need no second look. Bytes that occur in
 * no keyword share one column. A state is the place of its row in the table; one that ends a keyword,
 * and with it the search, is a number behind all rows.
 */
export class Keywords {
  /** Column of each byte value; 0 for bytes that occur in no keyword. */
  readonly columns: Uint8Array<ArrayBuffer>;
  /** `next[state + column]`. */
  readonly next: Uint16Array<ArrayBuffer>;
  /** From here on states are ends of keywords: so much more than this as the keyword's index says. */
  readonly found: number;
  /** The state of a stream's beginning, which counts as the beginning of a line. */
  readonly start: number;
  readonly find: FindKeyword | undefined;

  constructor(keywords: readonly Keyword[], find?: FindKeyword) {
    this.find = find;
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

    const statesMax = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1);
    const next = new Uint16Array(statesMax * columnCount);
    /** Per state: index of the keyword that ends here, plus one; 0 for none. */
    const ends = new Uint8Array(statesMax);

    // The tree of all beginnings; 0 is the root and, so far, also "no such child".
    let states = 1;
    for (const { bytes, index } of patterns) {
      let state = 0;
      for (const byte of bytes) {
        const cell = state * columnCount + this.columns[byte];
        if (next[cell] === 0) next[cell] = states++;
        state = next[cell];
      }
      if (ends[state] === 0) ends[state] = index + 1;
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
        if (ends[child] === 0) ends[child] = ends[detour];
        order.push(child);
      }
    }

    // So far by their number, from here on by what saves the loop work.
    this.found = states * columnCount;
    for (let cell = 0; cell < this.found; cell++) {
      const state = next[cell];
      next[cell] = ends[state] === 0 ? state * columnCount : this.found + ends[state] - 1;
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
  private keywords: Keywords;
  private state: number;

  constructor(keywords: Keywords) {
    this.keywords = keywords;
    this.state = keywords.start;
  }

  /**
   * Looks at the next piece of the stream, 65,535 bytes at most. Returns how many of its bytes there
   * are up to the end of the first keyword, the keyword's last byte included: all of them when there
   * is none.
   */
  next(piece: Uint8Array): number {
    const { columns, next, found, find } = this.keywords;
    let state = this.state;
    if (state >= found) return 0;
    let at = 0;
    if (find !== undefined) {
      const start = piece.byteOffset;
      const end = start + piece.byteLength;
      const both = find(
        piece.buffer as ArrayBuffer,
        start,
        end,
        columns.buffer,
        next.buffer,
        state,
        found,
      );
      state = both & 0xffff;
      at = both >>> 16;
    } else {
      const count = piece.byteLength;
      while (at < count) {
        state = next[state + columns[piece[at]]];
        ++at;
        if (state >= found) break;
      }
    }
    if (state >= found) this.found = state - found;
    this.state = state;
    return at;
  }
}

/** The bytes of a keyword, which configuration keeps to ASCII. */
export function bytesOf(keyword: string): number[] {
  const bytes: number[] = [];
  for (let i = 0; i < keyword.length; i++) bytes.push(keyword.charCodeAt(i) & 0xff);
  return bytes;
}
