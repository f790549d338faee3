import { expect, test } from "vitest";
import type { Scenario } from "../src/scenario.ts";
import { Incidents } from "./incidents.ts";
import { Recorder } from "./recorder.ts";
import { Runner, type RunnerOptions } from "./runner.ts";
import { Stuck } from "./stuck.ts";

/** So many stories on a board that never serves; who is to blame decides whether it is tried twice. */
async function playUnready(blame: "firmware" | "rig", count: number) {
  let attempts = 0;
  const target: RunnerOptions["target"] = {
    name: "the board",
    offers: [],
    patienceMs: 1,
    ready: async () => {
      attempts++;
      throw new Stuck(blame, "no address\nthe last lines");
    },
    stage: () => {
      throw new Error("it was never ready");
    },
  };
  const recorder = new Recorder();
  const device = { answers: async () => true };
  const runner = new Runner({
    ...{ target, device, recorder },
    board: undefined,
    onBegin() {},
    onResult() {},
  });
  const titles = Array.from({ length: count }, (_, i) => `story ${i}`);
  const stories = titles.map(title => ({ title, theme: "", needs: [] }) as unknown as Scenario);
  await runner.run(() => stories.shift());
  return { attempts, results: recorder.results.map(({ verdict, why }) => ({ verdict, why })) };
}

test("a board without Wi-Fi costs a run two waits for its address, and not two for each story", async () => {
  const { attempts, results } = await playUnready("rig", 3);

  const unreached = {
    verdict: "not-reached",
    why: "the board does not get ready: no address",
  };
  expect(attempts).toBe(2);
  expect(results).toMatchObject([{ verdict: "rig-error" }, unreached, unreached]);
});

test("a firmware that does not come up fails two stories, and the rest is not reached", async () => {
  const { attempts, results } = await playUnready("firmware", 4);

  expect(attempts).toBe(2);
  expect(results.map(({ verdict }) => verdict)).toEqual([
    "failed",
    "failed",
    "not-reached",
    "not-reached",
  ]);
});

test.each([
  ["firmware", "panic", "failed"],
  ["rig", "brownout", "flaky"],
] as const)(
  "what the board shows behind the last story counts, too: a fault of the %s",
  async (blame, kind, verdict) => {
    const recorder = new Recorder();
    const runner: Runner = new Runner({
      target: {
        name: "the board",
        offers: [],
        patienceMs: 1,
        ready: async () => {},
        stage: () => {
          throw new Error("nothing is played");
        },
      },
      board: {
        lost: false,
        replugged: async () => {},
        reset: async () => {},
        // It has a word left to say.
        settled: async () =>
          runner.incident({ kind, blame, text: "late", lines: ["a dump"], ms: 1 }),
        incidents: new Incidents(() => 0),
      },
      device: { answers: async () => true },
      recorder,
      onBegin() {},
      onResult() {},
    });
    await runner.run(() => undefined);

    expect(recorder.results).toMatchObject([{ verdict, why: `${kind}: late\na dump` }]);
  },
);
