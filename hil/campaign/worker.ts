import { checkSeed } from "./check.ts";

// A worker process: receives seeds, sends their results, until it is ended.
process.on("disconnect", () => process.exit());
process.on("message", async (seed: number) => {
  process.send!(await checkSeed(seed));
});
