import FFI from "mc/ffi";

/** Why the chip started (esp_reset_reason_t of ESP-IDF). */
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

/** WIFI_PS_NONE of ESP-IDF's wifi_ps_type_t. */
const POWER_SAVE_NONE = 0;

const idf = new FFI();

export function resetReason(): string {
  return RESET_REASONS[idf.esp_reset_reason()] ?? "unknown";
}

/** Free heap in bytes, that of XS not included. */
export function freeHeap(): number {
  return idf.esp_get_free_heap_size();
}

/**
 * Keeps the radio awake. ESP-IDF lets it sleep between beacons, which delays what comes in by a
 * hundred milliseconds and more.
 */
export function disablePowerSave(): void {
  idf.esp_wifi_set_ps(POWER_SAVE_NONE);
}
