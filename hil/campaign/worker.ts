import { checkSeed } from "./check.ts";

// A process of a campaign: gets a seed, gives its result, until it is ended.
process.on("disconnect", () => process.exit());
process.on("message", async (seed: number) => {
  process.send!(await checkSeed(seed));
});
