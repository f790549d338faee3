import { defineConfig } from "vitest/config";

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
          include: ["**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/*.live.test.ts"],
        },
      },
      {
        // The same programs on loopback sockets, as a person runs them.
        test: {
          name: "live",
          include: ["**/*.live.test.ts"],
          exclude: ["**/node_modules/**"],
          fileParallelism: false,
          testTimeout: 30_000,
        },
      },
    ],
  },
});
