import Digital from "embedded:io/digital";
import Serial from "embedded:io/serial";
import storage from "embedded:storage/key-value";
import { nativeCode } from "chip/native";
import type { DigitalConstructor, SerialConstructor } from "../../platform.ts";
import type { Machine } from "../exports.ts";

/** The reset reasons by number (esp_reset_reason_t of ESP-IDF). */
const RESET_REASONS = [
  "unknown",
  "power-on",
  "external",
  "software",
  "panic",
  "interrupt-watchdog",
  "task-watchdog",
  "watchdog",
  "deep-sleep",
  "brownout",
  "sdio",
];

const ESP_OK = 0;

/** ESP-IDF's nvs_stats_t: five words, of which one is the number of entries of all pages (nvs.h). */
const NVS_STATS_WORDS = 5;
const TOTAL_ENTRIES = 3;

/** NULL: the partition `nvs`. */
const DEFAULT_PARTITION = 0;

/** Entries of a page (nvs_page.hpp), and its size. */
const NVS_PAGE_ENTRIES = 126;
const NVS_PAGE_BYTES = 4096;

export const machine: Machine = {
  vitals: {
    get resetReason() {
      return RESET_REASONS[nativeCode.esp_reset_reason()] ?? "unknown";
    },
    /** Without the free memory of XS. */
    get freeHeapBytes() {
      return nativeCode.esp_get_free_heap_size();
    },
    get storageBytes() {
      const stats = new Uint32Array(NVS_STATS_WORDS);
      if (nativeCode.nvs_get_stats(DEFAULT_PARTITION, stats.buffer) !== ESP_OK) return undefined;
      return (stats[TOTAL_ENTRIES] / NVS_PAGE_ENTRIES) * NVS_PAGE_BYTES;
    },
  },
  storage,
  // The SDK's port also writes an ArrayBuffer (modules/io/serial/esp32/serial.c), which its declaration leaves out.
  Serial: Serial as unknown as SerialConstructor,
  // The declaration of the SDK gives the modes no type.
  Digital: Digital as unknown as DigitalConstructor,
};
