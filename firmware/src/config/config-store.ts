import { parseJsonBounded } from "./reader.ts";
import type { TextStore } from "./storage.ts";

/** Bytes of a document that flash keeps: NVS takes 4000 of a value, its ending zero included. */
export const DOCUMENT_BYTES_MAX = 3999;

/** After so many starts that a crash ended soon, a document is not trusted any more. */
export const STARTS_MAX = 3;

/** Resets that no document can have caused (esp_reset_reason_t). */
const BLAMELESS_RESETS: readonly string[] = Object.freeze([
  "power-on",
  "external",
  "deep-sleep",
  "brownout",
]);

type Slot = "a" | "b";

/** The document that counts from the next start on. */
const NEXT_KEY = "config-next";

/** It is there while a document runs that is not kept yet. */
const TRIAL_KEY = "trial";

/** The slot whose document has served for long: no stranger who crashes the board takes it away. */
const PROVEN_KEY = "proven";

/** The slot whose document is not in force any more because the board crashed with it. */
const FAILED_KEY = "failed";
const FAILED_WHY_KEY = "failed-why";

/** What flash says to a start. */
export interface Kept {
  /** The document that was kept last; `undefined`: the one that was built in counts. */
  readonly document: object | undefined;
  /** The board has crashed with the one that was kept last several times, and `document` is the one before it. */
  readonly fellBack: boolean;
  /** The one that the board fell back from, until another is kept, and why it did. */
  readonly failed: object | undefined;
  readonly failedWhy: string | undefined;
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
export class ConfigStore {
  #store: TextStore;

  constructor(store: TextStore) {
    this.#store = store;
  }

  /** What flash says to a start; `reset` is why the board starts. */
  start(reset: string | undefined): Kept {
    const blameless = reset !== undefined && BLAMELESS_RESETS.includes(reset);
    const starts = blameless ? Math.max(1, this.#starts) : this.#starts + 1;
    const fellBack = starts > STARTS_MAX && this.#slot !== undefined;
    if (fellBack) this.#fallBack();
    this.#store.write("starts", String(fellBack ? 1 : starts));
    const dropped = this.#store.read(TRIAL_KEY);
    this.trialEnded();
    const slot = this.#slot;
    const failed = this.#slotAt(FAILED_KEY);
    return {
      document: slot && this.#read(`config-${slot}`),
      fellBack,
      failed: failed && this.#read(`config-${failed}`),
      failedWhy: failed && this.#store.read(FAILED_WHY_KEY),
      dropped,
      next: this.#read(NEXT_KEY),
    };
  }

  /** A document that is not kept yet runs from now on. `why`: what a restart says to have ended it. */
  trialBegan(why = "reset"): void {
    this.#store.write(TRIAL_KEY, why);
  }

  trialEnded(): void {
    if (this.#store.read(TRIAL_KEY) !== undefined) this.#store.delete(TRIAL_KEY);
  }

  /** Keeps `document` for the next start, or none. Returns why flash has not taken it; `undefined`: it has. */
  saveNext(document: object | undefined): string | undefined {
    if (document !== undefined) return this.#store.write(NEXT_KEY, JSON.stringify(document));
    if (this.#store.read(NEXT_KEY) !== undefined) this.#store.delete(NEXT_KEY);
    return undefined;
  }

  /** Forgets every document: the one that was built in counts. Returns why it does not; `undefined`: it does. */
  forget(): string | undefined {
    const error = this.#store.delete("slot");
    if (error !== undefined) return error;
    for (const key of [
      "config-a",
      "config-b",
      NEXT_KEY,
      TRIAL_KEY,
      PROVEN_KEY,
      FAILED_KEY,
      FAILED_WHY_KEY,
      "starts",
    ]) {
      if (this.#store.read(key) !== undefined) this.#store.delete(key);
    }
    return undefined;
  }

  /** It has lasted: the next start is a first one. */
  startSucceeded(): void {
    if (this.#starts !== 0) this.#store.write("starts", "0");
  }

  /** The document that was kept before the one in force is the one that the board has fallen back from. */
  markFailed(why: string): void {
    this.#store.write(FAILED_KEY, this.#slot === "a" ? "b" : "a");
    this.#store.write(FAILED_WHY_KEY, why);
  }

  /** The document in force from flash has served for long. */
  get isProven(): boolean {
    const slot = this.#slot;
    return slot !== undefined && this.#slotAt(PROVEN_KEY) === slot;
  }

  markProven(): void {
    if (this.#slot !== undefined && !this.isProven) this.#store.write(PROVEN_KEY, this.#slot);
  }

  /**
   * The ports are open: from here on strangers may have a hand in what crashes the board. A document that
   * is proved is suspected only of what happens before.
   */
  portsOpened(): void {
    if (this.isProven) this.startSucceeded();
  }

  /** Keeps `document`, which has served its trial. Returns why flash has not taken it; `undefined`: it has. */
  save(document: object): string | undefined {
    const next: Slot = this.#slot === "a" ? "b" : "a";
    if (this.#slotAt(PROVEN_KEY) === next) this.#store.delete(PROVEN_KEY);
    const error =
      this.#store.write(`config-${next}`, JSON.stringify(document)) ??
      this.#store.write("slot", next);
    const failed = this.#slotAt(FAILED_KEY);
    if (error !== undefined || failed === undefined) return error;
    this.#store.delete(FAILED_WHY_KEY);
    this.#store.delete(FAILED_KEY); // whoever configures has decided
    if (failed !== next) this.#store.delete(`config-${failed}`);
    return undefined;
  }

  /** Starts that have not lasted, in a row. */
  get #starts(): number {
    const text = this.#store.read("starts") ?? "0";
    if (/^\d{1,9}$/.test(text)) return Number(text);
    this.#store.ignore("starts", "is not a number");
    return 0;
  }

  get #slot(): Slot | undefined {
    return this.#slotAt("slot");
  }

  #slotAt(key: string): Slot | undefined {
    const slot = this.#store.read(key);
    if (slot === undefined || slot === "a" || slot === "b") return slot;
    this.#store.ignore(key, "is neither a nor b");
    return undefined;
  }

  /**
   * To the one before, and from there to the one that was built in. The document stays in flash: of two, the one
   * that was kept last.
   */
  #fallBack(): void {
    const bad = this.#slot!;
    const before: Slot = bad === "a" ? "b" : "a";
    const failed = this.#slotAt(FAILED_KEY);
    if (failed === undefined) {
      this.#store.write(FAILED_KEY, bad);
      this.#store.write(FAILED_WHY_KEY, "boot-loop");
    }
    if (failed === before || this.#store.read(`config-${before}`) === undefined) {
      this.#store.delete("slot");
    } else {
      this.#store.write("slot", before);
    }
  }

  #read(key: string): object | undefined {
    const text = this.#store.read(key);
    if (text === undefined) return undefined;
    try {
      const document = parseJsonBounded(text);
      if (typeof document === "object" && document !== null) return document;
    } catch {
      // no JSON: reported below
    }
    this.#store.ignore(key, "is not a JSON document");
    return undefined;
  }
}
