import { DocumentParts } from "./document-parts.ts";
import { parseJsonBounded } from "./reader.ts";
import type { TextStore } from "./storage.ts";

/**
 * Preferred length of a piece, in bytes: as an NVS string it takes 63 entries, half a page. Only one item of a list that
 * is longer has a longer piece, up to an NVS string's 3999 bytes.
 */
const PIECE_BYTES = 1_983;

/** Most pieces besides the last: two in a row have more than `PIECE_BYTES`. */
const PIECES_MAX = 16;

/** Two sets of keys for pieces, so that an old document stays until a new one is complete. */
type Generation = "x" | "y";

/** The last piece: before its JSON the generation and the number of the others, if there are any. */
interface Head {
  readonly generation: Generation | undefined;
  readonly count: number;
  readonly json: string;
}

/**
 * Documents in flash, in pieces, because a value of NVS has at most 3999 bytes. A piece is a document itself, with some
 * of the keys; a list may go on in the next piece. So one piece at a time is in memory.
 *
 * The last piece, under the document's own key, is written last and replaces the old one in one step. A power cut at
 * any place, or full flash, leaves the old document or the new one, whole. A document of one piece is stored as earlier
 * versions of the firmware did.
 */
export class DocumentStore {
  #store: TextStore;

  constructor(store: TextStore) {
    this.#store = store;
  }

  /** `undefined` if there is none, or none that is whole, which is reported. */
  read(key: string): object | undefined {
    const head = this.head(key);
    if (head === undefined) return undefined;
    const { generation, count } = head;
    const document: Record<string, unknown> = {};
    for (let number = 1; number <= count; number++) {
      const name = pieceKey(key, generation!, number);
      const text = this.#store.read(name);
      if (text === undefined || !append(document, text)) {
        this.#store.ignore(name, text === undefined ? "is missing" : NOT_JSON);
        return undefined;
      }
    }
    if (append(document, head.json)) return document;
    this.#store.ignore(key, NOT_JSON);
    return undefined;
  }

  has(key: string): boolean {
    return this.#store.read(key) !== undefined;
  }

  /** Returns an error, and leaves the old document, if flash failed. */
  write(key: string, document: object): string | undefined {
    const before = this.head(key)?.generation;
    const generation = before === "x" ? "y" : "x";
    this.deletePieces(key, generation); // of a write that a power cut has ended
    const error = this.writePieces(key, generation, document);
    this.deletePieces(key, error === undefined ? otherThan(generation) : generation);
    return error;
  }

  /** Returns an error if flash failed. */
  delete(key: string): string | undefined {
    const error = this.#store.delete(key);
    if (error !== undefined) return error;
    this.deletePieces(key, "x");
    this.deletePieces(key, "y");
    return undefined;
  }

  private writePieces(key: string, generation: Generation, document: object): string | undefined {
    const parts = new DocumentParts(document);
    let piece = new Piece();
    let count = 0;
    while (parts.next()) {
      if (!piece.fits(parts)) {
        if (count === PIECES_MAX) return TOO_LONG;
        const error = this.#store.write(pieceKey(key, generation, ++count), piece.json);
        if (error !== undefined) return error;
        piece = new Piece();
      }
      piece.add(parts);
    }
    const { json } = piece;
    return this.#store.write(key, count === 0 ? json : `${generation}${count}${json}`);
  }

  /** From the last to the first: what a power cut leaves is numbered from 1 on. */
  private deletePieces(key: string, generation: Generation): void {
    let count = 0;
    while (
      count < PIECES_MAX &&
      this.#store.read(pieceKey(key, generation, count + 1)) !== undefined
    ) {
      count++;
    }
    for (; count > 0; count--) this.#store.delete(pieceKey(key, generation, count));
  }

  private head(key: string): Head | undefined {
    const text = this.#store.read(key);
    if (text === undefined) return undefined;
    const brace = text.indexOf("{");
    const generation = text[0];
    if (brace < 1 || (generation !== "x" && generation !== "y")) {
      return { generation: undefined, count: 0, json: text };
    }
    return { generation, count: Number(text.slice(1, brace)), json: text.slice(brace) };
  }
}

const NOT_JSON = "is not a JSON document";
const TOO_LONG = `the configuration has more than ${PIECES_MAX + 1} pieces`;

/** A document with some of the keys of another one. */
class Piece {
  #texts: string[] = [];
  #bytes = 0;
  /** The key of the list that is not closed yet. */
  #list: string | undefined;

  fits({ key, text }: DocumentParts): boolean {
    // Four signs at most are added: a comma, a bracket that closes a list, the colon and one that opens a list.
    const bytes = this.#bytes + key.length + text.length + '"":,[]]}'.length;
    return this.#bytes === 0 || bytes <= PIECE_BYTES;
  }

  add({ key, text, isItem }: DocumentParts): void {
    if (isItem && key === this.#list) {
      this.push(`,${text}`);
      return;
    }
    const before = this.#bytes === 0 ? "{" : `${this.closing},`;
    this.push(`${before}${JSON.stringify(key)}:${isItem ? "[" : ""}${text}`);
    this.#list = isItem ? key : undefined;
  }

  get json(): string {
    return this.#bytes === 0 ? "{}" : `${this.#texts.join("")}${this.closing}}`;
  }

  private get closing(): string {
    return this.#list === undefined ? "" : "]";
  }

  private push(text: string): void {
    this.#texts.push(text);
    this.#bytes += text.length;
  }
}

/** Adds the keys of a piece; false if it is not one. */
function append(document: Record<string, unknown>, json: string): boolean {
  let piece: unknown;
  try {
    piece = parseJsonBounded(json);
  } catch {
    return false;
  }
  if (typeof piece !== "object" || piece === null || Array.isArray(piece)) return false;
  for (const [key, value] of Object.entries(piece)) {
    const before = document[key];
    if (Array.isArray(before) && Array.isArray(value)) for (const item of value) before.push(item);
    else document[key] = value;
  }
  return true;
}

function pieceKey(key: string, generation: Generation, number: number): string {
  return `${key}-${generation}${number}`;
}

function otherThan(generation: Generation): Generation {
  return generation === "x" ? "y" : "x";
}
