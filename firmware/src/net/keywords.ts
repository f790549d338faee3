import type { FindKeyword, NativeSearch, Platform } from "../platform.ts";
import { ascii } from "../text/ascii.ts";
import { CR, DEL, LF, NUL, TAB } from "./ascii-codes.ts";

/**
 * A keyword to search for.
 *
 * - `match: "anywhere"` finds it inside words too (`WEEKEND` contains `END`).
 * - `match: "line"` finds it only as a whole line that ends with LF or CR LF.
 *
 * - `in: "text"` searches a stream only until its first control byte. TLS, SSH and database protocols send one among
 *   their first bytes, and in random bytes any short keyword occurs sooner or later.
 * - `in: "any"` searches every stream.
 */
export interface Keyword {
  readonly keyword: string;
  readonly match: "anywhere" | "line";
  readonly in: "text" | "any";
}

/**
 * Most bytes of all keywords together. It bounds the table below: 8 keywords give at most 2 × 128 + 40 states and
 * one column per distinct byte, so that a state fits into 16 bits.
 */
export const KEYWORD_BYTES_MAX = 128;
export const KEYWORDS_MAX = 8;

/**
 * Searches a stream for several keywords with one table lookup per byte, independent of the number of keywords and
 * of where the pieces are cut.
 *
 * The table is the automaton of Aho and Corasick (1975): a state stands for the longest prefix of any keyword that
 * the last bytes match, so `EEND` and `ENEND` need no backtracking. Bytes that occur in no keyword share one column.
 * A state is the offset of its row. States that end the search are numbers behind all rows: one per keyword, and one
 * for all control bytes.
 */
export class Keywords {
  /** The column of each byte value; 0 for bytes that occur in no keyword. */
  readonly columns: Uint8Array<ArrayBuffer>;
  /** `next[state + column]`. */
  readonly next: Uint16Array<ArrayBuffer>;
  /**
   * States from this one on end the search: `found` + index for a keyword, `found` + `count` for a control byte.
   */
  readonly found: number;
  /** The number of keywords. */
  readonly count: number;
  /** The keywords that are still searched for after a control byte; `undefined` if there are none. */
  readonly inAny: Keywords | undefined;
  /** The state at the start of a stream, which counts as the start of a line. */
  readonly start: number;
  readonly find: FindKeyword | undefined;
  #Search: Platform["Search"];
  #search: NativeSearch | undefined;

  /** `binary`: the table for a stream after its first control byte, with the `any` keywords only. */
  constructor(
    keywords: readonly Keyword[],
    native: Pick<Platform, "findKeyword" | "Search"> = {},
    binary = false,
  ) {
    this.find = native.findKeyword;
    this.#Search = native.Search;
    this.count = keywords.length;
    const inText = !binary && keywords.some(keyword => keyword.in === "text");
    const inAny = inText && keywords.some(keyword => keyword.in === "any");
    this.inAny = inAny ? new Keywords(keywords, native, true) : undefined;
    const patterns = patternsOf(keywords, binary);
    this.columns = columnsOf(patterns, inText);
    const automaton = trieOf(patterns, this.columns);
    closeUnderFallback(automaton);
    this.found = asOffsets(automaton);
    const { next, columnCount } = automaton;
    if (inText) {
      const control = this.columns[NUL];
      for (let at = control; at < this.found; at += columnCount) next[at] = this.found + this.count;
    }
    this.next = next;
    this.start = next[this.columns[LF]];
  }

  scan(): Scan {
    return new Scan(this);
  }

