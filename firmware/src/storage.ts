import type { Report } from "./admin/event.ts";
import type { Storage } from "./platform.ts";

/**
 * The text that flash keeps under `key`. An entry of another type counts as absent and is reported:
 * another program on this board may have written it. Errors of the flash are thrown.
 */
export function readText(storage: Storage, key: string, report: Report): string | undefined {
  let value: unknown;
  try {
    value = storage.read(key);
  } catch (error) {
    // The ESP32 port throws this for an entry of another type (xs_directorystorage_read, storage-esp32.c).
    if (!(error instanceof TypeError)) throw error;
    reportIgnored(report, key, "is not text");
    return undefined;
  }
  if (value === undefined || typeof value === "string") return value;
  reportIgnored(report, key, `is a ${typeof value}, not text`);
  return undefined;
}

/** Reports an entry of flash that counts as absent, and why. */
export function reportIgnored(report: Report, key: string, error: string): void {
  report({ level: "W", on: "storage", what: "ignored", key, error });
}
