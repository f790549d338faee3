import { expect, test } from "vitest";
import { Incidents } from "./incidents.ts";
import { Recorder } from "./recorder.ts";
import { Runner } from "./runner.ts";

test.each([
  ["firmware", "panic", "failed"],
  ["rig", "brownout", "flaky"],
] as const)(
  "what the board shows behind the last scenario counts, too: a fault of the %s",
  async (blame, kind, verdict) => {
    const recorder = new Recorder();
    const runner: Runner = new Runner({
      target: {
        name: "the board",
        offers: [],
        patienceMs: 1,
        ready: async () => {},
        setUp: () => {
          throw new Error("nothing is played");
        },
      },
      board: {
        lost: false,
        replugged: async () => {},
        reset: async () => {},
        // The run still has a line to print.
        settled: async () =>
          runner.incident({ kind, blame, text: "late", lines: ["a dump"], ms: 1 }),
        incidents: new Incidents(
          () => 0,
          () => {},
        ),
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
