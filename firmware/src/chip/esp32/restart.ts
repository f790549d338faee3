import type { Restart } from "../restart.ts";

/** Sends what is left to send to the console, then restarts the chip (esp_restart of ESP-IDF). */
export const restart: Restart = () => {
  System.restart();
  throw new Error("System.restart has returned"); // the SDK's typings leave it open
};
