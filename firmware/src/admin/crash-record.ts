import type { ConfigStore } from "../config/config-store.ts";
import type { Cancel, Clock } from "../platform.ts";
import type { Source } from "./active-document.ts";

/** A start that lasts this long has not failed. */
const START_SUCCEEDED_MS = 60_000;

/** A saved document that has been in force for this time is not suspected of later crashes. */
const PROOF_MS = 60_000;

/** Tells the store when the saved document can no longer be the cause of a crash. */
export class CrashRecord {
  #clock: Clock;
  /** Absent where nothing is kept. */
  #configStore: ConfigStore | undefined;
  #startTimer: Cancel | undefined;
  #proofTimer: Cancel | undefined;

  constructor(clock: Clock, configStore: ConfigStore | undefined) {
    this.#clock = clock;
    this.#configStore = configStore;
    this.#startTimer =
      configStore && clock.after(START_SUCCEEDED_MS, () => configStore.startSucceeded());
  }

  /** A start that ends in an orderly way has not failed, however short it was. */
  stop(): void {
    this.#startTimer?.();
    this.#proofTimer?.();
    this.#configStore?.startSucceeded();
  }

  /** A document from `source` has come into force: if it is the saved one, it is proven after PROOF_MS. */
  inForce(source: Source): void {
    const configStore = this.#configStore;
    this.#proofTimer?.();
    this.#proofTimer = undefined;
    if (source !== "flash" || configStore === undefined || configStore.isProven) return;
    this.#proofTimer = this.#clock.after(PROOF_MS, () => configStore.markProven());
  }
}
