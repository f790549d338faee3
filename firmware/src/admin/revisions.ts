import { parseFlat } from "../document.ts";
import type { TextStore } from "../storage.ts";

/** Bytes of a document that flash keeps: NVS takes 4000 of a value, its ending zero included. */
export const DOCUMENT_BYTES_MAX = 3999;

/** After so many starts that did not last, a document is not trusted any more. */
export const STARTS_MAX = 3;

type Slot = "a" | "b";

/** The document that counts from the next start on. */
const NEXT_KEY = "config-next";

/** It is there while a document runs that is not kept yet. */
const TRIAL_KEY = "trial";

/** What flash says to a start. */
export interface Kept {
  /** The document that was kept last; `undefined`: the one that was built in counts. */
  readonly document: object | undefined;
  /** The one that was kept last has not lasted several times, and `document` is the one before it. */
  readonly fellBack: boolean;
  /** Why a document on trial is not in force any more: `reset`, or why it was taken back with a restart. */
  readonly dropped: string | undefined;
  /** The document that waits for this start. */
  readonly next: object | undefined;
}

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

  /** What flash says to a start. */
  start(): Kept {
    const starts = this.#starts + 1;
    const fellBack = starts > STARTS_MAX && this.#slot !== undefined;
    if (fellBack) this.#fallBack();
    this.#store.write("starts", String(fellBack ? 1 : starts));
    const dropped = this.#store.read(TRIAL_KEY);
    this.trialEnds();
    const slot = this.#slot;
    return {
      document: slot && this.#read(`config-${slot}`),
      fellBack,
      dropped,
      next: this.#read(NEXT_KEY),
    };
  }

  /** A document that is not kept yet runs from now on. `why`: what a restart says to have ended it. */
  trialBegins(why = "reset"): void {
    this.#store.write(TRIAL_KEY, why);
  }

  trialEnds(): void {
    if (this.#store.read(TRIAL_KEY) !== undefined) this.#store.delete(TRIAL_KEY);
  }

  /** Keeps `document` for the next start, or none. Returns why flash has not taken it; `undefined`: it has. */
  keepNext(document: object | undefined): string | undefined {
    if (document !== undefined) return this.#store.write(NEXT_KEY, JSON.stringify(document));
    if (this.#store.read(NEXT_KEY) !== undefined) this.#store.delete(NEXT_KEY);
    return undefined;
  }

  /** Forgets every document: the one that was built in counts. Returns why it does not; `undefined`: it does. */
  forget(): string | undefined {
    const error = this.#store.delete("slot");
    if (error !== undefined) return error;
    for (const key of ["config-a", "config-b", NEXT_KEY, TRIAL_KEY, "starts"]) {
      this.#store.delete(key);
    }
    return undefined;
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

  #read(key: string): object | undefined {
    const text = this.#store.read(key);
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
