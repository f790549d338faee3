import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PATIENCE_MS } from "../kit/patience.ts";
import type { Scenario } from "../kit/scenario.ts";
import { type Attachment, type AttachmentOptions, attachEmulated } from "./attachment.ts";
import { BoardError } from "./board-error.ts";
import { EmulatedBoard } from "./emulated-board.ts";
import { Rig, type RigOptions } from "./rig.ts";
import type { Run, ScenarioResult } from "./run.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hot-potato-"));
});
afterAll(() => rm(folder, { recursive: true }));

const EASY: Scenario = {
  ...{ theme: "bench", title: "nothing happens", needs: [], faults: [], measures: [] },
  body: async lab => {
    lab.backend("red");
    await lab.proxy();
  },
};

/** Plays one easy scenario, or others, on this attachment. */
async function played(
  setUp: (surroundings: AttachmentOptions) => Attachment,
  bringUp?: RigOptions["bringUp"],
  scenarios: readonly Scenario[] = [EASY],
  repeat = 1,
): Promise<Run> {
  const options: RigOptions = {
    ...{ scenarios, repeat, soakMs: undefined, patienceMs: PATIENCE_MS, folder },
    ...{ inject: undefined, commit: undefined, bringUp, signal: new AbortController().signal },
  };
  const audience = { begin() {}, line() {}, result() {}, soak() {}, keep() {} };
  return await new Rig(setUp, options, audience).run();
}

const verdicts = ({ results }: Run) =>
  results.map(({ title, verdict, why }: ScenarioResult) => ({ title, verdict, why }));

test("the boot loop of a new board before it got our firmware is not blamed on our firmware", async () => {
  const emulated = new EmulatedBoard();
  const ours = emulated.board.firmware;
  emulated.board.firmware = () => {
    throw new Error("nothing was ever flashed");
  };
  const run = await played(
    surroundings => attachEmulated(emulated, surroundings),
    async board => {
      await board.reset();
      const starts = () => board.transcript.lines.filter(({ text }) => /^rst:/.test(text)).length;
      await expect.poll(starts).toBeGreaterThan(4);
      emulated.board.firmware = ours;
      await board.reset();
      return true;
    },
  );
  expect(verdicts(run)).toEqual([{ title: EASY.title, verdict: "passed" }]);
  expect(run.results[0].incidents).toEqual([]);
  expect(run.exitCode).toBe(0);
});

test("a cable that is pulled during flashing is a fault of the rig, reported in a sentence", async () => {
  const emulated = new EmulatedBoard();
  const run = played(
    surroundings => attachEmulated(emulated, surroundings),
    async board => {
      emulated.unplug();
      await expect.poll(() => board.link.open).toBe(false);
      throw new TypeError("Cannot read properties of undefined"); // what a tool throws that lost its port
    },
  );
  await expect(run).rejects.toThrow(BoardError);
  await expect(run).rejects.toThrow("emulated was gone before the board was flashed");
});

test("one bad round of many fails the run, although the last one was good", async () => {
  const heaps = [40_000, 9_000, 40_000];
  const measuring: Scenario = {
    ...{ ...EASY, needs: ["budgets"], measures: ["heap floor"] },
    body: async lab => {
      await EASY.body(lab);
      lab.measure("heap floor", heaps.shift()!);
    },
  };
  const run = await played(
    surroundings => attachEmulated(new EmulatedBoard(), surroundings),
    undefined,
    [measuring],
    heaps.length,
  );
  expect(run.measurements).toMatchObject([{ name: "heap floor", value: 9_000 }]);
  expect(run.exitCode).toBe(1);
});
