import { buildFirmwareBoard } from "../../emulator/lwip/board.ts";
import { cannotBuild } from "../../emulator/lwip/build.ts";
import { buildEngine, type Engine } from "../../emulator/xs/engine.ts";
import { UsageError } from "../../firmware/tools/command-line.ts";
import { COVERAGE_GOALS } from "./coverage.ts";
import { EmulatedCampaignLab } from "./emulated.ts";
import { generate } from "./generate.ts";
import type { CampaignLab } from "./lab.ts";
import { GOALS_NOT_ON_LWIP, LwipCampaignLab, playable } from "./on-lwip.ts";
import type { RunPlan } from "./plan.ts";

export const TARGET_NAMES = ["emulated", "lwip"] as const;

export type TargetName = (typeof TARGET_NAMES)[number];

/** A place to play the runs of a campaign. */
export interface CampaignTarget {
  readonly name: TargetName;
  /** The plan of a seed. */
  planOf(seed: number): RunPlan;
  /** A lab for one run; `traceLines` packets are kept as text where that is possible. */
  labOf(plan: RunPlan, traceLines: number): CampaignLab;
  /** The rare branches that a campaign on it must take. */
  readonly goals: readonly string[];
}

/** The emulated board on Node's engine. */
export const EMULATED: CampaignTarget = {
  name: "emulated",
  planOf: generate,
  labOf: (plan, traceLines) => new EmulatedCampaignLab(plan, traceLines),
  goals: COVERAGE_GOALS,
};

/** The firmware on the chip's engine, with its own sockets over the chip's TCP stack. */
export function lwipTarget(engine: Engine): CampaignTarget {
  return {
    name: "lwip",
    planOf: seed => playable(generate(seed)),
    labOf: plan => new LwipCampaignLab(engine, plan),
    goals: COVERAGE_GOALS.filter(name => !GOALS_NOT_ON_LWIP.includes(name)),
  };
}

/** The target of this name; what it is built from is built if it is missing. `say` gets lines about that. */
export async function targetOf(
  name: TargetName,
  say: (line: string) => void,
): Promise<CampaignTarget> {
  if (name === "emulated") return EMULATED;
  const why = cannotBuild();
  if (why !== undefined) throw new UsageError(`--target lwip: ${why}`);
  await buildEngine(say);
  return lwipTarget(await buildFirmwareBoard(say));
}
