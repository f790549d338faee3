import { describe, expect, test } from "vitest";
import { AFTERWARDS, EXIT, type Run } from "../run.ts";
import { duration, figure, summaryOf } from "./summary.ts";
import { aResult, aRun } from "./testing.ts";

describe("the summary of a run", () => {
  test("a passed run says so, and what was skipped", () => {
    const run = aRun({
      results: [aResult(), aResult({ title: "rain", verdict: "skipped", why: "no weather" })],
      measurements: [{ name: "boot", unit: "ms", value: 412, max: 500 }],
    });
    expect(summaryOf(run)).toEqual({
      passed: true,
      headline: "The one scenario passed, and every measurement is within its limits",
      reasons: ["1 scenario skipped: no weather."],
      advice: [],
    });
  });

  test("a panic: what failed, that it is the firmware's fault, and what to do", () => {
    const run = aRun({
      exitCode: EXIT.firmware,
      results: [
        aResult(),
        aResult({
          title: "one of two",
          verdict: "failed",
          incidents: [{ kind: "panic", blame: "firmware", text: "x", lines: [], ms: 1 }],
        }),
      ],
    });
    expect(summaryOf(run)).toEqual({
      passed: false,
      headline: "The firmware failed: 1 of 2 scenarios passed",
      reasons: ["1 scenario failed because of the firmware: “one of two”."],
      advice: [
        expect.stringMatching(/^panic: .*dump/),
        'Play it alone: npm run hil -- --board emulated --scenario "one of two" --verbose',
      ],
    });
  });

  test("a brownout is not blamed on the firmware", () => {
    const run = aRun({
      exitCode: EXIT.rig,
      results: [
        aResult({
          verdict: "rig-error",
          incidents: [{ kind: "brownout", blame: "rig", text: "x", lines: [], ms: 1 }],
        }),
      ],
    });
    const { headline, reasons, advice } = summaryOf(run);
    expect(headline).toBe(
      "A fault of the rig, so no verdict about the firmware: 0 of 1 scenario passed",
    );
    expect(reasons).toEqual([expect.stringContaining("because of the rig")]);
    expect(advice).toEqual([
      expect.stringMatching(/^brownout: .*cable/),
      expect.stringContaining("doctor"),
    ]);
  });

  test("a run that the user ended is no fault of the rig, and doctor is not advised", () => {
    const left = aResult({ title: "b", verdict: "not-reached", why: "stopped by Ctrl-C" });
    const words = summaryOf(aRun({ exitCode: EXIT.rig, results: [aResult(), left] }));
    expect(words).toMatchObject({
      headline: "It was ended early, so no verdict about the firmware: 1 of 2 scenarios passed",
      reasons: ["1 scenario not reached: stopped by Ctrl-C."],
      advice: [],
    });
  });

  test("a broken limit is shown with the figure and the limit", () => {
    const run = aRun({
      exitCode: EXIT.firmware,
      measurements: [{ name: "connect p95", unit: "ms", value: 38.21, max: 25 }],
    });
    expect(summaryOf(run).reasons).toEqual(["connect p95: 38.2 ms, at most 25 ms."]);
  });

  test("a soak has the number of plays and of scenarios", () => {
    const bad = aResult({ title: "bad", verdict: "failed" });
    const rain = aResult({ title: "rain", verdict: "skipped", why: "no weather" });
    const plays = Array.from({ length: 1_000 }, () => aResult());
    expect(summaryOf(aRun({ results: plays })).headline).toBe(
      "All 1,000 plays of 1 scenario passed",
    );
    const { headline, reasons } = summaryOf(
      aRun({ exitCode: EXIT.firmware, results: [...plays, bad, bad, rain, rain] }),
    );
    expect(headline).toBe("The firmware failed: 1000 of 1,002 plays of 2 scenarios passed");
    expect(reasons).toEqual([
      "1 scenario failed because of the firmware: “bad” (2 times).",
      "1 scenario skipped: no weather.",
    ]);
  });

  test("results that were only counted count, and are mentioned", () => {
    const { headline, reasons } = summaryOf(aRun({ more: { passed: 1200, skipped: 3 } }));
    expect(headline).toBe("All 1,201 plays of 1 scenario passed");
    expect(reasons.at(-1)).toMatch(/^1,203 more plays .* only counted: 1200 passed, 3 skipped\.$/);
  });

  test("a run without a played scenario has not passed", () => {
    const results = [aResult({ verdict: "skipped", why: "no weather" })];
    const run = aRun({ exitCode: EXIT.usage, results });
    expect(summaryOf(run)).toMatchObject({ passed: false, headline: "Nothing was played" });
  });

  test("the command that plays it again needs no quoting in any shell", () => {
    const title = 'END ends it, also cut as "a `rm`" or $HOME';
    const run = aRun({ exitCode: EXIT.firmware, results: [aResult({ title, verdict: "failed" })] });
    expect(summaryOf(run).advice).toEqual([
      'Play it alone: npm run hil -- --board emulated --scenario "END ends it, also cut as" --verbose',
    ]);
  });

  test("the command that plays it again names the same board", () => {
    const results = [aResult({ title: "a", verdict: "failed" })];
    const advice = (board: Run["board"]) =>
      summaryOf(aRun({ exitCode: EXIT.firmware, board, results })).advice;
    expect(advice({ kind: "address", identity: "192.168.1.50:8404" })).toEqual([
      'Play it alone: npm run hil -- --address 192.168.1.50:8404 --scenario "a" --verbose',
    ]);
    const path = "/dev/ttyUSB0"; // there may be several boards, or one that is not listed
    expect(advice({ kind: "serial", identity: "usb 1-2", path })).toEqual([
      'Play it alone: npm run hil -- --port /dev/ttyUSB0 --scenario "a" --verbose',
    ]);
  });

  test("a board that hangs does not lead to advice about cables, although it has lost answers", () => {
    const incidents = (["lost-reply", "silence"] as const).map(kind => ({
      ...{ kind, blame: "firmware" as const, text: "no answer", lines: [], ms: 1 },
    }));
    const run = aRun({
      exitCode: EXIT.firmware,
      results: [aResult({ title: "a", verdict: "failed", incidents })],
    });
    expect(summaryOf(run).advice).toEqual([
      expect.stringMatching(/^silence: /),
      expect.stringMatching(/^Play it alone/),
    ]);
  });

  test("an incident after the last scenario has no command that plays it again", () => {
    const results = [aResult({ theme: AFTERWARDS, verdict: "failed" })];
    expect(summaryOf(aRun({ exitCode: EXIT.firmware, results })).advice).toEqual([]);
  });

  test("for a board in the network that does not answer, a browser is advised: doctor needs a cable", () => {
    const board = { kind: "address", identity: "192.168.1.50:8404" } as const;
    const results = [aResult({ verdict: "rig-error" })];
    expect(summaryOf(aRun({ exitCode: EXIT.rig, board, results })).advice).toEqual([
      expect.stringContaining("http://192.168.1.50:8404"),
    ]);
  });

  test("skipped scenarios are grouped by their reasons", () => {
    const results = ["no weather", "no weather", "no serial line"].map((why, i) =>
      aResult({ title: `${i}`, verdict: "skipped", why }),
    );
    expect(summaryOf(aRun({ results: [aResult(), ...results] })).reasons).toEqual([
      "2 scenarios skipped: no weather.",
      "1 scenario skipped: no serial line.",
    ]);
  });

  test("many names are cut to three and a number", () => {
    const results = ["a", "b", "c", "d", "e"].map(title => aResult({ title, verdict: "failed" }));
    const run = aRun({ exitCode: EXIT.firmware, results });
    expect(summaryOf(run).reasons).toEqual([
      "5 scenarios failed because of the firmware: “a”, “b”, “c”, 2 more.",
    ]);
  });
});

test.each([
  [12.4, "12 ms"],
  [3400, "3.4 s"],
  [125_000, "2 min 5 s"],
  [28_800_000, "8 h 0 min"],
])("%i ms reads %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test.each([
  [38.214, "ms", "38.2 ms"],
  [61_320, "B", "61,320 B"],
  [61.3, "/s", "61.3/s"],
  [7, "", "7"],
])("%f in %s reads %s", (value, unit, text) => {
  expect(figure(value, { unit })).toBe(text);
});
