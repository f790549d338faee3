import { defineConfig } from "vitest/config";
import { limitsOf, measureSlowness } from "./hil/kit/patience.ts";
import { readSeed } from "./hil/kit/seed.ts";

// One seed for all workers. A new one is printed: it plays the same run again.
const SEED = String(readSeed(process.env.SEED));
if (process.env.SEED === "random") console.log(`SEED=${SEED}`);

// Time limits are for what hangs: no test in virtual time comes near them, however slow the computer.
const slowness = measureSlowness();
const { patienceMs, testMs } = limitsOf(slowness);

// Files of a worker share their modules, whose state does not change: loading them anew for each file would
// take half of the processor's time.
const shared = { isolate: false };

const env = { SEED, SLOWNESS: String(slowness) };
const limits = {
  testTimeout: testMs,
  hookTimeout: testMs,
  expect: { poll: { timeout: patienceMs } },
};

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
          env,
          ...limits,
          ...shared,
          include: ["**/*.test.ts"],
          exclude: [
            "**/node_modules/**",
            "**/*.live.test.ts",
            "**/*.xs.test.ts",
            "**/*.lwip.test.ts",
          ],
        },
      },
      {
        // The same programs on loopback sockets, as a person runs them.
        test: {
          name: "live",
          env,
          ...limits,
          include: ["**/*.live.test.ts"],
          exclude: ["**/node_modules/**"],
          fileParallelism: false,
          maxConcurrency: 16, // for the scenarios, which wait more than they work
        },
      },
      {
        // On the chip's own engine, which is built first: its tests, and all that boot the firmware in memory.
        test: {
          name: "xs",
          include: ["**/*.xs.test.ts", "**/*.board.test.ts", "hil/scenarios/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.live.test.ts", "**/*.lwip.test.ts"],
          env: { ...env, ENGINE: "xs" },
          ...limits,
          ...shared,
          globalSetup: "emulator/xs/set-up.ts",
          setupFiles: "emulator/xs/each-test.ts",
        },
      },
      {
        // On the chip's TCP stack, which is built first from sources that are fetched (emulator/lwip).
        test: {
          name: "lwip",
          include: ["**/*.lwip.test.ts"],
          exclude: ["**/node_modules/**"],
          env,
          ...limits,
          ...shared,
          globalSetup: "emulator/lwip/set-up.ts",
          setupFiles: "emulator/lwip/each-test.ts",
        },
      },
    ],
  },
});
