import type { Restart } from "../restart.ts";

/** The SDK's module `system` has no export: it leaves this global behind. */
declare const System: { restart(): never };

/** Sends what is left to send to the console, then restarts the chip (esp_restart of ESP-IDF). */
export const restart: Restart = () => System.restart();
