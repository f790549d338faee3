import { describe, expect, test } from "vitest";
import { VirtualClock } from "../../emulator/src/clock.ts";
import type { Scenario } from "../kit/scenario.ts";
import type { TestBed } from "../kit/target.ts";
import { BoardError } from "./board-error.ts";
import type { Incident, IncidentKind } from "./incidents.ts";
import { Recorder } from "./recorder.ts";
import type { ScenarioResult } from "./run.ts";
import { Runner } from "./runner.ts";

const incident = (kind: IncidentKind, blame: Incident["blame"], ...lines: string[]): Incident => ({
  ...{ kind, blame, text: `a ${kind}`, lines, ms: 1 },
});
const PANIC = incident("panic", "firmware", "Guru Meditation Error: Core 0", "Backtrace: 0x400d");
const BROWNOUT = incident("brownout", "rig");
const NOISE = incident("noise", "rig");

const scenario = (title: string, body: () => Promise<void>, needs: Scenario["needs"] = []) => ({
  ...{ title, theme: "bench", needs, faults: [], measures: [], body },
});
const good = (title: string) => scenario(title, async () => {});
const forEver = () => new Promise<void>(() => {});

/** A runner on a scripted board; the test sets what the board shows, and when. */
function bench() {
  const asked: string[] = [];
  const results: ScenarioResult[] = [];
  const board = {
    lost: false,
    /** Called while the rig waits. */
    whileReplugged() {},
    whileSettling() {},
    async reset() {
      asked.push("reset");
    },
    async replugged() {
      board.whileReplugged();
    },
    async settled() {
      board.whileSettling();
    },
    incidents: {
      note: (kind: IncidentKind, text: string) =>
        runner.incident({ kind, text, blame: "firmware", lines: [], ms: 1 }),
    },
  };
  const bench = {
    board,
    asked,
    results,
    /** The board becomes ready for scenarios. */
    ready: async () => {},
    /** The board's console answers. */
    answers: async () => true,
    play: async (...scenarios: Scenario[]) => {
      await runner.run(() => scenarios.shift());
      return results;
    },
    verdicts: () => results.map(({ verdict }) => verdict),
    get runner() {
      return runner;
    },
  };
  const testBed = {
    clock: new VirtualClock(),
    pollMs: 1,
    drive: (played: Promise<unknown>) => played.then(() => true),
    leftovers: () => ({ sessions: 0, leaks: [] }),
    packets: () => [],
    close() {},
  } as unknown as TestBed;
  const runner: Runner = new Runner({
    target: {
      name: "the bench",
      offers: [],
      patienceMs: 1,
      setUp: () => testBed,
      async ready() {
        asked.push("ready");
        await bench.ready();
      },
    },
    board: board as never,
    device: { answers: () => bench.answers() },
    recorder: new Recorder(),
    onBegin() {},
    onResult: result => results.push(result),
  });
  return bench;
}

test("a scenario passes, fails with its reason, or is skipped with its reason", async () => {
  const { play, verdicts } = bench();
  const results = await play(
    good("good"),
    scenario("bad", () => Promise.reject(new Error("five, not six"))),
    scenario("stormy", async () => {}, ["simulated-network"]),
  );
  expect(verdicts()).toEqual(["passed", "failed", "skipped"]);
  expect(results[1].why).toContain("five, not six");
  expect(results[2].why).toBe("the bench has no simulated network");
});

test("on a line that is always disturbed a scenario keeps some noise, and every other incident", async () => {
  const { play, runner, results } = bench();
  await play(
    scenario("noisy", () => {
      for (let i = 0; i < 10_000; i++) runner.incident(NOISE);
      runner.incident(PANIC);
      return forEver();
    }),
  );
  const kinds = results[0].incidents.map(({ kind }) => kind);
  expect(kinds.length).toBeLessThan(100);
  expect(kinds.at(-1)).toBe("panic");
});

test("the board is reset after a failed scenario, and not after a passed one", async () => {
  const { play, asked } = bench();
  await play(
    good("first"),
    scenario("bad", () => Promise.reject(new Error("bad"))),
    good("last"),
  );
  expect(asked).toEqual(["ready", "ready", "reset", "ready"]);
});

