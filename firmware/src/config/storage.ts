import type { Report } from "../log/event.ts";
import type { Storage, StorageOpener } from "../platform.ts";

/**
 * A namespace of flash, as text. Nothing here throws: flash may be full or worn out, and another program on
 * this board may have written an entry. A failure is a line of the log.
 */
export class TextStore {
  #storage: Storage;
  #report: Report;

  constructor(storage: Storage, report: Report) {
    this.#storage = storage;
    this.#report = report;
  }

  /** `undefined` if the machine has no storage, or the namespace cannot be opened. */
  static open(
    opener: StorageOpener | undefined,
    path: string,
    report: Report,
  ): TextStore | undefined {
    try {
      const storage = opener?.open({ path, mode: "r+", format: "string" });
      return storage && new TextStore(storage, report);
    } catch (error) {
      failed(report, path, error);
      return undefined;
    }
  }

  /** The text under `key`; an entry that is not text, or that cannot be read, counts as absent. */
  read(key: string): string | undefined {
    let value: unknown;
    try {
      value = this.#storage.read(key);
    } catch (error) {
      // A TypeError means that it has another type (xs_directorystorage_read, storage-esp32.c).
      this.ignore(key, error instanceof TypeError ? "is not text" : String(error));
      return undefined;
    }
    if (value === undefined || typeof value === "string") return value;
    this.ignore(key, `is of type ${typeof value}, not text`);
    return undefined;
  }

  /** Returns an error if flash failed. */
  write(key: string, value: string): string | undefined {
    try {
      this.#storage.write(key, value);
      return undefined;
    } catch (error) {
      return failed(this.#report, key, error);
    }
  }

  /** Deletes the entry, if there is one. Returns an error if flash failed. */
  delete(key: string): string | undefined {
    try {
      this.#storage.delete(key);
      return undefined;
    } catch (error) {
      return failed(this.#report, key, error);
    }
  }

  /** Reports that an entry counts as absent, and why. */
  ignore(key: string, error: string): void {
    this.#report({ level: "W", on: "storage", what: "ignored", key, error });
  }
}

function failed(report: Report, key: string, cause: unknown): string {
  const error = String(cause);
  report({ level: "W", on: "storage", what: "failed", key, error });
  return error;
}
