import { checkSeed } from "./check.ts";
import { type CampaignTarget, type TargetName, targetOf } from "./targets.ts";

let target: CampaignTarget | undefined;

// A worker process: receives the target and seeds, sends their results, until it is ended.
process.on("disconnect", () => process.exit());
process.on("message", async ({ seed, name }: { seed: number; name: TargetName }) => {
  target ??= await targetOf(name, () => {});
  process.send!(await checkSeed(seed, true, target));
});
