import { parseFlat } from "../document.ts";
import type { TextStore } from "../storage.ts";

/** Bytes of a document that flash keeps: NVS takes 4000 of a value, its ending zero included. */
export const DOCUMENT_BYTES_MAX = 3999;

/** After so many starts that did not last, a document is not trusted any more. */
export const STARTS_MAX = 3;

type Slot = "a" | "b";

/**
 * The documents that flash keeps, in two slots: the one that is in force and the one before it. A new
 * document is written beside the one in force; then one word says which counts. Whatever the power does
 * meanwhile, a whole document is there.
 */
export class Revisions {
  #store: TextStore;

  constructor(store: TextStore) {
    this.#store = store;
  }

  /**
   * The document to start with; `undefined`: the one that was built in. `fellBack`: the one in force
   * has not lasted several times, and is in force no more.
   */
  start(): { document: object | undefined; fellBack: boolean } {
    const starts = this.#starts + 1;
    const fellBack = starts > STARTS_MAX && this.#slot !== undefined;
    if (fellBack) this.#fallBack();
    this.#store.write("starts", String(fellBack ? 1 : starts));
    return { document: this.#read(this.#slot), fellBack };
  }

  /** It has lasted: the next start is a first one. */
  lasted(): void {
    if (this.#starts !== 0) this.#store.write("starts", "0");
  }

  /** Keeps `document`, which has proved itself. Returns why flash has not taken it; `undefined`: it has. */
  keep(document: object): string | undefined {
    const next: Slot = this.#slot === "a" ? "b" : "a";
    return (
      this.#store.write(`config-${next}`, JSON.stringify(document)) ??
      this.#store.write("slot", next)
    );
  }

  /** Starts that have not lasted, in a row. */
  get #starts(): number {
    const text = this.#store.read("starts") ?? "0";
    if (/^\d{1,9}$/.test(text)) return Number(text);
    this.#store.ignore("starts", "is not a number");
    return 0;
  }

  get #slot(): Slot | undefined {
    const slot = this.#store.read("slot");
    if (slot === undefined || slot === "a" || slot === "b") return slot;
    this.#store.ignore("slot", "is neither a nor b");
    return undefined;
  }

  /** To the one before, and from there to the one that was built in. */
  #fallBack(): void {
    const bad = this.#slot!;
    const before: Slot = bad === "a" ? "b" : "a";
    this.#store.delete(`config-${bad}`);
    if (this.#store.read(`config-${before}`) === undefined) this.#store.delete("slot");
    else this.#store.write("slot", before);
  }

  #read(slot: Slot | undefined): object | undefined {
    const key = `config-${slot}`;
    const text = slot === undefined ? undefined : this.#store.read(key);
    if (text === undefined) return undefined;
    try {
      const document = parseFlat(text);
      if (typeof document === "object" && document !== null) return document;
    } catch {
      // no JSON: reported below
    }
    this.#store.ignore(key, "is not a JSON document");
    return undefined;
  }
}