describe("an incident", () => {
  test("of the firmware fails the scenario at once, with its dump", async () => {
    const { play, runner, verdicts } = bench();
    const [result] = await play(
      scenario("waits for ever", () => {
        runner.incident(PANIC);
        return forEver();
      }),
      good("next"),
    );
    expect(verdicts()).toEqual(["failed", "passed"]);
    expect(result.incidents).toEqual([PANIC]);
    expect(result.why).toContain("Backtrace: 0x400d");
  });

  test("of the rig makes the scenario start again, once, and never fails it", async () => {
    const { play, runner, asked } = bench();
    let plays = 0;
    const [result] = await play(
      scenario("unlucky", async () => {
        if (++plays > 1) return;
        runner.incident(BROWNOUT);
        await forEver();
      }),
    );
    expect([result.verdict, plays, result.why]).toEqual(["flaky", 2, "brownout: a brownout"]);
    expect(asked).toEqual(["ready", "reset", "ready"]);
  });

  test("of the rig in the second attempt, too, is a rig-error, without a third attempt", async () => {
    const { play, runner, verdicts } = bench();
    let plays = 0;
    await play(
      scenario("dark", async () => {
        if (++plays > 2) return;
        runner.incident(BROWNOUT);
        await forEver();
      }),
      good("next"),
    );
    expect([verdicts(), plays]).toEqual([["rig-error", "passed"], 2]);
  });

  test("of noise breaks nothing itself; a scenario that fails beside it is played again", async () => {
    const { play, runner, verdicts } = bench();
    let plays = 0;
    await play(
      scenario("passed all the same", async () => runner.incident(NOISE)),
      scenario("spoilt", async () => {
        if (++plays > 1) return;
        runner.incident(NOISE);
        throw new Error("a line was missing");
      }),
      scenario("wrong without any noise", () => Promise.reject(new Error("wrong"))),
    );
    expect(verdicts()).toEqual(["passed", "flaky", "failed"]);
  });

  test("between two scenarios belongs to the next one", async () => {
    const { play, runner, verdicts } = bench();
    runner.incident(PANIC);
    const [result] = await play(good("unsuspecting"), good("next"));
    expect(verdicts()).toEqual(["failed", "passed"]);
    expect(result.incidents).toEqual([PANIC]);
  });

  test("that comes after the scenario's error is its reason", async () => {
    const { play, runner, board } = bench();
    let plays = 0;
    board.whileSettling = () => runner.incident(BROWNOUT);
    const [result] = await play(
      scenario("cut off", async () => {
        if (++plays === 1) throw new Error("ECONNRESET");
      }),
    );
    expect([result.verdict, result.why]).toEqual(["flaky", "brownout: a brownout"]);
  });

  test("of silence is reported for a board that hangs, as the firmware's fault", async () => {
    const stuck = bench();
    stuck.answers = async () => false;
    const [result] = await stuck.play(
      scenario("unanswered", () => Promise.reject(new Error("nothing for 3 s"))),
    );
    expect(result.verdict).toBe("failed");
    expect(result.why).toMatch(
      /^the board answered neither the scenario nor the console\n.*nothing for 3/,
    );
    expect(result.incidents.map(({ kind }) => kind)).toEqual(["silence"]);
  });
});

test("of a cable that is pulled during the console check is the rig's fault, not the firmware's", async () => {
  const pulled = bench();
  let plays = 0;
  pulled.answers = async () => {
    pulled.runner.incident(incident("port-lost", "rig"));
    throw new Error("the serial port is gone");
  };
  const [result] = await pulled.play(
    scenario("cut off", async () => {
      if (++plays === 1) throw new Error("ECONNRESET");
    }),
    good("next"),
  );
  expect(pulled.verdicts()).toEqual(["flaky", "passed"]);
  expect(result.why).toBe("port-lost: a port-lost");
});

describe("the end of a run", () => {
  test("a board that stays lost ends the run, and the rest is not reached", async () => {
    const { play, runner, board, verdicts } = bench();
    board.whileReplugged = () => {
      board.lost = true;
    };
    const results = await play(
      scenario("pulled", () => {
        runner.incident(incident("port-lost", "rig"));
        return forEver();
      }),
      good("next"),
    );
    expect(verdicts()).toEqual(["rig-error", "not-reached"]);
    expect([results[1].why, runner.lost]).toEqual(["the board is lost", true]);
  });

  test("a boot loop ends the run", async () => {
    const { play, runner, verdicts } = bench();
    const results = await play(
      scenario("looping", () => {
        runner.incident(incident("boot-loop", "firmware"));
        return forEver();
      }),
      good("next"),
    );
    expect(verdicts()).toEqual(["failed", "not-reached"]);
    expect(results[1].why).toBe("the board is in a boot loop");
  });

  test("a board that crashes before it serves in two scenarios in a row is in a boot loop", async () => {
    const crashing = bench();
    crashing.ready = () => {
      crashing.runner.incident(PANIC);
      return forEver();
    };
    const results = await crashing.play(good("one"), good("two"), good("three"));
    expect(crashing.verdicts()).toEqual(["failed", "failed", "not-reached"]);
    expect(results[1].incidents.map(({ kind }) => kind)).toEqual(["panic", "boot-loop"]);
    expect(results[2].why).toBe("the board is in a boot loop");
  });

  test("a board without Wi-Fi for two scenarios in a row ends the run", async () => {
    const offline = bench();
    offline.ready = () => Promise.reject(new BoardError("rig", "the board gets no address"));
    const results = await offline.play(good("one"), good("two"), good("three"));
    expect(offline.verdicts()).toEqual(["rig-error", "rig-error", "not-reached"]);
    expect(results[2].why).toBe("the board did not come up, for 2 scenarios in a row");
  });

  test("a board that comes up in between is still played on", async () => {
    const moody = bench();
    let scenarios = 0;
    moody.ready = async () => {
      if (++scenarios % 2 === 1) throw new BoardError("firmware", "the board does not serve");
    };
    await moody.play(good("one"), good("two"), good("three"), good("four"));
    expect(moody.verdicts()).toEqual(["failed", "passed", "failed", "passed"]);
  });

  test("a user who ends the run ends the running scenario, too", async () => {
    const { play, runner, verdicts } = bench();
    const results = await play(
      good("done"),
      scenario("under way", () => {
        runner.end("stopped by Ctrl-C");
        return forEver();
      }),
      good("next"),
    );
    expect(verdicts()).toEqual(["passed", "not-reached", "not-reached"]);
    expect(results.slice(1).map(({ why }) => why)).toEqual(Array(2).fill("stopped by Ctrl-C"));
  });
});
