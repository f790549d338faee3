import type { NativeSearch } from "../../../firmware/src/platform.ts";

/** The tables of a keyword search, as firmware/src/net/keywords.ts makes and explains them. */
interface SearchTables {
  readonly columns: Uint8Array;
  readonly next: Uint16Array;
  readonly found: number;
  readonly count: number;
  readonly start: number;
  readonly inAny?: SearchTables | undefined;
}

/** The class `Search` of the firmware's own sockets (firmware/native/search.c): keywords for pipes to look for. */
export class Search implements NativeSearch {
  readonly tables: SearchTables;

  constructor(keywords: object) {
    this.tables = keywords as SearchTables;
  }
}

/** The search in the content of one pipe. */
export class SearchPlace {
  /** A keyword was found. */
  found = false;
  /** A control byte came, and nothing is searched any more. */
  binary = false;
  #tables: SearchTables;
  #state: number;

  constructor({ tables }: Search) {
    this.#tables = tables;
    this.#state = tables.start;
  }

  /** Searches the next bytes; returns how many of them may be passed: those up to the last byte of a keyword, or all. */
  next(bytes: Uint8Array): number {
    const count = bytes.byteLength;
    let at = 0;
    while (!this.binary) {
      const { columns, next, found, count: keywords, inAny } = this.#tables;
      let state = this.#state;
      while (at < count && state < found) state = next[state + columns[bytes[at++]]];
      this.#state = state < found ? state : 0; // behind a keyword or a control byte none has begun
      if (state < found) break;
      if (state < found + keywords) {
        this.found = true;
        return at;
      }
      if (inAny === undefined) this.binary = true;
      else this.#tables = inAny;
    }
    return count;
  }

  /** Where the search was, to go back there. */
  copy(): SearchPlace {
    const copy = new SearchPlace({ tables: this.#tables });
    copy.#state = this.#state;
    copy.found = this.found;
    copy.binary = this.binary;
    return copy;
  }
}
