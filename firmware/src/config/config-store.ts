import { DocumentStore } from "./document-store.ts";
import { parseJsonBounded } from "./reader.ts";
import type { TextStore } from "./storage.ts";

/** Starts in a row that may end in an early crash before the saved document is considered bad. */
const STARTS_MAX = 3;

/** Reset reasons that a configuration cannot have caused (esp_reset_reason_t). */
const BLAMELESS_RESETS: readonly string[] = Object.freeze([
  "power-on",
  "external",
  "deep-sleep",
  "brownout",
]);

type Slot = "a" | "b";

/** The document for the next start. */
const NEXT_KEY = "config-next";

/** Present while a document is on trial. */
const TRIAL_KEY = "trial";

/** The slot of a proven document: later crashes, which a client may cause, do not discard it. */
const PROVEN_KEY = "proven";

/** The slot of the document that was rolled back. */
const FAILED_KEY = "failed";
const FAILED_WHY_KEY = "failed-why";

const DOCUMENT_KEYS = Object.freeze(["config-a", "config-b", NEXT_KEY]);
const OTHER_KEYS = Object.freeze(["starts", TRIAL_KEY, PROVEN_KEY, FAILED_KEY, FAILED_WHY_KEY]);

/** The state of the store at a start. */
export interface StoredConfig {
  /** The saved document; `undefined` if the built-in one is to be used. */
  readonly document: object | undefined;
  /** The board crashed repeatedly with the last saved document, and `document` is the previous one. */
  readonly isBootLoop: boolean;
  /** The document that was rolled back, until another is saved, and the reason. */
  readonly failed: object | undefined;
  readonly failedWhy: string | undefined;
  /** Why a document on trial was rolled back: `reset`, or the reason of a rollback that needed a restart. */
  readonly trialFailure: string | undefined;
  /** The document that was accepted for this start. */
  readonly next: object | undefined;
}

/**
 * The saved documents, in two slots: the current one and the previous one (A/B slots). A new document is written to
 * the other slot, and then one small entry switches slots, so that a power cut never leaves half a document.
 */
export class ConfigStore {
  #store: TextStore;
  #documents: DocumentStore;

  constructor(store: TextStore) {
    this.#store = store;
    this.#documents = new DocumentStore(store);
  }

  /** Called once at each start; `reset` is the reset reason. Rolls back after repeated crashes. */
  start(reset: string | undefined): StoredConfig {
    const blameless = reset !== undefined && BLAMELESS_RESETS.includes(reset);
    const starts = blameless ? Math.max(1, this.starts) : this.starts + 1;
    const isBootLoop = starts > STARTS_MAX && this.slot !== undefined;
    if (isBootLoop) this.rollBack();
    this.#store.write("starts", String(isBootLoop ? 1 : starts));
    const trialFailure = this.#store.read(TRIAL_KEY);
    this.trialEnded();
    const slot = this.slot;
    const failed = this.slotAt(FAILED_KEY);
    return {
      document: slot && this.#documents.read(`config-${slot}`),
      isBootLoop,
      failed: failed && this.#documents.read(`config-${failed}`),
      failedWhy: failed && this.#store.read(FAILED_WHY_KEY),
      trialFailure,
      next: this.#documents.read(NEXT_KEY),
    };
  }

  /** A document on trial has come into force. `why`: the reason reported if a restart ends the trial. */
  trialBegan(why = "reset"): void {
    this.#store.write(TRIAL_KEY, why);
  }

  trialEnded(): void {
    this.#store.delete(TRIAL_KEY);
  }

  /** Saves `document` for the next start, or removes it. Returns an error if flash failed. */
  saveNext(document: object | undefined): string | undefined {
    if (document !== undefined) return this.#documents.write(NEXT_KEY, document);
    return this.#documents.delete(NEXT_KEY);
  }

  /** Erases all documents, so that the built-in one is used. Returns an error if flash failed. */
  forget(): string | undefined {
    const error = this.#store.delete("slot");
    if (error !== undefined) return error;
    for (const key of DOCUMENT_KEYS) this.#documents.delete(key);
    for (const key of OTHER_KEYS) this.#store.delete(key);
    return undefined;
  }

  /** This start did not fail: resets the count of failed starts. */
  startSucceeded(): void {
    if (this.starts !== 0) this.#store.write("starts", "0");
  }

  /** Marks the previously saved document as the one that failed. */
  markFailed(why: string): void {
    this.#store.write(FAILED_KEY, otherThan(this.slot));
    this.#store.write(FAILED_WHY_KEY, why);
  }

  /** The saved document has been in force for long enough not to be suspected of later crashes. */
  get isProven(): boolean {
    const slot = this.slot;
    return slot !== undefined && this.slotAt(PROVEN_KEY) === slot;
  }

  markProven(): void {
    if (this.slot !== undefined && !this.isProven) this.#store.write(PROVEN_KEY, this.slot);
  }

  /** The ports are open: clients may cause crashes now. A proven document is suspected only of earlier crashes. */
  portsOpened(): void {
    if (this.isProven) this.startSucceeded();
  }

  /** Saves `document` after its trial. Returns an error if flash failed. */
  save(document: object): string | undefined {
    const next = otherThan(this.slot);
    if (this.slotAt(PROVEN_KEY) === next) this.#store.delete(PROVEN_KEY);
    const error =
      this.#documents.write(`config-${next}`, document) ?? this.#store.write("slot", next);
    const failed = this.slotAt(FAILED_KEY);
    if (error !== undefined || failed === undefined) return error;
    this.#store.delete(FAILED_WHY_KEY);
    this.#store.delete(FAILED_KEY); // the operator has decided
    if (failed !== next) this.#documents.delete(`config-${failed}`);
    return undefined;
  }

  /** Consecutive failed starts. */
  private get starts(): number {
    const text = this.#store.read("starts") ?? "0";
    if (/^\d{1,9}$/.test(text)) return Number(text);
    this.#store.ignore("starts", "is not a number");
    return 0;
  }

  private get slot(): Slot | undefined {
    return this.slotAt("slot");
  }

  private slotAt(key: string): Slot | undefined {
    const slot = this.#store.read(key);
    if (slot === undefined || slot === "a" || slot === "b") return slot;
    this.#store.ignore(key, "is neither a nor b");
    return undefined;
  }

  /**
   * Rolls back to the previous document, and from there to the built-in one. The failed document stays in flash; of
   * two, the one that was saved last.
   */
  private rollBack(): void {
    const bad = this.slot!;
    const before = otherThan(bad);
    const failed = this.slotAt(FAILED_KEY);
    if (failed === undefined) {
      this.#store.write(FAILED_KEY, bad);
      this.#store.write(FAILED_WHY_KEY, "boot-loop");
    }
    if (failed === before || !this.#documents.has(`config-${before}`)) {
      this.#store.delete("slot");
    } else {
      this.#store.write("slot", before);
    }
  }
}

function otherThan(slot: Slot | undefined): Slot {
  return slot === "a" ? "b" : "a";
}

/** The JSON object under `key`; any other text counts as absent, and `error` is reported. */
export function readObject(store: TextStore, key: string, error: string): object | undefined {
  const text = store.read(key);
  if (text === undefined) return undefined;
  try {
    const value = parseJsonBounded(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // not JSON: reported below
  }
  store.ignore(key, error);
  return undefined;
}