  /** The tables for native pipes, copied when the first one needs them. `undefined` where there are no such pipes. */
  get native(): NativeSearch | undefined {
    if (this.#Search !== undefined) this.#search ??= new this.#Search(this);
    return this.#search;
  }
}

/** A byte sequence to search for, and the index of its keyword. */
interface Pattern {
  readonly bytes: readonly number[];
  readonly index: number;
}

/** A `line` keyword is matched together with the line ends around it. */
function patternsOf(keywords: readonly Keyword[], binary: boolean): Pattern[] {
  const patterns: Pattern[] = [];
  for (const [index, { keyword, match, in: where }] of keywords.entries()) {
    if (binary && where === "text") continue;
    const bytes = [...ascii(keyword)];
    if (match === "anywhere") {
      patterns.push({ bytes, index });
    } else {
      patterns.push({ bytes: [LF, ...bytes, LF], index });
      patterns.push({ bytes: [LF, ...bytes, CR, LF], index });
    }
  }
  return patterns;
}

/** One column per distinct byte of the patterns and, in text, one for all control bytes. */
function columnsOf(patterns: readonly Pattern[], inText: boolean): Uint8Array<ArrayBuffer> {
  const columns = new Uint8Array(256);
  let count = 1;
  for (const { bytes } of patterns) {
    for (const byte of bytes) {
      if (columns[byte] === 0) columns[byte] = count++;
    }
  }
  if (!inText) return columns;
  for (let byte = 0; byte < columns.length; byte++) {
    if (isControl(byte)) columns[byte] = count;
  }
  return columns;
}

/** A trie of the patterns, and then the automaton made from it: a row of `columnCount` cells for each state. */
interface Automaton {
  /** `next[state * columnCount + column]`: the state after a byte of that column. */
  readonly next: Uint16Array<ArrayBuffer>;
  /** For each state, the index of the keyword that ends there plus one; 0 for none. */
  readonly ends: Uint8Array;
  readonly columnCount: number;
  readonly stateCount: number;
}

/** The state in which no beginning of a keyword has been seen. */
const ROOT = 0;

/** In a trie only: nothing leads back to the root, so its number is free to mean this. */
const NO_CHILD = 0;

/** Each pattern as a path from the root; patterns that begin alike share the beginning of their paths. */
function trieOf(patterns: readonly Pattern[], columns: Uint8Array): Automaton {
  const columnCount = columns.reduce((most, column) => Math.max(most, column), 0) + 1;
  const statesMax = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1);
  const next = new Uint16Array(statesMax * columnCount);
  const ends = new Uint8Array(statesMax);
  let stateCount = 1;
  for (const { bytes, index } of patterns) {
    let state = ROOT;
    for (const byte of bytes) {
      const cell = state * columnCount + columns[byte];
      if (next[cell] === NO_CHILD) next[cell] = stateCount++;
      state = next[cell];
    }
    if (ends[state] === 0) ends[state] = index + 1;
  }
  return { next, ends, columnCount, stateCount };
}

/**
 * Gives each state a successor for every byte. Where the trie has no child, that is the successor of the state's
 * fallback: the state of its longest proper suffix that begins a keyword. Breadth first, because a fallback is
 * nearer to the root than its state and so is complete before.
 */
function closeUnderFallback({ next, ends, columnCount, stateCount }: Automaton): void {
  const fallback = new Uint16Array(stateCount);
  const order = [ROOT];
  for (const state of order) {
    for (let column = 1; column < columnCount; column++) {
      const cell = state * columnCount + column;
      const child = next[cell];
      const successor = state === ROOT ? ROOT : next[fallback[state] * columnCount + column];
      if (child === NO_CHILD) {
        next[cell] = successor;
        continue;
      }
      fallback[child] = successor;
      if (ends[child] === 0) ends[child] = ends[successor];
      order.push(child);
    }
  }
}

/**
 * Replaces the numbers of states by the places of their rows, which saves the search a multiplication, and states
 * that end a keyword by that keyword's number behind all rows. Returns the end of all rows.
 */
function asOffsets({ next, ends, columnCount, stateCount }: Automaton): number {
  const found = stateCount * columnCount;
  for (let cell = 0; cell < found; cell++) {
    const state = next[cell];
    next[cell] = ends[state] === 0 ? state * columnCount : found + ends[state] - 1;
  }
  return found;
}

/** The search in one stream. Its only state is a number. */
export class Scan {
  /**
   * The reason why the search ended: the index of a keyword, or `"binary"` for a control byte after which no keyword is
   * searched for; `undefined` while it goes on.
   */
  found: number | "binary" | undefined;
  private keywords: Keywords;
  private state: number;

  constructor(keywords: Keywords) {
    this.keywords = keywords;
    this.state = keywords.start;
  }

  /**
   * Searches the next piece of the stream, at most 65,535 bytes. Returns the number of bytes up to and including
   * the first keyword's last byte, or all bytes when no keyword was found.
   */
  next(piece: Uint8Array): number {
    const { columns, next, found, find } = this.keywords;
    let state = this.state;
    if (state >= found) return this.found === "binary" ? piece.byteLength : 0;
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
    this.state = state;
    return state < found ? at : this.ended(piece, at);
  }

  /** The first `at` bytes of the piece ended with a keyword or a control byte. */
  private ended(piece: Uint8Array, at: number): number {
    const { found, count, inAny } = this.keywords;
    const index = this.state - found;
    if (index < count) {
      this.found = index;
      return at;
    }
    if (inAny === undefined) {
      this.found = "binary";
      return piece.byteLength;
    }
    this.keywords = inAny;
    this.state = 0; // no keyword has a control byte, so none has begun
    return at + this.next(piece.subarray(at));
  }
}

/** ASCII control characters except TAB, LF and CR: text has none of them. */
function isControl(byte: number): boolean {
  return byte === DEL || (byte < 32 && byte !== TAB && byte !== LF && byte !== CR);
}
