import type { Storage } from "../platform.ts";

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
  #storage: Storage;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /**
   * The document to start with; `undefined`: the one that was built in. `fellBack`: the one in force
   * has not lasted several times, and is in force no more.
   */
  start(): { document: object | undefined; fellBack: boolean } {
    const starts = Number(this.#storage.read("starts") ?? 0) + 1;
    const fellBack = starts > STARTS_MAX && this.#slot !== undefined;
    if (fellBack) this.#fallBack();
    this.#storage.write("starts", String(fellBack ? 1 : starts));
    return { document: this.#read(this.#slot), fellBack };
  }

  /** It has lasted: the next start is a first one. */
  lasted(): void {
    if (this.#storage.read("starts") !== "0") this.#storage.write("starts", "0");
  }

  /** Keeps `document`, which has proved itself. */
  keep(document: object): void {
    const next: Slot = this.#slot === "a" ? "b" : "a";
    this.#storage.write(`config-${next}`, JSON.stringify(document));
    this.#storage.write("slot", next);
  }

  get #slot(): Slot | undefined {
    const slot = this.#storage.read("slot");
    return slot === "a" || slot === "b" ? slot : undefined;
  }

  /** To the one before, and from there to the one that was built in. */
  #fallBack(): void {
    const bad = this.#slot!;
    const before: Slot = bad === "a" ? "b" : "a";
    this.#storage.delete(`config-${bad}`);
    if (this.#storage.read(`config-${before}`) === undefined) this.#storage.delete("slot");
    else this.#storage.write("slot", before);
  }

  #read(slot: Slot | undefined): object | undefined {
    const text = slot === undefined ? undefined : this.#storage.read(`config-${slot}`);
    return text === undefined ? undefined : JSON.parse(text);
  }
}
