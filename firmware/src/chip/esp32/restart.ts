import type { Restart } from "../exports.ts";

/** Sends the rest of the console's output, then restarts the chip (esp_restart of ESP-IDF). */
export const restart: Restart = () => {
  System.restart();
  throw new Error("System.restart has returned"); // the SDK's typings leave it open
};
