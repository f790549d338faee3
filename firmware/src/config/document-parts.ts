/** Longest document, in bytes of its JSON without white space. */
export const DOCUMENT_BYTES_MAX = 12_288;

/** The partition that has room for such documents (partitions.csv). */
const STORAGE_BYTES = 73_728;

/** Longest document in the 24 KB of earlier firmware, where four of them and small entries have to fit. */
const EARLIER_DOCUMENT_BYTES_MAX = 3_999;

/** Longest document that flash has room for; where the size of its partition is not known, `DOCUMENT_BYTES_MAX`. */
export function documentBytesMax(storageBytes: number | undefined): number {
  const isEarlier = storageBytes !== undefined && storageBytes < STORAGE_BYTES;
  return isEarlier ? EARLIER_DOCUMENT_BYTES_MAX : DOCUMENT_BYTES_MAX;
}

/**
 * The text of a document, one value at a time: each value of its top level, and each item of its lists. So the text of
 * a long document is never in memory as a whole.
 */
export class DocumentParts {
  key = "";
  /** JSON of the value, or of the item. */
  text = "";
  /** `text` is an item of the list under `key`. */
  isItem = false;
  /** Nothing under this key came before. */
  isFirst = true;
  /** Nothing under this key follows. */
  isLast = true;
  #document: Record<string, unknown>;
  #keys: string[];
  #at = -1;
  /** The next item of the list. */
  #item = 0;

  constructor(document: object) {
    this.#document = document as Record<string, unknown>;
    this.#keys = Object.keys(document).filter(key => this.#document[key] !== undefined);
  }

  /** False at the end. */
  next(): boolean {
    if (this.isLast) {
      if (++this.#at === this.#keys.length) return false;
      this.key = this.#keys[this.#at];
      this.#item = 0;
    }
    const value = this.#document[this.key];
    this.isItem = Array.isArray(value) && value.length > 0;
    this.isFirst = this.#item === 0;
    const part = this.isItem ? (value as unknown[])[this.#item++] : value;
    this.isLast = !this.isItem || this.#item === (value as unknown[]).length;
    this.text = JSON.stringify(part);
    return true;
  }
}

/** `JSON.stringify(document)` in pieces. */
export function* jsonPieces(document: object): Generator<string, void> {
  const parts = new DocumentParts(document);
  let before = "{";
  while (parts.next()) {
    const { key, text, isItem, isFirst, isLast } = parts;
    const opening = isFirst ? `${JSON.stringify(key)}:${isItem ? "[" : ""}` : "";
    yield `${before}${opening}${text}${isItem && isLast ? "]" : ""}`;
    before = ",";
  }
  yield before === "{" ? "{}" : "}";
}

Object.freeze(jsonPieces.prototype);

/** The length of `JSON.stringify(document)`. */
export function jsonLength(document: object): number {
  let length = 0;
  for (const piece of jsonPieces(document)) length += piece.length;
  return length;
}

/** True if both documents have the same JSON. */
export function hasSameJson(one: object, other: object): boolean {
  const pieces = jsonPieces(other);
  for (const piece of jsonPieces(one)) if (pieces.next().value !== piece) return false;
  return pieces.next().done === true;
}
