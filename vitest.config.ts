import { defineConfig } from "vitest/config";
import { readSeed } from "./testing/seed.ts";

// One seed for all workers. A new one is printed: it plays the same run again.
const SEED = String(readSeed(process.env.SEED));
if (process.env.SEED === "random") console.log(`SEED=${SEED}`);

export default defineConfig({
  test: {
    // CI reads its counts from this file.
    reporters: process.env.VITEST_JSON
      ? ["default", ["json", { outputFile: process.env.VITEST_JSON }]]
      : ["default"],
    projects: [
      {
        // Pure logic and the in-memory network: no sockets of the computer, milliseconds.
        test: {
          name: "unit",
          env: { SEED },
          include: ["**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.live.test.ts", "**/*.xs.test.ts"],
        },
      },
      {
        // The same programs on loopback sockets, as a person runs them.
        test: {
          name: "live",
          env: { SEED },
          include: ["**/*.live.test.ts"],
          exclude: ["**/node_modules/**"],
          fileParallelism: false,
          maxConcurrency: 16, // for the stories, which wait more than they work
          testTimeout: 30_000,
        },
      },
      {
        // On the chip's own engine, which is built first: its tests, and every story in memory.
        test: {
          name: "xs",
          include: ["**/*.xs.test.ts", "hil/scenarios/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.live.test.ts"],
          env: { SEED, ENGINE: "xs" },
          globalSetup: "emulator/xs/set-up.ts",
          setupFiles: "emulator/xs/each-test.ts",
          testTimeout: 180_000, // an engine behind a pipe, maybe on a busy computer
        },
      },
    ],
  },
});
