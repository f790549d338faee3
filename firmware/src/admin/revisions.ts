import { parseFlat } from "../document.ts";
import type { Storage } from "../platform.ts";
import { readText, reportIgnored } from "../storage.ts";
import type { Report } from "./event.ts";

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
  #report: Report;

  constructor(storage: Storage, report: Report) {
    this.#storage = storage;
    this.#report = report;
  }

  /**
   * The document to start with; `undefined`: the one that was built in. `fellBack`: the one in force
   * has not lasted several times, and is in force no more.
   */
  start(): { document: object | undefined; fellBack: boolean } {
    const starts = this.#starts + 1;
    const fellBack = starts > STARTS_MAX && this.#slot !== undefined;
    if (fellBack) this.#fallBack();
    this.#storage.write("starts", String(fellBack ? 1 : starts));
    return { document: this.#read(this.#slot), fellBack };
  }

  /** It has lasted: the next start is a first one. */
  lasted(): void {
    if (this.#starts !== 0) this.#storage.write("starts", "0");
  }

  /** Keeps `document`, which has proved itself. */
  keep(document: object): void {
    const next: Slot = this.#slot === "a" ? "b" : "a";
    this.#storage.write(`config-${next}`, JSON.stringify(document));
    this.#storage.write("slot", next);
  }

  /** Starts that have not lasted, in a row. */
  get #starts(): number {
    const text = this.#text("starts") ?? "0";
    if (/^\d{1,9}$/.test(text)) return Number(text);
    reportIgnored(this.#report, "starts", "is not a number");
    return 0;
  }

  get #slot(): Slot | undefined {
    const slot = this.#text("slot");
    if (slot === undefined || slot === "a" || slot === "b") return slot;
    reportIgnored(this.#report, "slot", "is neither a nor b");
    return undefined;
  }

  #text(key: string): string | undefined {
    return readText(this.#storage, key, this.#report);
  }

  /** To the one before, and from there to the one that was built in. */
  #fallBack(): void {
    const bad = this.#slot!;
    const before: Slot = bad === "a" ? "b" : "a";
    this.#storage.delete(`config-${bad}`);
    if (this.#text(`config-${before}`) === undefined) this.#storage.delete("slot");
    else this.#storage.write("slot", before);
  }

  #read(slot: Slot | undefined): object | undefined {
    const key = `config-${slot}`;
    const text = slot === undefined ? undefined : this.#text(key);
    if (text === undefined) return undefined;
    try {
      const document = parseFlat(text);
      if (typeof document === "object" && document !== null) return document;
    } catch {
      // no JSON: reported below
    }
    reportIgnored(this.#report, key, "is not a JSON document");
    return undefined;
  }
}
